// One file in the list of uploads: what it is called, how far it is, what can be done with it.

const template = document.querySelector("[data-upload-row]");
const announcer = document.querySelector("[data-upload-status]");
const SPEED_OVER = 5000; // milliseconds

export class UploadRow {
  /** `actions`: pause, resume and cancel, each called with this row. */
  constructor(name, size, actions) {
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (key) => this.element.querySelector(`[data-upload-${key}]`);
    Object.assign(this, { name, size, file: null, upload: null, url: "", timer: null });
    this.sent = this.failures = 0;
    this.bar = part("bar");
    this.state = part("state");
    this.controls = part("controls");
    this.pauseButton = part("pause");
    this.resumeButton = part("resume");
    this.cancelButton = part("cancel");
    this.isUnfinished = this.over = false;
    this.history = []; // [time, bytes sent], of the last seconds
    part("name").textContent = name;
    this.bar.setAttribute("aria-label", name);
    this.pauseButton.addEventListener("click", () => {
      actions.pause(this);
      this.resumeButton.focus();
    });
    this.resumeButton.addEventListener("click", () => {
      actions.resume(this);
      if (this.resumeButton.hidden) this.pauseButton.focus();
    });
    this.cancelButton.addEventListener("click", () => actions.cancel(this));
    this.#label(this.cancelButton, "Cancel");
  }

  /** Whether the file is still to be sent from this page. */
  get live() {
    return !this.over && !this.isUnfinished;
  }

  /** Left by an earlier visit; `here`: in this browser, which knows the file again. */
  unfinished(here) {
    this.isUnfinished = true;
    const where = here
      ? "Choose the same file again to go on."
      : "It was begun in another browser and can go on there.";
    this.#show(`${this.#percent()} sent. ${where}`, here ? "Choose the file" : "");
    this.#label(this.cancelButton, "Discard");
  }

  waiting() {
    this.isUnfinished = false;
    this.#label(this.cancelButton, "Cancel");
    this.#show("Waiting", null);
    this.pauseButton.hidden = false;
  }

  sending() {
    this.history = [];
    this.#show(this.sent ? `${this.#percent()} sent, going on` : "Starting", null);
    this.pauseButton.hidden = false;
  }

  progress(sent) {
    const before = this.#quarter();
    this.sent = sent;
    this.bar.value = sent / this.size;
    const parts = [`${this.#percent()} sent`, `${bytes(sent)} of ${bytes(this.size)}`];
    const speed = this.#speed();
    if (speed) parts.push(`${bytes(speed)}/s`, `${duration((this.size - sent) / speed)} left`);
    this.state.textContent = parts.join(" · ");
    if (this.#quarter() > before) this.announce(`${this.#percent()} sent`);
  }

  /** Stopped by something that passes by itself. */
  retrying(words) {
    if (words !== this.state.textContent) this.announce(words);
    this.state.textContent = words;
  }

  /** All bytes are there; what they are takes the server a moment. */
  checking() {
    this.sent = this.size;
    this.#show("Checking the video", null);
  }

  paused() {
    this.#show(`Paused at ${this.#percent()}`, "Resume");
    this.announce(this.state.textContent);
  }

  /** Stopped for a reason that a person can do something about. */
  halted(message) {
    this.#show(message, "Resume");
    this.announce(message);
  }

  /** Over: "done", "refused" or "cancelled", with words or a link. */
  end(outcome, message) {
    this.over = true;
    this.isUnfinished = false;
    const hadFocus = this.controls.contains(document.activeElement);
    this.element.classList.add(`upload-row--${outcome}`);
    this.bar.remove();
    this.controls.remove();
    this.state.replaceChildren(message);
    if (hadFocus) (this.state.querySelector("a") ?? this.element).focus();
    this.announce(this.state.textContent);
  }

  announce(words) {
    announcer.textContent = `${this.name}: ${words}`;
  }

  /** Says `words`; a resume button only where it has a label. */
  #show(words, resumeLabel) {
    this.state.textContent = words;
    this.bar.hidden = false;
    this.bar.value = this.sent / this.size;
    this.pauseButton.hidden = true;
    this.resumeButton.hidden = !resumeLabel;
    this.#label(this.pauseButton, "Pause");
    if (resumeLabel) this.#label(this.resumeButton, resumeLabel);
  }

  #label(button, verb) {
    button.textContent = verb;
    button.setAttribute("aria-label", `${verb} ${this.name}`);
  }

  #percent() {
    return `${Math.floor((100 * this.sent) / this.size)} %`;
  }

  #quarter() {
    return Math.floor((4 * this.sent) / this.size);
  }

  /** Bytes a second lately; 0 where it is too early to say. */
  #speed() {
    const now = performance.now();
    this.history.push([now, this.sent]);
    while (now - this.history[0][0] > SPEED_OVER) this.history.shift();
    const [since, had] = this.history[0];
    return now - since > 500 ? (1000 * (this.sent - had)) / (now - since) : 0;
  }
}

/** 1234567 as "1.2 MB", by the same 1024 that the server's messages count with. */
function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${count.toFixed(unit > 0 ? 1 : 0)}\u00a0${units[unit]}`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
