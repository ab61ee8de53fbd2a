/* The editor of a signature, a template or the disclaimer: the same bundled ProseMirror as for letters, in the place of
   a field of HTML. What it does not know (tables, pictures, colours) is written as HTML, and not lost by it. */

const UNKNOWN = /<(?:table|img|font|hr|h[1-6]|pre|div|span|dl)\b|\sstyle=/i;

/* The policy would complain of a style even where it is only read and dropped. */
const known = (html) => html.replaceAll(/\sstyle=(?:"[^"]*"|'[^']*')/gi, "");

export async function edit(field) {
  const { dataset } = field;
  const [store, box] = [field.querySelector("textarea"), field.querySelector(".rich-box")];
  const [bar, place] = [box.querySelector(".rich-bar"), box.querySelector(".rich-place")];
  const {
    Blockquote, Bold, BulletList, Document, Editor, HardBreak, History, Italic, Link, ListItem, OrderedList, Paragraph,
    Strike, Text, Underline,
  } = await import(dataset.rich);
  const label = field.querySelector("label");
  const noted = store.getAttribute("aria-describedby");

  const editor = new Editor({
    element: place,
    injectCSS: false, // the policy allows no style of script's making; writing.css has what it needs
    extensions: [
      Document, Paragraph, Text, HardBreak, History, Bold, Italic, Underline, Strike, BulletList, OrderedList, ListItem,
      Blockquote, Link.configure({ openOnClick: false, autolink: true, protocols: ["http", "https", "mailto", "tel"] }),
    ],
    content: known(store.value),
    editorProps: {
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": label.textContent.trim(),
        ...(store.hasAttribute("aria-invalid") && { "aria-invalid": "true", "aria-describedby": noted }),
      },
    },
    onUpdate() {
      store.value = editor.isEmpty ? "" : editor.getHTML();
      store.dispatchEvent(new Event("input", { bubbles: true }));
    },
    onTransaction: showMarks,
  });

  function showMarks({ editor: now }) {
    for (const button of bar.querySelectorAll("[data-mark]:not([data-mark=clear])")) {
      button.setAttribute("aria-pressed", String(now.isActive(button.dataset.mark)));
    }
  }

  function link() {
    const before = editor.getAttributes("link").href ?? "";
    const address = prompt(dataset.link, before || "https://")?.trim();
    if (address === undefined) return;
    const chain = editor.chain().focus().extendMarkRange("link");
    if (!address || address === "https://") chain.unsetLink().run();
    else if (editor.state.selection.empty && !before) {
      chain.insertContent({ type: "text", text: address, marks: [{ type: "link", attrs: { href: address } }] }).run();
    } else chain.setLink({ href: address }).run();
  }

  const DOES = {
    bold: (chain) => chain.toggleBold(),
    italic: (chain) => chain.toggleItalic(),
    underline: (chain) => chain.toggleUnderline(),
    bulletList: (chain) => chain.toggleBulletList(),
    orderedList: (chain) => chain.toggleOrderedList(),
    clear: (chain) => chain.unsetAllMarks().clearNodes(),
  };

  const toggle = bar.querySelector("[data-source]");
  const isSource = () => field.classList.contains("is-source");

  function showSource(wanted) {
    field.classList.toggle("is-source", wanted);
    toggle.setAttribute("aria-pressed", String(wanted));
    if (!wanted) editor.commands.setContent(known(store.value), { emitUpdate: false });
  }

  bar.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-mark]")?.dataset.mark;
    if (mark === "link") link();
    else if (mark) DOES[mark](editor.chain().focus()).run();
    if (!event.target.closest("[data-source]")) return;
    if (isSource() && UNKNOWN.test(store.value) && !confirm(dataset.loss)) return;
    showSource(!isSource());
    if (isSource()) store.focus();
    else editor.commands.focus("end");
  });

  store.addEventListener("put", ({ detail }) => {
    if (isSource()) return;
    editor.view.focus(); // at once: the next key is typed right after the click
    editor.chain().focus().insertContent({ type: "text", text: detail }).run();
  });
  label.addEventListener("click", () => isSource() || editor.commands.focus("end"));
  place.addEventListener("click", (event) => event.target === place && editor.commands.focus("end"));

  store.before(box);
  box.after(store);
  box.hidden = false;
  field.classList.add("is-live");
  if (UNKNOWN.test(store.value)) showSource(true);
}
