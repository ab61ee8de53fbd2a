/* What the modules of the mailbox ask of its page. It holds no state. */

export const find = (selector) => document.querySelector(selector);
export const rows = () => [...document.querySelectorAll("#messages > .row")];
export const box = (row) => row.querySelector(".row-check input");
export const openId = () => find("#message")?.dataset.message;
