/* The connect page and an account's server settings: presets fill in, what is typed stays, an edit makes a test stale.
   Everything is looked up when needed, because htmx replaces form and result. */

const byId = (id) => document.getElementById(id);
const form = () => byId("connect-form");
const input = (name) => byId(`id_${name}`);
const SERVER = ["host", "port", "encryption", "username"];
const PORTS = { ssl: "995", starttls: "110", plain: "110" };

/* Which fields the person has typed into; presets leave those alone. */
const touched = new Set();
/* What was typed for a server of one's own, for the way back to "Other". */
let own = null;
let choseTile = false;
let showFields = false;

/* ── Presets ── */
const presets = [...document.querySelectorAll("template[data-preset]")].map((template) => ({
  slug: template.dataset.preset,
  host: template.dataset.host,
  port: template.dataset.port,
  encryption: template.dataset.encryption,
  style: template.dataset.username,
  isClosed: "closed" in template.dataset,
  domains: template.dataset.domains.split(" ").filter(Boolean),
  note: template,
}));
const presetOf = (slug) => presets.find((preset) => preset.slug === slug);

/* The same rule as accounts/providers.py: the exact domain, then "yahoo.*", then "*.ocn.ne.jp". */
function presetFor(address) {
  const domain = address.trim().toLowerCase().split("@")[1] ?? "";
  if (!domain.includes(".")) return undefined;
  const [name, rest] = [domain.slice(0, domain.indexOf(".")), domain.slice(domain.indexOf(".") + 1)];
  const having = (text) => presets.find((preset) => preset.domains.includes(text));
  const isCountry = /^(com|((co|com)\.)?[a-z]{2})$/.test(rest);
  return having(domain) ?? (isCountry ? having(`${name}.*`) : undefined) ?? having(`*.${rest}`);
}

function chosenPreset() {
  return presetOf(form()?.querySelector("input[name=provider]:checked")?.value ?? "") ?? presetFor(input("email")?.value ?? "");
}

function usernameFor(preset) {
  const address = input("email")?.value.trim() ?? "";
  return preset?.style === "local" ? address.split("@")[0] : address;
}

function set(name, value) {
  const field = input(name);
  if (field && field.value !== value) field.value = value;
}

function apply(preset) {
  const note = byId("provider-note");
  note.replaceChildren(...(preset ? [preset.note.content.cloneNode(true)] : []));
  if (preset?.host) {
    for (const name of ["host", "port", "encryption"]) set(name, preset[name]);
    SERVER.slice(0, 3).forEach((name) => touched.delete(name));
  } else if (own) {
    for (const name of ["host", "port", "encryption"]) set(name, own[name]);
  } else if (!touched.has("host")) {
    set("host", "");
  }
  if (!touched.has("username")) set("username", usernameFor(preset));
  byId("test-button").disabled = Boolean(preset?.isClosed);
  showServer(preset);
}

/* The preset's server as one line with "Change", or the fields; neither before anything is known. */
function showServer(preset) {
  const line = byId("server-line");
  byId("plain-warning").hidden = input("encryption").value !== "plain";
  if (!line) return;
  const isPreset = Boolean(preset?.host) && !showFields && SERVER.every((name) => !touched.has(name)) && !hasError();
  const isUnknown = !preset && !showFields && !touched.has("host") && !hasError() && !isAddress(input("email").value);
  line.hidden = !isPreset;
  for (const field of serverFields()) field.hidden = isPreset || isUnknown || Boolean(preset?.isClosed);
  if (!isPreset) return;
  const words = { host: preset.host, port: preset.port, encryption: encryptionWord(preset.encryption) };
  line.querySelector("[data-server-words]").textContent = line.dataset.words.replace(/\{(\w+)\}/g, (_, key) => words[key]);
  line.querySelector("[data-username-words]").textContent = preset.style === "local" ? line.dataset.local : line.dataset.full;
}

const isAddress = (text) => /@[^@\s]+\.[a-z]{2,}\s*$/i.test(text);
const serverFields = () => SERVER.map((name) => input(name).closest(".field"));
const hasError = () => serverFields().some((field) => field.querySelector("[aria-invalid=true], .error"));
const encryptionWord = (value) => [...input("encryption").options].find((option) => option.value === value)?.text ?? value;

/* ── Typing ── */
function onInput(event) {
  const name = event.target.name;
  if (event.target.getAttribute("aria-invalid") === "true") event.target.removeAttribute("aria-invalid");
  if (SERVER.includes(name)) touched.add(name);
  if (["host", "port", "encryption"].includes(name)) {
    own = Object.fromEntries(["host", "port", "encryption"].map((key) => [key, input(key).value]));
  }
  if (name === "email") onEmail();
  if (name === "encryption") onEncryption();
  if (name === "provider") {
    choseTile = true;
    apply(presetOf(event.target.value));
  }
  makeStale();
}

