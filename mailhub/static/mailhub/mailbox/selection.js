/* Choosing messages: boxes, ranges with shift, the toolbar for all of them. What is chosen are the boxes themselves. */

import { box, find, rows } from "./page.js";

let isSelecting = false; // asked for with the button, although nothing is selected yet
let lastRow = null; // where a range begins

export const chosen = () => rows().filter((row) => box(row).checked);

export function showSelection() {
  const count = chosen().length;
  const on = isSelecting || count > 0;
  for (const row of rows()) row.classList.toggle("is-selected", box(row).checked);
  document.body.classList.toggle("is-selecting", on);
  const bar = find("#bulk");
  if (!bar) return;
  bar.hidden = !on;
  find("#list-head").hidden = on;
  find("#selected-count").textContent = count.toLocaleString(document.documentElement.lang);
  const all = find("#select-all");
  all.checked = count > 0 && count === rows().length;
  all.indeterminate = count > 0 && !all.checked;
  for (const button of bar.querySelectorAll("[form=selection]")) button.disabled = !count;
}

export function select(row, checked, { range = false } = {}) {
  const all = rows();
  const from = range ? all.indexOf(lastRow) : -1;
  const to = all.indexOf(row);
  const between = from < 0 ? [row] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const each of between) box(each).checked = checked;
  lastRow = row;
  showSelection();
}

export function clearSelection() {
  isSelecting = false;
  for (const row of chosen()) box(row).checked = false;
  showSelection();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  if (on("[data-select]")) {
    isSelecting = true;
    on("details")?.removeAttribute("open");
    showSelection();
  } else if (on("[data-clear]")) {
    clearSelection();
  } else if (on(".row-check input")) {
    select(on(".row"), event.target.checked, { range: event.shiftKey });
  }
});

/* The bar goes when its work is done; its menu would be open when it comes again. */
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#bulk .menu-item")) find("#bulk details").open = false;
});

/* A label that only some of the messages have: only once its box is touched is an empty one meant. */
document.addEventListener("change", (event) => {
  if (!event.target.matches?.(".picks [data-mixed]")) return;
  event.target.closest("li").querySelector("[name=was]").disabled = false;
});

document.addEventListener("change", (event) => {
  if (event.target.id !== "select-all") return;
  for (const row of rows()) box(row).checked = event.target.checked;
  showSelection();
});

/* Done: the phone gets its bar back. */
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id === "selection" && event.detail.successful) isSelecting = false;
});
