/* The editor of a signature, a template or the disclaimer (editor.js), in the place of a field of HTML. What it does not
   know (tables, pictures, colours) is written as HTML, and not lost by it. */

import { basics, keep, mark, showMarks } from "./editor.js";

const UNKNOWN = /<(?:table|img|font|hr|h[1-6]|pre|div|span|dl)\b|\sstyle=/i;

/* The policy would complain of a style even where it is only read and dropped. */
const known = (html) => html.replaceAll(/\sstyle=(?:"[^"]*"|'[^']*')/gi, "");

export async function edit(field) {
  const { dataset } = field;
  const [store, box] = [field.querySelector("textarea"), field.querySelector(".rich-box")];
  const [bar, place] = [box.querySelector(".rich-bar"), box.querySelector(".rich-place")];
  const kit = await import(dataset.rich);
  const label = field.querySelector("label");
  const noted = store.getAttribute("aria-describedby");

  const editor = new kit.Editor({
    element: place,
    injectCSS: false, // the policy allows no style of script's making; writing.css has what it needs
    extensions: basics(kit),
    content: known(store.value),
    editorProps: {
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": label.textContent.trim(),
        ...(store.hasAttribute("aria-invalid") && { "aria-invalid": "true", "aria-describedby": noted }),
      },
    },
    onUpdate: () => keep(store, editor),
    onTransaction: ({ editor: now }) => showMarks(bar, now),
  });

  const toggle = bar.querySelector("[data-source]");
  const isSource = () => field.classList.contains("is-source");

  function showSource(wanted) {
    field.classList.toggle("is-source", wanted);
    toggle.setAttribute("aria-pressed", String(wanted));
    if (!wanted) editor.commands.setContent(known(store.value), { emitUpdate: false });
  }

  bar.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-mark]")?.dataset.mark;
    if (wanted) mark(editor, wanted, dataset.link);
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
