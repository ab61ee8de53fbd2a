/* Signatures, templates and the disclaimer: the preview follows what is typed, buttons put placeholders in.
   Without it everything works by typing and by the preview's own button. */

import { edit } from "./signature-editor.js";

const form = document.querySelector("form[data-writing]");
const box = form.querySelector("[data-preview]");
const PAUSE_MS = 400;

/* ── Preview ── */
/* A form of its own, so that files are not sent along; and a fresh frame each time, or each look at it would be a
   step of the browser's way back. */
const sender = document.createElement("form");
sender.method = "post";
sender.action = box.dataset.preview;
sender.target = "preview";
sender.hidden = true;
document.body.append(sender);

const SENT = ["csrfmiddlewaretoken", "html", "text", "is_plain", "subject", "samples"];
let last = "";

function showPreview() {
  const data = new FormData(form);
  const fields = SENT.filter((name) => data.has(name)).map((name) => {
    const field = document.createElement("input");
    [field.type, field.name, field.value] = ["hidden", name, data.get(name)];
    return field;
  });
  const now = fields.map((field) => field.value).join("\n");
  if (now === last) return;
  last = now;
  sender.replaceChildren(...fields);
  const frame = box.querySelector("iframe");
  frame.replaceWith(frame.cloneNode());
  sender.submit();
}

let timer = 0;
function followTyping() {
  clearTimeout(timer);
  timer = setTimeout(showPreview, PAUSE_MS);
}

form.addEventListener("input", followTyping);
form.addEventListener("change", followTyping);
box.classList.add("is-live");
showPreview();

/* ── The editor ── */
for (const field of form.querySelectorAll("[data-rich]")) edit(field);

/* ── Placeholders ── */
/* They go where was typed last, of the fields that know them. */
const KNOWING = ["subject", "html", "text"];
let target = null;
form.addEventListener("focusin", ({ target: field }) => {
  const known = field.closest("[data-rich]")?.querySelector("textarea") ?? field;
  if (KNOWING.includes(known.name)) target = known;
});

const isRich = (field) => field.closest(".is-live:not(.is-source)") !== null;
const isShown = (field) => field.closest(".field").getClientRects().length > 0;

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const { html, text, subject } = form.elements;
  const field = target && isShown(target) ? target : [html, text].find(isShown) ?? subject;
  if (isRich(field)) field.dispatchEvent(new CustomEvent("put", { detail: button.dataset.insert }));
  else {
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
