// The upload form, better: files go one after the other in pieces (tus), so that each can pause, go on
// after a broken line or a reload, and end with its own link or error. Without this script the form
// sends all files in one go and the server answers with a page.

import { UploadRow } from "./upload-row.js";

const { tus } = window;
const PIECE = 64 * 2 ** 20; // bytes a request; the server reads as much of one that it refuses
const PAUSES = [1, 2, 4, 8, 15]; // seconds before trying again; the last one from then on
const CHECK_AGAIN = 3000; // milliseconds

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const list = document.querySelector("[data-upload-list]");
const endpoint = new URL(form.dataset.endpoint, location).href;
const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
const storage = tus.defaultOptions.urlStorage;

const rows = [];
const waiting = [];
let current = null; // the file on its way: one at a time, so that the first is there soonest

form.querySelector("[data-upload-submit]").hidden = true; // files go as soon as they are chosen
form.querySelector("[data-upload-drop]").hidden = false;
form.querySelector("[data-upload-resumable]").hidden = false;
input.required = false;
input.addEventListener("change", () => {
  add([...input.files]);
  input.value = ""; // so that choosing the same file again is a change
});

// Dragging over a child of the form fires dragleave on the form, hence the count.
let dragDepth = 0;
form.addEventListener("dragenter", () => mark(++dragDepth));
form.addEventListener("dragleave", () => mark(--dragDepth));
form.addEventListener("drop", (event) => {
  mark((dragDepth = 0));
  add([...event.dataTransfer.files]);
});
// Everywhere: a file dropped beside the form would otherwise replace the page.
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => event.preventDefault());
}

window.addEventListener("beforeunload", (event) => {
  if (current) event.preventDefault();
});
window.addEventListener("online", () => {
  if (current?.timer) start(current);
});

const unfinished = showUnfinished();

function mark(depth) {
  form.classList.toggle("upload--over", depth > 0);
}

function makeRow(name, size) {
  const row = new UploadRow(name, size, { pause, resume, cancel });
  rows.push(row);
  list.append(row.element);
  return row;
}

// What an earlier visit left

async function showUnfinished() {
  const known = new Set((await storage.findAllUploads()).map(({ uploadUrl }) => uploadUrl));
  let uploads = [];
  try {
    const response = await fetch(endpoint, { headers: { Accept: "application/json" } });
    if (response.ok) uploads = (await response.json()).results;
  } catch {
    return; // the page works without it
  }
  for (const { name, length, offset, url } of uploads) {
    const row = makeRow(name, length);
    row.url = new URL(new URL(url).pathname, location).href;
    row.sent = offset;
    if (offset === length) finish(row);
    else row.unfinished(known.has(row.url));
  }
}

// Files that are chosen

async function add(files) {
  await unfinished;
  for (const file of files) {
    if (rows.some((row) => row.live && row.file && isSame(row.file, file))) continue;
    const upload = new tus.Upload(file, { endpoint, headers, chunkSize: PIECE, retryDelays: null });
    const begun = await upload.findPreviousUploads();
    const previous = begun.find(({ uploadUrl }) => rowAt(uploadUrl)) ?? begun[0];
    const row = (previous && rowAt(previous.uploadUrl)) ?? makeRow(file.name, file.size);
    Object.assign(row, { file, upload });
    const problem = previous ? "" : problemOf(file);
    if (problem) {
      row.end("refused", problem);
      continue;
    }
    if (previous) upload.resumeFromPreviousUpload(previous);
    Object.assign(upload.options, {
      metadata: { filename: file.name },
      removeFingerprintOnSuccess: true,
      onUploadUrlAvailable: () => (row.url = upload.url),
      onProgress: (sent, total) => progressed(row, sent, total),
      onAfterResponse: keepOnlyWhatIsLost,
      onSuccess: ({ lastResponse }) => arrived(row, lastResponse.getHeader("Slomo-Video")),
      onError: (error) => failed(row, error),
    });
    queue(row);
  }
  next();
}

function isSame(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}

function rowAt(url) {
  return rows.find((row) => row.isUnfinished && row.url === url);
}

// What the server would say at once. It checks all the same.
function problemOf(file) {
  if (file.size === 0) return form.dataset.emptyMessage;
  if (file.size > Number(form.dataset.limit)) return form.dataset.limitMessage;
  if (file.size > Number(form.dataset.left)) return form.dataset.leftMessage;
  return "";
}

// The queue

function queue(row) {
  row.waiting();
  waiting.push(row);
}

