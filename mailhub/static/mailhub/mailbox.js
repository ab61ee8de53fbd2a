/* The mailbox made quicker: selection, keys, one pane at a time on the phone, new mail. It remembers nothing, and
   everything it does can be done with links and forms. */

const NEAR_TOP = 8;
const narrow = matchMedia("(max-width: 44.9rem)");
const find = (selector) => document.querySelector(selector);
const rows = () => [...document.querySelectorAll("#messages > .row")];
const box = (row) => row.querySelector(".row-check input");
const chosen = () => rows().filter((row) => box(row).checked);
const openId = () => find("#message")?.dataset.message;

let isSelecting = false; // asked for with the button, although nothing is selected yet
let lastRow = null; // where a range begins
let nextFocus = null; // the id of the row to go to when the present one leaves
let kept = null; // list address and scroll position across a swap of the list

/* ── Selection ── */
function showSelection() {
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

function select(row, checked, { range = false } = {}) {
  const all = rows();
  const from = range ? all.indexOf(lastRow) : -1;
  const to = all.indexOf(row);
  const between = from < 0 ? [row] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const each of between) box(each).checked = checked;
  lastRow = row;
  showSelection();
}

function clearSelection() {
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

/* ── What follows from a swap ── */
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

function settle() {
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

/* ── Undo: what is taken back needs no toast any more ── */
let taken = null;
document.addEventListener("click", (event) => {
  taken = event.target.closest?.("[form=undo]")?.closest("[data-toast]") ?? taken;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id !== "undo" || event.detail.xhr.status >= 400) return;
  taken?.remove();
  taken = null;
});

/* ── New mail ── */
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "fresh" && document.hidden) event.preventDefault();
});

/* At the top of the first page and with nothing selected, new mail simply comes in; else a line says so. */
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

/* ── Keyboard ── */
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
  nextFocus = (stays ? row : all[at + 1] ?? all[at - 1])?.id;
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
  v: () => act("[value=move]"),
  l: () => act("[value=label]", { stays: true }),
  U: () => act("[value=unread]"),
  "#": () => act("[value=trash], [value=discard]"),
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
  nextFocus = null;
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

settle();
find("#messages > .is-open")?.scrollIntoView({ block: "nearest" });
