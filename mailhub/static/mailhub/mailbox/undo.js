/* Undo: what has been taken back needs no toast any more. */

let taken = null;
document.addEventListener("click", (event) => {
  taken = event.target.closest?.("[form=undo]")?.closest("[data-toast]") ?? taken;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id !== "undo" || event.detail.xhr.status >= 400) return;
  taken?.remove();
  taken = null;
});
