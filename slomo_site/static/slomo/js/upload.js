// The upload form, better: each file goes by itself, with a bar, a way to stop it, and its own error.
// Without this script the form sends all files in one go and the server answers with a page.

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const list = document.querySelector("[data-upload-list]");
const rowTemplate = document.querySelector("[data-upload-row]");
const announcer = document.querySelector("[data-upload-status]");
const waiting = [];
let current = null; // the file on its way: one at a time, so that the first is there soonest

form.querySelector("[data-upload-submit]").hidden = true; // files go as soon as they are chosen
form.querySelector("[data-upload-drop]").hidden = false;
input.required = false;
input.addEventListener("change", () => {
  add(input.files);
  input.value = ""; // so that choosing the same file again is a change
});

// Dragging over a child of the form fires dragleave on the form, hence the count.
let dragDepth = 0;
form.addEventListener("dragenter", () => mark(++dragDepth));
form.addEventListener("dragleave", () => mark(--dragDepth));
form.addEventListener("drop", (event) => {
  mark((dragDepth = 0));
  add(event.dataTransfer.files);
});
// Everywhere: a file dropped beside the form would otherwise replace the page.
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => event.preventDefault());
}

window.addEventListener("beforeunload", (event) => {
  if (current) event.preventDefault();
});

function mark(depth) {
  form.classList.toggle("upload--over", depth > 0);
}

function add(files) {
  for (const file of files) {
    const row = makeRow(file);
    list.append(row.element);
    const problem = problemOf(file);
    if (problem) {
      finish(row, "refused", problem);
    } else {
      waiting.push(row);
    }
  }
  next();
}

// What the server would say only after the whole file has been sent. It checks all the same.
function problemOf(file) {
  if (file.size === 0) return form.dataset.emptyMessage;
  if (file.size > Number(form.dataset.limit)) return form.dataset.limitMessage;
  if (file.size > Number(form.dataset.left)) return form.dataset.leftMessage;
  return "";
}

function makeRow(file) {
  const element = rowTemplate.content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`[data-upload-${name}]`);
  const row = { file, element, bar: part("bar"), state: part("state"), cancel: part("cancel") };
  part("name").textContent = file.name;
  row.bar.setAttribute("aria-label", file.name);
  row.cancel.setAttribute("aria-label", `Cancel ${file.name}`);
  row.cancel.addEventListener("click", () => cancel(row));
  row.state.textContent = "Waiting";
  return row;
}

function next() {
  if (current || waiting.length === 0) return;
  current = waiting.shift();
  send(current);
}

function send(row) {
  const request = new XMLHttpRequest();
  row.request = request;
  row.bar.hidden = false;
  request.upload.addEventListener("progress", ({ loaded, total }) => showProgress(row, loaded / total));
  request.upload.addEventListener("load", () => {
    row.state.textContent = "Checking the video";
  });
  request.addEventListener("load", () => answered(row, request));
  request.addEventListener("error", () => {
    finish(row, "refused", "The connection broke. Check your network and choose the file again.");
  });
  request.addEventListener("abort", () => finish(row, "cancelled", "Cancelled"));
  request.open("POST", form.dataset.endpoint);
  request.responseType = "json";
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  const body = new FormData();
  body.append("file", row.file);
  request.send(body);
}

function showProgress(row, fraction) {
  row.bar.value = fraction;
  row.state.textContent = `${Math.floor(fraction * 100)} % sent`;
}

function answered(row, request) {
  const answer = request.response;
  if (request.status === 201) {
    const link = document.createElement("a");
    link.href = new URL(answer.page).pathname;
    link.textContent = `Open “${answer.title}”`;
    finish(row, "done", link);
  } else {
    finish(row, "refused", answer?.error?.message ?? `The server failed (${request.status}). Try again later.`);
  }
}

function cancel(row) {
  if (row === current) {
    row.request.abort(); // ends in finish()
  } else {
    waiting.splice(waiting.indexOf(row), 1);
    finish(row, "cancelled", "Cancelled");
  }
}

function finish(row, outcome, message) {
  row.element.classList.add(`upload-row--${outcome}`);
  row.bar.remove();
  row.cancel.remove();
  row.state.replaceChildren(message);
  announcer.textContent = `${row.file.name}: ${row.state.textContent}`;
  if (row === current) {
    current = null;
    next();
  }
}