let typing = 0;
function onEmail() {
  clearTimeout(typing);
  if (choseTile) {
    if (!touched.has("username")) set("username", usernameFor(chosenPreset()));
    return;
  }
  const preset = presetFor(input("email").value);
  for (const tile of form().querySelectorAll("input[name=provider]")) tile.checked = tile.value === preset?.slug;
  // An unknown domain may be a known one half typed.
  if (preset) apply(preset);
  else typing = setTimeout(() => apply(chosenPreset()), 300);
}

function onEncryption() {
  const port = input("port");
  if (port.value === "" || Object.values(PORTS).includes(port.value)) port.value = PORTS[input("encryption").value];
  showServer(chosenPreset());
}

function makeStale() {
  const result = byId("result");
  const save = result?.querySelector("[data-save]");
  const notice = result?.querySelector("[data-stale]");
  if (save) save.disabled = true;
  if (notice && save) notice.hidden = false;
  if (save) byId("test-button").classList.add("btn-primary");
}

/* ── Buttons ── */
function fillDemo(button) {
  const other = form().querySelector("input[name=provider][value=other]");
  if (other) other.checked = true;
  choseTile = true;
  for (const name of ["email", "name", ...SERVER, "password"]) set(name, button.dataset[name] ?? "");
  SERVER.forEach((name) => touched.add(name));
  byId("provider-note").replaceChildren();
  showServer(presetOf("other"));
  makeStale();
  byId("test-button").disabled = false;
  byId("test-button").focus();
}

function fillHint(button) {
  const field = byId(button.dataset.fill);
  showFields = true;
  showServer(chosenPreset());
  field.value = button.dataset.value;
  touched.add(field.name);
  makeStale();
  field.focus();
}

function goTo(link) {
  const field = document.querySelector(link.getAttribute("href"));
  if (!field) return;
  if (SERVER.includes(field.name)) {
    showFields = true;
    showServer(chosenPreset());
  }
  const folded = field.closest("details");
  if (folded) folded.open = true;
  field.scrollIntoView({ block: "center" });
  field.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  if (on("[data-change]")) {
    showFields = true;
    showServer(chosenPreset());
    input("host").focus();
  }
  if (on("[data-demo]")) fillDemo(on("[data-demo]"));
  if (on("[data-fill]")) fillHint(on("[data-fill]"));
  if (on("[data-go]")) {
    event.preventDefault();
    goTo(on("[data-go]"));
  }
});
document.addEventListener("input", (event) => {
  if (event.target.form === form() && form()) onInput(event);
});

/* ── Swaps: the form with its errors, the result step by step ── */
let password = "";
document.addEventListener("htmx:beforeSwap", () => { password = input("password")?.value ?? ""; });

document.addEventListener("htmx:load", (event) => {
  const part = event.detail.elt;
  if (part.id === "connect-form") {
    // The server never sends a password back; it stays where it was typed.
    set("password", password);
    showFields = showFields || hasError();
    showServer(chosenPreset());
    const wrong = part.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
    else part.scrollIntoView({ block: "start" });
  }
  if (part.id === "result") showResult(part);
});

/* The field that a failed test points at, until it is edited or tested again. */
let flagged = null;
function flag(field) {
  if (flagged && flagged !== field) flagged.removeAttribute("aria-invalid");
  flagged = field?.matches(".input, .select") ? field : null;
  flagged?.setAttribute("aria-invalid", "true");
}

let said = "";
function showResult(result) {
  const { state, field } = result.dataset;
  for (const button of result.querySelectorAll("[data-fill]")) button.hidden = false;
  if (!state) return;
  result.closest(".wizard")?.classList.add("has-result");
  document.querySelector("[data-step=fill]")?.removeAttribute("aria-current");
  document.querySelector("[data-step=test]")?.setAttribute("aria-current", "step");
  if (said !== result.dataset.said) {
    said = result.dataset.said;
    byId("result-said").textContent = [said, result.dataset.error].filter(Boolean).join(". ");
    if (result.getBoundingClientRect().top < 0) result.scrollIntoView({ block: "start" });
  }
  const isOver = state === "passed" || state === "failed";
  const button = byId("test-button");
  button.classList.toggle("btn-primary", state !== "passed");
  if (isOver) button.querySelector("span").textContent = button.dataset.again;
  if (state === "failed" && field) flag(input(field));
  else flag(null);
}

/* ── The start: what the server has written is what was typed ── */
for (const button of document.querySelectorAll("[data-demo]")) button.hidden = false;
if (form() && byId("server-line")) {
  choseTile = form().querySelector("input[name=provider]:checked") !== null;
  const preset = chosenPreset();
  const isPreset = preset?.host && input("host").value === preset.host;
  if (input("host").value && !isPreset) SERVER.forEach((name) => touched.add(name));
  showFields = hasError();
  showServer(preset);
}
if (byId("result")?.dataset.state) showResult(byId("result"));
