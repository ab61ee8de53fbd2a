/* The few things a page cannot say in HTML: htmx's CSRF header, theme, menus, dialogs, toasts, shortcuts.
   Every page works without it except where it only makes things quicker. */

const root = document.documentElement;
const TOAST_MS = 10_000;

/* htmx asks with the same token as the forms do. */
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});

/* ── Theme ── */
function showTheme(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/* Before signing in nobody is known yet, so the choice is kept in a cookie; base.html writes it into the page. */
function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  showTheme(theme);
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

/* Signed in, the choice belongs to the person: sent like the form would, without leaving the page. */
async function sendTheme(form, button) {
  showTheme(button.value);
  for (const other of form.querySelectorAll("button[name=theme]")) {
    other.classList.toggle("is-on", other === button);
    other.setAttribute("aria-pressed", String(other === button));
  }
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form, button), redirect: "manual" });
  if (answer.type !== "opaqueredirect" && !answer.ok) form.submit();
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!event.target.matches("[data-theme-form]") || button?.name !== "theme") return;
  event.preventDefault();
  sendTheme(event.target, button);
});

/* ── Menus, dialogs ── */
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except && !menu.contains(except)) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  if (on("[data-theme-toggle]")) toggleTheme();
  const opener = on("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  const closer = on("[data-close]");
  closer?.closest("[data-toast]")?.remove();
  closer?.closest("dialog")?.close();
  closeMenus(event.target);
});

/* A button that needs a word typed first: it stays off until the field says exactly what is asked for. */
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.confirm;
  if (wanted === undefined) return;
  const button = event.target.form?.querySelector("[data-confirmed]");
  if (button) button.disabled = event.target.value.trim().toLowerCase() !== wanted.toLowerCase();
});

/* A choice that is sent as soon as it is made; its button is only for pages without script. */
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-send]")) event.target.form.requestSubmit();
});

/* ── Toasts ── */
function leaveLater(toast) {
  let timer = setTimeout(() => toast.remove(), TOAST_MS);
  const stay = () => clearTimeout(timer);
  const go = () => { timer = setTimeout(() => toast.remove(), TOAST_MS / 2); };
  toast.addEventListener("pointerenter", stay);
  toast.addEventListener("pointerleave", go);
  toast.addEventListener("focusin", stay);
  toast.addEventListener("focusout", go);
}

/* ── Keyboard ── */
function isTyping(target) {
  return target.isContentEditable || target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.activeElement?.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || event.defaultPrevented) return;
  if (event.key === "?") document.getElementById("keys")?.showModal();
});

/* ── What is new on the page, at the start and after each htmx swap ── */
function greet(part) {
  const all = (selector) => [part, ...part.querySelectorAll(selector)].filter((node) => node.matches?.(selector));
  for (const toast of all("[data-toast]")) leaveLater(toast);
  for (const box of all("[data-mixed]")) box.indeterminate = true;
  for (const node of all("[data-theme-toggle][hidden]")) node.hidden = false;
  for (const zone of all("[data-time-zone]")) zone.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  for (const dialog of all("dialog[data-shown]")) if (!dialog.open) dialog.showModal();
  for (const button of all("[data-confirmed]")) button.disabled = true;
  for (const button of all("[data-without-script]")) button.hidden = true;
}

greet(document.body);
document.addEventListener("htmx:load", (event) => greet(event.detail.elt));
