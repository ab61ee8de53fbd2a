/* Recipients as chips, with suggestions of people one writes with. The field of the form stays and holds the text. */

const SEPARATORS = /[,;\n]/;
const ASK_MS = 120;
const template = document.getElementById("chip-template");

/* Pieces between commas that are in neither quotes nor angles. */
function pieces(text) {
  const found = [""];
  let isQuoted = false;
  let isAngled = false;
  for (const char of text) {
    if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && char === "<") isAngled = true;
    else if (char === ">") isAngled = false;
    if (SEPARATORS.test(char) && !isQuoted && !isAngled) found.push("");
    else found[found.length - 1] += char;
  }
  return found.map((piece) => piece.trim()).filter(Boolean);
}

function words(piece) {
  const angled = /^(.*)<([^<>]*)>$/.exec(piece);
  const name = angled?.[1].trim().replace(/^"(.*)"$/, "$1").replace(/\\(.)/g, "$1");
  const address = (angled ? angled[2] : piece).trim();
  const isGood = /^[^\s@<>]+@(?:[^\s@<>.]+\.)+[^\s@<>.]{2,}$|^[^\s@<>]+@\[[^\]]+\]$/.test(address);
  return { shown: name || address, address, isGood };
}

function written({ name, address }) {
  if (!name) return address;
  const plain = /^[\p{L}\p{N} .'’_-]+$/u.test(name);
  return `${plain ? name : `"${name.replace(/[\\"]/g, "\\$&")}"`} <${address}>`;
}

class People {
  constructor(line) {
    this.line = line;
    this.store = line.querySelector("input");
    this.box = line.querySelector(".recipients");
    this.pieces = pieces(this.store.value);
    this.input = this.store.cloneNode();
    this.input.removeAttribute("name");
    this.input.value = "";
    this.store.type = "hidden";
    for (const name of ["id", "aria-invalid", "aria-describedby"]) this.store.removeAttribute(name);
    this.box.append(this.input);
    this.list = document.createElement("ul");
    this.list.className = "suggestions";
    this.list.id = `${this.input.id}-suggestions`;
    this.list.role = "listbox";
    this.list.hidden = true;
    this.line.append(this.list);
    Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id })
      .forEach(([name, value]) => this.input.setAttribute(name, value));
    this.chosen = -1;
    this.asked = 0;
    this.listen();
    this.draw();
  }

  listen() {
    this.input.addEventListener("input", () => {
      if (SEPARATORS.test(this.input.value)) this.take();
      else this.ask();
      this.tell();
    });
    this.input.addEventListener("paste", () => setTimeout(() => { if (/[,;\s]/.test(this.input.value.trim())) this.take(); }));
    this.input.addEventListener("blur", () => { this.take(true); this.close(); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("click", (event) => { if (event.target === this.box) this.input.focus(); });
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      const item = event.target.closest("li");
      if (item) this.choose(item);
    });
  }

  key(event) {
    const items = [...this.list.children];
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !this.list.hidden) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.mark((this.chosen + step + items.length) % items.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey && !this.list.hidden && items[this.chosen]) {
      event.preventDefault();
      this.choose(items[this.chosen]);
    } else if (event.key === "Enter") {
      this.take(true);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Backspace" && !this.input.value && this.pieces.length) {
      event.preventDefault();
      this.input.value = this.pieces.pop();
      this.draw();
      this.tell();
    }
  }

  /* What was typed becomes chips; the last piece stays in the field while it is being typed. */
  take(isAll = false) {
    const text = this.input.value;
    const found = pieces(text);
    const rest = isAll || SEPARATORS.test(text.trim().slice(-1)) ? "" : found.pop() ?? "";
    if (!found.length) return;
    this.pieces.push(...found);
    this.input.value = rest;
    this.close();
    this.draw();
    this.tell();
  }

  tell() {
    const value = [...this.pieces, ...pieces(this.input.value)].join(", ");
    if (value === this.store.value) return;
    this.store.value = value;
    this.store.dispatchEvent(new Event("input", { bubbles: true }));
  }

  draw() {
    for (const chip of this.box.querySelectorAll(".recipient")) chip.remove();
    this.pieces.forEach((piece, at) => {
      const chip = template.content.firstElementChild.cloneNode(true);
      const { shown, address, isGood } = words(piece);
      chip.classList.toggle("is-bad", !isGood);
      chip.title = address;
      chip.querySelector("span").textContent = shown;
      const button = chip.querySelector("button");
      button.setAttribute("aria-label", `${this.line.dataset.remove}: ${shown}`);
      button.addEventListener("click", () => {
        this.pieces.splice(at, 1);
        this.draw();
        this.tell();
        this.input.focus();
      });
      this.input.before(chip);
    });
  }

  /* ── Suggestions ── */
  ask() {
    clearTimeout(this.timer);
    const typed = this.input.value.trim();
    if (!typed) {
      this.close();
      return;
    }
    this.timer = setTimeout(async () => {
      const number = ++this.asked;
      const answer = await fetch(`${this.line.dataset.contacts}?q=${encodeURIComponent(typed)}`).catch(() => null);
      if (!answer?.ok || number !== this.asked || this.input.value.trim() !== typed) return;
      this.show((await answer.json()).contacts);
    }, ASK_MS);
  }

  show(contacts) {
    const known = new Set(this.pieces.map((piece) => words(piece).address.toLowerCase()));
    const fresh = contacts.filter((each) => !known.has(each.address.toLowerCase()));
    this.list.replaceChildren(...fresh.map((contact, at) => {
      const item = document.createElement("li");
      item.role = "option";
      item.id = `${this.list.id}-${at}`;
      item.dataset.piece = written(contact);
      const name = document.createElement("span");
      name.textContent = contact.name || contact.address;
      item.append(name);
      if (contact.name) {
        const address = document.createElement("span");
        address.className = "faint small";
        address.textContent = contact.address;
        item.append(address);
      }
      return item;
    }));
    this.list.hidden = !fresh.length;
    this.input.setAttribute("aria-expanded", String(!!fresh.length));
    this.mark(fresh.length ? 0 : -1);
  }

  mark(at) {
    this.chosen = at;
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) this.input.setAttribute("aria-activedescendant", `${this.list.id}-${at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  choose(item) {
    this.pieces.push(item.dataset.piece);
    this.input.value = "";
    this.close();
    this.draw();
    this.tell();
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.list.hidden = true;
    this.mark(-1);
    this.input.setAttribute("aria-expanded", "false");
  }
}

const lines = [...document.querySelectorAll("[data-people]")].map((line) => new People(line));

/* Copies are asked for when they are wanted. */
const more = document.querySelector("[data-more]");
const copies = lines.slice(1).filter((each) => !each.pieces.length && !each.input.hasAttribute("aria-invalid"));
if (copies.length) {
  more.hidden = false;
  for (const each of copies) each.line.hidden = true;
}
more.addEventListener("click", () => {
  more.hidden = true;
  for (const each of copies) each.line.hidden = false;
  copies[0].input.focus();
});

const wrong = lines.find((each) => each.input.hasAttribute("aria-invalid"));
if (wrong || !lines[0].pieces.length) (wrong || lines[0]).input.focus();