function next() {
  if (current || waiting.length === 0) return;
  current = waiting.shift();
  start(current);
}

function leave(row) {
  clearTimeout(row.timer);
  row.timer = null;
  if (waiting.includes(row)) waiting.splice(waiting.indexOf(row), 1);
  if (current === row) current = null;
}

function start(row) {
  clearTimeout(row.timer);
  row.timer = null;
  row.sending();
  row.upload.start();
}

function pause(row) {
  leave(row);
  row.upload.abort();
  row.paused();
  next();
}

function resume(row) {
  if (!row.upload) {
    input.click(); // it takes the file itself to go on
    return;
  }
  row.waiting();
  waiting.unshift(row);
  next();
}

async function cancel(row) {
  leave(row);
  row.end("cancelled", "Cancelled");
  next();
  const { upload, url } = row;
  await upload?.abort();
  if (url) await forget(url);
}

// Cancelled or refused, an upload is of no more use: neither here nor on the server.
async function forget(url) {
  for (const { uploadUrl, urlStorageKey } of await storage.findAllUploads()) {
    if (uploadUrl === url) storage.removeUpload(urlStorageKey);
  }
  try {
    await tus.Upload.terminate(url, { ...tus.defaultOptions, headers });
  } catch {
    // it expires by itself
  }
}

// How it goes

function progressed(row, sent, total) {
  if (sent > row.sent) row.failures = 0;
  if (sent < total) row.progress(sent);
  else row.checking();
}

// The client would begin anew after any refusal of its first question, and lose what has arrived.
function keepOnlyWhatIsLost(request, response) {
  const status = response.getStatus();
  if (request.getMethod() === "HEAD" && status >= 400 && status !== 404 && status !== 410) {
    throw Object.assign(new Error(), { response });
  }
}

async function failed(row, { originalResponse, causingError }) {
  const response = originalResponse ?? causingError?.response;
  const status = response?.getStatus() ?? 0;
  const { code, message } = errorIn(response?.getBody());
  if (status === 422 && !message) finish(row); // an answer to HEAD has no words
  else if (status === 0 && !(await isReadable(row.file))) refuse(row, "This file was changed or moved meanwhile. Choose it again.");
  else if (status === 0) again(row, "Connection lost. It goes on by itself");
  else if (status === 423) again(row, "Another tab or program is sending it. Waiting");
  else if (status >= 500 && code !== "disk_full") again(row, "The site does not answer. Trying again");
  else if (code === "offset_conflict" || code === "piece_incomplete") again(row, "Trying again");
  else if (status === 422) refuse(row, message);
  else halt(row, message ?? `The server failed (${status}).`);
}

// A file that was changed, moved or deleted meanwhile looks like a broken line, too.
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function errorIn(body) {
  try {
    return JSON.parse(body).error;
  } catch {
    return {};
  }
}

function again(row, words) {
  const seconds = PAUSES[Math.min(row.failures++, PAUSES.length - 1)];
  row.retrying(words);
  row.timer = setTimeout(() => start(row), seconds * 1000);
}

// Nothing is lost, but it needs a person: sign in again, make room.
function halt(row, message) {
  if (!row.url) return refuse(row, message);
  leave(row);
  row.halted(message);
  next();
}

function refuse(row, message) {
  leave(row);
  row.end("refused", message);
  if (row.url) forget(row.url);
  next();
}

// All bytes are there

async function arrived(row, address) {
  if (!address) return finish(row);
  let link = null;
  try {
    const video = await (await fetch(address, { headers: { Accept: "application/json" } })).json();
    link = Object.assign(document.createElement("a"), {
      href: new URL(video.page).pathname,
      textContent: `Open “${video.title}”`,
    });
  } catch {
    // it is in the library all the same
  }
  leave(row);
  row.end("done", link ?? "In your library");
  next();
}

// An empty piece at the end asks for the video, or why there is none.
async function finish(row) {
  row.checking();
  const type = { "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0" };
  let response = null;
  try {
    response = await fetch(row.url, {
      method: "PATCH",
      headers: { ...headers, ...type, "Upload-Offset": row.size },
    });
  } catch {
    // tried again below
  }
  if (row.over) return;
  if (response?.ok) return arrived(row, response.headers.get("Slomo-Video"));
  if (!response || response.status === 423 || response.status >= 500) {
    row.timer = setTimeout(() => finish(row), CHECK_AGAIN);
    return;
  }
  refuse(row, errorIn(await response.text()).message ?? `The server failed (${response.status}).`);
}
