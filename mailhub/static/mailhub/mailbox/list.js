/* The list after htmx has swapped a part of the page: days without messages go, the open row is marked, focus and scroll
   position stay, and going back and forward keeps the list that is there. */

import { find, openId, rows } from "./page.js";
import { showSelection } from "./selection.js";

const narrow = matchMedia("(max-width: 44.9rem)");

let nextFocus = null; // the id of the row to go to when the present one leaves
let kept = null; // list address and scroll position across a swap of the list

export function focusNext(row) {
  nextFocus = row?.id ?? null;
}

function leaveDays() {
  for (const day of document.querySelectorAll("#messages > .day")) {
    if (!day.nextElementSibling?.matches(".row")) day.remove();
  }
}

/* All messages of the page are gone: the next ones move up. */
function refill() {
  const list = find("#list");
  if (find("#messages") && !rows().length) {
    htmx.ajax("GET", list.dataset.list, { target: "#list", swap: "outerHTML" });
  }
}

function showOpen() {
  const open = openId();
  for (const row of rows()) {
    const isOpen = row.dataset.message === open;
    row.classList.toggle("is-open", isOpen);
    const link = row.querySelector(".row-link");
    if (!isOpen) link.removeAttribute("aria-current");
    else {
      link.setAttribute("aria-current", "true");
      row.classList.remove("is-unread");
      link.querySelector(".row-link > .vh")?.remove();
    }
  }
  if (!find("#message")) return;
  const pane = open ? "reader" : "list";
  if (document.body.dataset.pane === pane) return;
  document.body.dataset.pane = pane;
  if (narrow.matches && open) find("#message").focus({ preventScroll: true });
}

export function settle() {
  for (const button of document.querySelectorAll("[data-select]")) button.hidden = false;
  leaveDays();
  showOpen();
  showSelection();
  const row = nextFocus && document.getElementById(nextFocus);
  if (row && document.activeElement === document.body) {
    row.querySelector(".row-link").focus();
    nextFocus = null;
  }
  refill();
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id !== "list") return;
  kept = { list: find("#list").dataset.list, top: find("#messages")?.scrollTop ?? 0 };
  nextFocus ??= document.activeElement.closest?.("#messages > .row")?.id;
});

document.addEventListener("htmx:afterSettle", () => {
  const scroller = find("#messages");
  if (kept && scroller && kept.list === find("#list").dataset.list) scroller.scrollTop = kept.top;
  kept = null;
  settle();
});

/* ── Going back and forward: the list stays where it is when it is the same ── */
document.addEventListener("htmx:historyCacheMiss", (event) => {
  const path = event.detail.path;
  const link = rows().some((row) => row.querySelector(".row-link").getAttribute("href") === path);
  const isList = find("#list")?.dataset.list === path;
  if (!link && !isList) return;
  event.preventDefault();
  htmx.ajax("GET", path, { target: "#message", swap: "outerHTML", select: isList ? "#message" : undefined });
});
document.addEventListener("htmx:historyRestore", settle);
