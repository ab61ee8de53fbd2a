/* What the editor of letters and the one of signatures and templates have in common: a bundled ProseMirror from our own
   host (django-prose-editor) with the few marks that mail needs, and the buttons for them. */

/* What each can do; `kit` is the bundle. */
export function basics(kit) {
  const {
    Blockquote, Bold, BulletList, Document, HardBreak, History, Italic, Link, ListItem, OrderedList, Paragraph, Strike,
    Text, Underline,
  } = kit;
  return [
    Document, Paragraph, Text, HardBreak, History, Bold, Italic, Underline, Strike, BulletList, OrderedList, ListItem,
    Blockquote, Link.configure({ openOnClick: false, autolink: true, protocols: ["http", "https", "mailto", "tel"] }),
  ];
}

const MARKS = {
  bold: (chain) => chain.toggleBold(),
  italic: (chain) => chain.toggleItalic(),
  underline: (chain) => chain.toggleUnderline(),
  bulletList: (chain) => chain.toggleBulletList(),
  orderedList: (chain) => chain.toggleOrderedList(),
  blockquote: (chain) => chain.toggleBlockquote(),
  clear: (chain) => chain.unsetAllMarks().clearNodes(),
};

/* Do what a button of the toolbar is for. */
export function mark(editor, name, question) {
  if (name === "link") return link(editor, question);
  editor.view.focus(); // at once: the next key is typed right after the click
  MARKS[name](editor.chain().focus()).run();
}

/* Ask for an address, and link the selection to it, or to nothing. */
export function link(editor, question) {
  const before = editor.getAttributes("link").href ?? "";
  const address = prompt(question, before || "https://")?.trim();
  if (address === undefined) return;
  const chain = editor.chain().focus().extendMarkRange("link");
  if (!address || address === "https://") chain.unsetLink().run();
  else if (editor.state.selection.empty && !before) {
    chain.insertContent({ type: "text", text: address, marks: [{ type: "link", attrs: { href: address } }] }).run();
  } else chain.setLink({ href: address }).run();
}

/* Press the buttons of what holds where the caret is. */
export function showMarks(bar, editor) {
  for (const button of bar.querySelectorAll("[data-mark]:not([data-mark=clear])")) {
    button.setAttribute("aria-pressed", String(editor.isActive(button.dataset.mark)));
  }
}

/* Keep the hidden field of the form as the editor is. */
export function keep(store, editor) {
  store.value = editor.isEmpty ? "" : editor.getHTML();
  store.dispatchEvent(new Event("input", { bubbles: true }));
}
