/* The editor of formatted letters: a bundled ProseMirror from our own host (django-prose-editor), with the few marks
   that mail needs. Its text goes into the hidden field of the form; pictures are uploaded first. */

const form = document.getElementById("composer");
const place = document.getElementById("writing");
const store = document.getElementById("html");
const bar = form.querySelector("[data-format]");
const PICTURES = /^image\/(?:png|jpeg|gif|webp)$/;

const {
  Blockquote, Bold, BulletList, Document, Dropcursor, Editor, HardBreak, History, Image, Italic, Link, ListItem,
  OrderedList, Paragraph, Strike, Text, Underline,
} = await import(place.dataset.editor);

function pictures(list) {
  return [...(list ?? [])].filter((file) => PICTURES.test(file.type));
}

function ask(files, at = null) {
  form.dispatchEvent(new CustomEvent("picture", { detail: { files, at } }));
}

const editor = new Editor({
  element: place,
  injectCSS: false, // the policy allows no style of script's making; compose.css has what it needs
  extensions: [
    Document, Paragraph, Text, HardBreak, History, Bold, Italic, Underline, Strike, BulletList, OrderedList, ListItem,
    Blockquote, Dropcursor, Image.configure({ inline: true, allowBase64: false }),
    Link.configure({ openOnClick: false, autolink: true, protocols: ["http", "https", "mailto", "tel"] }),
  ],
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
  onUpdate() {
    store.value = editor.isEmpty ? "" : editor.getHTML();
    store.dispatchEvent(new Event("input", { bubbles: true }));
  },
  onTransaction: showMarks,
});

form.addEventListener("placed", ({ detail }) => {
  const image = { type: "image", attrs: { src: detail.url, alt: detail.name } };
  if (detail.at === null) editor.chain().focus().insertContent(image).run();
  else editor.chain().focus().insertContentAt(detail.at, image).run();
});

/* ── The toolbar ── */
function link() {
  const known = editor.getAttributes("link").href ?? "";
  const wanted = prompt(place.dataset.link, known || "https://");
  if (wanted === null) return;
  const chain = editor.chain().focus().extendMarkRange("link");
  const address = wanted.trim();
  if (!address || address === "https://") chain.unsetLink().run();
  else if (editor.state.selection.empty && !known) {
    chain.insertContent({ type: "text", text: address, marks: [{ type: "link", attrs: { href: address } }] }).run();
  } else chain.setLink({ href: address }).run();
}

const DOES = {
  bold: () => editor.chain().focus().toggleBold().run(),
  italic: () => editor.chain().focus().toggleItalic().run(),
  underline: () => editor.chain().focus().toggleUnderline().run(),
  bulletList: () => editor.chain().focus().toggleBulletList().run(),
  orderedList: () => editor.chain().focus().toggleOrderedList().run(),
  blockquote: () => editor.chain().focus().toggleBlockquote().run(),
  link,
  clear: () => editor.chain().focus().unsetAllMarks().clearNodes().run(),
};

bar.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (button) DOES[button.dataset.mark]();
});

place.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    link();
  }
});

function showMarks({ editor: now }) {
  for (const button of bar.querySelectorAll("[data-mark]")) {
    if (button.dataset.mark !== "clear") {
      button.setAttribute("aria-pressed", String(now.isActive(button.dataset.mark)));
    }
  }
}

bar.hidden = false;
place.addEventListener("click", (event) => { if (event.target === place) editor.commands.focus("end"); });
if (form.querySelector("input[name=to]").value && !form.querySelector("[aria-invalid=true]")) editor.commands.focus("start");
