/* The page about an outgoing server: the usual port follows the encryption, an edit makes a test stale, a typed
   password outlives the swaps. Everything is looked up when needed, because htmx replaces form and result. */

const byId = (id) => document.getElementById(id);
const form = () => byId("sending-form");
const input = (name) => byId(`id_${name}`);
const PORTS = { ssl: "465", starttls: "587", plain: "587" };
const SECRETS = ["password", "same_password"];

/* ── Typing ── */
document.addEventListener("input", (event) => {
  const { target } = event;
  if (!form() || target.form !== form()) return;
  target.removeAttribute("aria-invalid");
  if (target.name === "encryption") followEncryption();
  makeStale();
});

function followEncryption() {
  const [port, encryption] = [input("port"), input("encryption").value];
  if (port.value === "" || Object.values(PORTS).includes(port.value)) port.value = PORTS[encryption];
  byId("plain-warning").hidden = encryption !== "plain";
}

function makeStale() {
  const save = byId("result")?.querySelector("[data-save]");
  if (!save) return;
  save.disabled = true;
  byId("result").querySelector("[data-stale]").hidden = false;
  byId("test-button").classList.add("btn-primary");
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-go]");
  const field = link && document.querySelector(link.getAttribute("href"));
  if (!field) return;
  event.preventDefault();
  field.scrollIntoView({ block: "center" });
  field.focus({ preventScroll: true });
});

/* ── Swaps: the form with its errors, the result step by step ── */
let typed = {};
document.addEventListener("htmx:beforeSwap", () => {
  typed = Object.fromEntries(SECRETS.map((name) => [name, input(name)?.value ?? ""]));
});

document.addEventListener("htmx:load", (event) => {
  const part = event.detail.elt;
  if (part.id === "sending-form") {
    // The server never sends a password back; it stays where it was typed.
    for (const name of SECRETS) if (input(name)) input(name).value = typed[name] ?? "";
    const wrong = part.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
    else part.scrollIntoView({ block: "start" });
  }
  if (part.id === "result") showResult(part);
});

let said = "";
function showResult(result) {
  const { state, field } = result.dataset;
  if (!state) return;
  result.closest(".wizard")?.classList.add("has-result");
  if (said !== result.dataset.said) {
    said = result.dataset.said;
    byId("result-said").textContent = [said, result.dataset.error].filter(Boolean).join(". ");
    if (result.getBoundingClientRect().top < 0) result.scrollIntoView({ block: "start" });
  }
  const button = byId("test-button");
  button.classList.toggle("btn-primary", state !== "passed");
  if (state === "passed" || state === "failed") button.querySelector("span").textContent = button.dataset.again;
  if (state === "failed" && field) input(field)?.setAttribute("aria-invalid", "true");
}

if (byId("result")?.dataset.state) showResult(byId("result"));
