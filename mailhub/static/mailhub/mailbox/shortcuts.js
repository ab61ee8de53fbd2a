/* Keys: each presses a button or follows a link that the page has anyway. */

import { focusNext } from "./list.js";
import { box, find, openId, rows } from "./page.js";
import { chosen, clearSelection, select, showSelection } from "./selection.js";

let isGoing = false; // after g

function current() {
  const focused = document.activeElement?.closest?.("#messages > .row");
  return focused ?? document.getElementById(`row-${openId()}`);
}

function step(by) {
  const all = rows();
  const at = all.indexOf(current());
  const row = at < 0 ? all[0] : all[Math.max(0, Math.min(all.length - 1, at + by))];
  row?.querySelector(".row-link").focus();
  row?.scrollIntoView({ block: "nearest" });
}

/* To the selected messages, else to the one at hand, which `stays` in the list or leaves it. */
function act(selector, { stays = false } = {}) {
  const button = find(`#bulk :is(${selector})`);
  const row = current();
  if (!button) return;
  if (chosen().length) {
    button.click();
    return;
  }
  if (!row) {
    find(`.reader-tools :is(${selector})`)?.click();
    return;
  }
  const all = rows();
  const at = all.indexOf(row);
  focusNext(stays ? row : all[at + 1] ?? all[at - 1]);
  box(row).checked = true;
  button.disabled = false;
  button.click(); // the form is read at once, so the mark need not stay
  box(row).checked = false;
  showSelection();
}

function go(key) {
  const link = key === "a"
    ? find('.side-scroll > .entry[href$="/all/"]')
    : document.querySelectorAll(".side-scroll .account > .entry")[Number(key) - 1];
  link?.click();
}

function leave() {
  if (document.body.classList.contains("is-selecting")) clearSelection();
  else if (openId()) find("#back")?.click();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: () => current()?.querySelector(".row-link").click(),
  x: () => { const row = current(); if (row) select(row, !box(row).checked); },
  X: () => { const row = current(); if (row) select(row, true, { range: true }); },
  s: () => current()?.querySelector(".row-star").click(),
  v: () => act("[data-action=move]"),
  l: () => act("[data-action=label]", { stays: true }),
  U: () => act("[data-action=unread]"),
  "#": () => act("[data-action=trash], [data-action=discard]"),
  u: () => find("#unread-only")?.click(),
  c: () => find("#write")?.click(),
  r: () => find(".reader-tools [value=reply]")?.click(),
  a: () => find(".reader-tools [value=reply_all]")?.click(),
  f: () => find(".reader-tools [value=forward]")?.click(),
  g: () => { isGoing = true; },
  Escape: leave,
};

function isBusyElsewhere(event) {
  const typing = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
  return event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented
    || event.target.matches?.(typing) || find("dialog[open]") || find("details.menu[open]");
}

document.addEventListener("keydown", (event) => {
  if (isBusyElsewhere(event)) return;
  focusNext(null);
  if (isGoing) {
    isGoing = false;
    if (/^[a1-9]$/.test(event.key)) {
      event.preventDefault();
      go(event.key);
      return;
    }
  }
  const does = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});
