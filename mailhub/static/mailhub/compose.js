/* A letter being written: saved as one types, nothing lost when another window was quicker, sent once. The other
   parts of the page (recipients, files, editor) write into the fields of its form and say so with "input". */

const PAUSE_MS = 1200;
const RETRY_MS = 8000;
const ASIDE = new Set(["", "due", "template_name"]); // fields that are no part of the letter
const form = document.getElementById("composer");
const field = (name) => form.elements.namedItem(name);
const status = document.getElementById("saved");
const note = document.getElementById("composer-note");

let isDirty = false;
let isLeaving = false;
let timer = null;
let running = null; // the save that is on its way

/* ── Saving ── */
function say(text) {
  status.textContent = text;
}

function warn(sentences) {
  note.hidden = !sentences.length;
  const said = document.getElementById("composer-said");
  said.replaceChildren(...sentences.map((sentence) => {
    const line = document.createElement("p");
    line.textContent = sentence;
    return line;
  }));
}

function later(ms = PAUSE_MS) {
  clearTimeout(timer);
  timer = setTimeout(save, ms);
}

function touched() {
  isDirty = true;
  if (!isLeaving) later();
}

function fields() {
  const data = new FormData(form);
  data.delete("file");
  return new URLSearchParams(data);
}

async function save() {
  clearTimeout(timer);
  if (running || !isDirty) return running;
  isDirty = false;
  say(form.dataset.saving);
  running = send().catch(() => {
    isDirty = true;
    say(form.dataset.unsaved);
    later(RETRY_MS);
  });
  await running;
  running = null;
  if (isDirty && !isLeaving) later();
}

async function send() {
  const answer = await fetch(form.dataset.save, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": field("csrfmiddlewaretoken").value },
    body: fields(),
    redirect: "error",
  });
  if (answer.status >= 500) throw new Error(String(answer.status));
  const found = await answer.json();
  if (answer.ok) {
    field("version").value = found.version;
    say(found.saved);
    warn([]);
    showSignatures(found);
    return;
  }
  say("");
  if (found.version) field("version").value = found.version; // saving again keeps what is here
  warn(found.error ? [found.error] : Object.values(found.errors ?? {}).flat());
}

/* ── Who one is ── */
let below = ""; // what the frame below depends on

function showSignatures({ signature, signatures }) {
  const choice = form.querySelector("[data-signature]");
  if (choice) {
    const none = choice.options[0];
    choice.replaceChildren(none, ...signatures.map(([id, name]) => new Option(name, id)));
    choice.value = String(signature);
  }
  const now = `${signature} ${field("with_quote")?.checked}`;
  const frame = form.querySelector(".below-frame");
  if (below && below !== now && frame) frame.contentWindow.location.replace(frame.src);
  below = now;
}

function showSender(radio) {
  const item = radio.closest(".menu-item");
  form.dataset.color = item.dataset.color;
  const summary = form.querySelector("[data-from] summary");
  summary.querySelector(".tile")?.remove();
  summary.prepend(item.querySelector(".tile").cloneNode(true));
  const words = summary.querySelector("#from-now");
  const name = document.createElement("strong");
  name.textContent = radio.dataset.name;
  const address = document.createElement("span");
  address.className = "muted";
  address.textContent = radio.dataset.address;
  words.replaceChildren(name, " ", address);
}

form.addEventListener("change", (event) => {
  if (event.target.name === "identity") {
    showSender(event.target);
    form.querySelector("[data-from]").open = false;
  }
  if (event.target.type === "file" || ASIDE.has(event.target.name)) return;
  touched();
  if (event.target.matches("[name=identity], [name=signature], [name=with_quote]")) save();
});

form.addEventListener("input", (event) => {
  if (event.target.type !== "file" && !ASIDE.has(event.target.name)) touched();
});

/* ── Sending ── */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    form.querySelector("[data-send-now]").click();
  } else if (event.target.matches?.("#composer input:not([type=checkbox], [type=radio], [type=file])")) {
    event.preventDefault(); // Enter in a field sends nothing
  }
});

form.addEventListener("submit", async (event) => {
  if (isLeaving) {
    event.preventDefault(); // the second click of two
    return;
  }
  if (form.querySelector("#files progress")) {
    event.preventDefault();
    warn([form.dataset.uploading]);
    return;
  }
  isLeaving = true;
  clearTimeout(timer);
  if (!running) return;
  // A save that is on its way changes the version, which the form must know.
  event.preventDefault();
  const button = event.submitter;
  await running;
  isLeaving = false;
  form.requestSubmit(button);
});

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
/* Leaving with something unsaved: it is sent on the way out, and the browser waits for it. */
addEventListener("pagehide", () => {
  if (!isDirty || isLeaving) return;
  navigator.sendBeacon(form.dataset.save, fields());
});
/* Links of this page wait for the save, so that what they lead to knows of it. */
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || !isDirty || event.defaultPrevented || event.ctrlKey || event.metaKey || link.target) return;
  event.preventDefault();
  await save();
  location.assign(link.href);
});

for (const hint of form.querySelectorAll("[aria-invalid=true]")) {
  hint.focus();
  break;
}
