/* The editor of formatted letters (editor.js); its text goes into the hidden field of the form, and pictures are uploaded
   first. */

import { basics, keep, link, mark, showMarks } from "./editor.js";

const form = document.getElementById("composer");
const place = document.getElementById("writing");
const store = document.getElementById("html");
const bar = form.querySelector("[data-format]");
const PICTURES = /^image\/(?:png|jpeg|gif|webp)$/;

const kit = await import(place.dataset.editor);

function pictures(list) {
  return [...(list ?? [])].filter((file) => PICTURES.test(file.type));
}

function ask(files, at = null) {
  form.dispatchEvent(new CustomEvent("picture", { detail: { files, at } }));
}

const editor = new kit.Editor({
  element: place,
  injectCSS: false, // the policy allows no style of script's making; compose.css has what it needs
  extensions: [...basics(kit), kit.Dropcursor, kit.Image.configure({ inline: true, allowBase64: false })],
  content: store.value,
  editorProps: {
    attributes: { role: "textbox", "aria-multiline": "true", "aria-label": place.dataset.label },
    handlePaste(view, event) {
      const files = pictures(event.clipboardData?.files);
      if (!files.length) return false;
      ask(files);
      return true;
    },
    handleDrop(view, event, slice, isMoved) {
      const files = pictures(event.dataTransfer?.files);
      if (isMoved || !files.length || files.length !== event.dataTransfer.files.length) return false;
      event.preventDefault();
      form.classList.remove("is-dropping");
      ask(files, view.posAtCoords({ left: event.clientX, top: event.clientY })?.pos ?? null);
      return true;
    },
  },
  onUpdate: () => keep(store, editor),
  onTransaction: ({ editor: now }) => showMarks(bar, now),
});

form.addEventListener("placed", ({ detail }) => {
  const image = { type: "image", attrs: { src: detail.url, alt: detail.name } };
  if (detail.at === null) editor.chain().focus().insertContent(image).run();
  else editor.chain().focus().insertContentAt(detail.at, image).run();
});

/* ── The toolbar ── */
bar.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (button) mark(editor, button.dataset.mark, place.dataset.link);
});

place.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    link(editor, place.dataset.link);
  }
});

bar.hidden = false;
place.addEventListener("click", (event) => { if (event.target === place) editor.commands.focus("end"); });
if (form.querySelector("input[name=to]").value && !form.querySelector("[aria-invalid=true]")) editor.commands.focus("start");
