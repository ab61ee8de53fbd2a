/* Files put into a letter: chosen, dropped or pasted, each with its progress and a way to call it off. Pictures for
   the text go the same way; the editor asks for them with "picture" and gets "placed" back. */

const form = document.getElementById("composer");
const shelf = document.getElementById("files");
const template = document.getElementById("file-template");
const token = () => form.elements.namedItem("csrfmiddlewaretoken").value;
const waiting = [];
let isBusy = false;

function size(bytes) {
  const units = ["B", "KB", "MB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < 2) {
    value /= 1000;
    at += 1;
  }
  const digits = at && value < 10 ? 1 : 0;
  return `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits })} ${units[at]}`;
}

function row(name, bytes) {
  const node = template.content.firstElementChild.cloneNode(true);
  node.querySelector(".attachment-name").textContent = name;
  node.querySelector(".attachment-size").textContent = size(bytes);
  node.querySelector("button").setAttribute("aria-label", `${form.dataset.remove} ${name}`);
  shelf.append(node);
  return node;
}

function fail(node, words) {
  node.classList.add("is-bad");
  node.querySelector("progress")?.remove();
  node.querySelector(".attachment-size").textContent = words;
  node.querySelector("button").onclick = () => node.remove();
}

function arrived(node, file) {
  node.querySelector("progress").remove();
  const link = document.createElement("a");
  link.className = "attachment-name clip-text";
  link.href = file.url;
  link.textContent = file.name;
  node.querySelector(".attachment-name").replaceWith(link);
  node.querySelector(".attachment-size").textContent = size(file.size);
  const button = node.querySelector("button");
  button.onclick = null; // there is nothing to call off any more, but something to take out
  button.dataset.remove = file.remove;
}

/* One at a time, in the order they were given. */
function next() {
  if (isBusy || !waiting.length) return;
  isBusy = true;
  const { file, node, inText } = waiting.shift();
  const request = new XMLHttpRequest();
  const bar = node.querySelector("progress");
  const done = () => { isBusy = false; next(); };
  request.open("POST", form.dataset.files);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", token());
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  });
  request.addEventListener("load", () => {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      answer = {};
    }
    const [taken] = answer.files ?? [];
    if (!taken) fail(node, answer.error ?? form.dataset.failed);
    else if (inText) {
      node.remove();
      form.dispatchEvent(new CustomEvent("placed", { detail: { ...taken, at: inText.at } }));
    } else arrived(node, taken);
    done();
  });
  request.addEventListener("error", () => { fail(node, form.dataset.failed); done(); });
  request.addEventListener("abort", done);
  node.querySelector("button").onclick = () => { request.abort(); node.remove(); };
  const data = new FormData();
  data.append("csrfmiddlewaretoken", token());
  if (inText) data.append("in_text", "1");
  data.append("file", file, file.name || "image.png");
  request.send(data);
}

function take(files, inText = null) {
  for (const file of files) {
    const node = row(file.name || "image.png", file.size);
    if (file.size > Number(form.dataset.largest)) {
      fail(node, `${size(file.size)}, ${form.dataset.tooLarge}`);
      continue;
    }
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    node.querySelector(".attachment-size").append(bar);
    const job = { file, node, inText };
    node.querySelector("button").onclick = () => { waiting.splice(waiting.indexOf(job), 1); node.remove(); };
    waiting.push(job);
  }
  next();
}

form.addEventListener("change", (event) => {
  if (event.target.matches("[data-attach]")) take([...event.target.files]);
  else if (event.target.matches("[data-picture]")) take([...event.target.files], { at: null });
  else return;
  event.target.value = "";
});
form.addEventListener("picture", (event) => take(event.detail.files, { at: event.detail.at }));

/* Taking one out. */
shelf.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-remove]");
  if (!button) return;
  event.preventDefault();
  const node = button.closest(".attachment");
  node.hidden = true;
  const answer = await fetch(button.dataset.remove, {
    method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token() },
  }).catch(() => null);
  if (answer?.ok) node.remove();
  else node.hidden = false;
});

/* Dropping: onto the text, pictures go into it (the editor takes them first); anywhere else they are attached. */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  form.classList.add("is-dropping");
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("is-dropping"); });
document.addEventListener("drop", (event) => {
  form.classList.remove("is-dropping");
  if (!hasFiles(event) || event.defaultPrevented) return;
  event.preventDefault();
  take([...event.dataTransfer.files]);
});
