/* New mail: at the top of the first page and with nothing selected it simply comes in; else a line says so. */

import { find } from "./page.js";

const NEAR_TOP = 8;

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "fresh" && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "fresh") return;
  const isFirst = "first" in (find("#list")?.dataset ?? {});
  const isAtTop = (find("#messages")?.scrollTop ?? 0) < NEAR_TOP;
  const isFree = !document.body.classList.contains("is-selecting");
  const link = find("#fresh [data-fresh]");
  // Not a click: htmx does not know the link yet, so the browser would follow it and close the open message.
  if (link && isFirst && isAtTop && isFree) {
    htmx.ajax("GET", link.getAttribute("href"), { target: "#list", swap: "outerHTML" });
  }
});
