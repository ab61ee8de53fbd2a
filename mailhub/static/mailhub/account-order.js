/* The order of the account cards: drag the grip, or focus it and press arrow up or down. The server is told at the end. */

const list = () => document.querySelector(".account-cards");
const cards = () => [...list().querySelectorAll(":scope > [data-account]")];
let dragged = null;
let before = "";

const order = () => cards().map((card) => card.dataset.account).join(" ");

function say(card) {
  const said = document.getElementById("order-said");
  const words = { name: card.dataset.name, place: cards().indexOf(card) + 1, count: cards().length };
  said.textContent = said.dataset.words.replace(/\{(\w+)\}/g, (_, key) => words[key]);
}

async function send() {
  if (order() === before) return;
  before = order();
  const body = new URLSearchParams(cards().map((card) => ["account", card.dataset.account]));
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const headers = { "X-CSRFToken": token, "X-Requested-With": "fetch" };
  const answer = await fetch(list().dataset.order, { method: "POST", body, headers }).catch(() => null);
  // Signed out, or no network: show again what is true.
  if (!answer?.ok) location.reload();
}

/* ── Dragging ── */
document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.(".grip");
  if (!grip || event.button !== 0) return;
  dragged = grip.closest("[data-account]");
  before = order();
  grip.setPointerCapture(event.pointerId);
});
document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const all = cards();
  const place = all.indexOf(dragged);
  const middle = (card) => { const box = card.getBoundingClientRect(); return box.top + box.height / 2; };
  if (place > 0 && event.clientY < middle(all[place - 1])) all[place - 1].before(dragged);
  else if (place < all.length - 1 && event.clientY > middle(all[place + 1])) all[place + 1].after(dragged);
});
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    if (!dragged) return;
    say(dragged);
    dragged = null;
    send();
  });
}

/* ── Arrow keys ── */
document.addEventListener("keydown", (event) => {
  const grip = event.target.closest?.(".grip");
  if (!grip || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const card = grip.closest("[data-account]");
  const all = cards();
  const next = all[all.indexOf(card) + (event.key === "ArrowUp" ? -1 : 1)];
  if (!next) return;
  before = order();
  if (event.key === "ArrowUp") next.before(card); else next.after(card);
  grip.focus();
  card.scrollIntoView({ block: "nearest" });
  say(card);
  send();
});

/* The list refreshes itself, but not under somebody's hand. */
document.addEventListener("htmx:beforeRequest", (event) => {
  const isList = event.target.id === "account-list";
  if (isList && (dragged || event.target.querySelector("details[open], .grip:focus"))) event.preventDefault();
});
