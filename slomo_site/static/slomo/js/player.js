/** The review player: goes through a finished conversion frame by frame and names each frame. */

import { loadFrameMap, nextRecorded, seconds } from "./frame-map.js";
import { FramePosition } from "./frame-position.js";
import { drawStrip, frameAt } from "./frame-strip.js";
import { whenUnplayable } from "./unplayable.js";

const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4];
const CLOSE_UP = 48; // frames shown large around the current one

/** Physical keys (KeyboardEvent.code), so that every keyboard layout has them in the same place. */
const KEYS = {
  Space: "play",
  KeyK: "play",
  Comma: "previous",
  Period: "next",
  "Shift+ArrowLeft": "previous-recorded",
  "Shift+ArrowRight": "next-recorded",
  KeyJ: "slower",
  KeyL: "faster",
  KeyF: "full-screen",
  "Shift+Slash": "help",
};

function startPlayer(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const video = root.querySelector("video");
  const rate = seconds(root.dataset.rate);
  const count = Number(root.dataset.frames);
  const overview = find("overview");
  const closeUp = find("close-up");
  const scrubber = find("scrubber");
  let frames = [];
  let speed = SPEEDS.indexOf(1);

  const position = new FramePosition(video, { rate, count, onChange: show });

  const actions = {
    play: () => (video.paused ? play() : video.pause()),
    previous: () => position.goTo(position.target - 1),
    next: () => position.goTo(position.target + 1),
    "previous-recorded": () => position.goTo(nextRecorded(frames, position.target, -1)),
    "next-recorded": () => position.goTo(nextRecorded(frames, position.target, 1)),
    slower: () => setSpeed(speed - 1),
    faster: () => setSpeed(speed + 1),
    sound: () => {
      video.muted = !video.muted;
    },
    "full-screen": () =>
      document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
    help: () => find("help").showModal(),
  };

  for (const button of root.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action]());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || takesKeys(event)) return;
    const action = KEYS[(event.shiftKey ? "Shift+" : "") + event.code];
    if (!action) return;
    event.preventDefault();
    actions[action]();
  });
  scrubber.addEventListener("input", () => position.goTo(Number(scrubber.value)));
  for (const [canvas, span] of [
    [overview, () => ({ first: 0, count })],
    [closeUp, closeUpSpan],
  ]) {
    let held = null; // the span grabbed: the close-up moves under the pointer while dragging
    canvas.addEventListener("pointerdown", (event) => {
      held = span();
      canvas.setPointerCapture(event.pointerId);
      position.goTo(frameAt(canvas, event, held));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (held) position.goTo(frameAt(canvas, event, held));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        held = null;
      });
    }
  }
  for (const event of ["play", "pause", "volumechange", "ratechange"]) {
    video.addEventListener(event, showControls);
  }
  new ResizeObserver(draw).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  whenUnplayable(video, refuse);
  showControls();
  loadFrameMap(root.dataset.map).then(
    (rows) => {
      frames = rows;
      show(position.current);
    },
    () => {
      find("about").textContent = "The frame map could not be loaded. Reload to try again.";
    },
  );

  function closeUpSpan() {
    const width = Math.min(CLOSE_UP, count);
    const first = Math.min(Math.max(position.current - Math.floor(width / 2), 0), count - width);
    return { first, count: width };
  }

  function play() {
    if (position.target === count - 1) video.currentTime = 0;
    video.play().catch((error) => {
      // A seek may interrupt a start; only a codec the browser lacks is worth a word.
      if (error.name === "NotSupportedError") refuse();
    });
  }

  function setSpeed(index) {
    speed = Math.min(Math.max(index, 0), SPEEDS.length - 1);
    video.playbackRate = SPEEDS[speed];
  }

  function show(index) {
    const frame = frames[index];
    if (!frame) return;
    const badge = find("kind");
    const parts = [
      `frame ${index + 1} of ${count}`,
      `source ${frame.sourceTime.toFixed(3)} s`,
      `t ${frame.t.toFixed(2)}`,
    ];
    if (frame.kind === "synthesised" && frame.confidence !== null) {
      parts.push(`${Math.round(frame.confidence * 100)} % sure`);
    }
    badge.className = `badge badge--${frame.kind}`;
    badge.textContent = frame.kind;
    find("about").textContent = parts.join(" · ");
    scrubber.value = index;
    scrubber.setAttribute("aria-valuetext", `${frame.kind}, ${parts.join(", ")}`);
    draw();
  }

  function draw() {
    if (!frames.length) return;
    const current = position.current;
    drawStrip(overview, frames, { first: 0, count, current });
    drawStrip(closeUp, frames, { ...closeUpSpan(), current });
    for (const swatch of root.querySelectorAll("[data-swatch]")) {
      drawStrip(swatch, [{ kind: swatch.dataset.swatch, confidence: 1 }], { first: 0, count: 1 });
    }
  }

  function showControls() {
    const label = (name, text) => {
      const button = root.querySelector(`[data-action="${name}"]`);
      if (button) button.querySelector("[data-label]").textContent = text;
    };
    label("play", video.paused ? "Play" : "Pause");
    label("sound", video.muted ? "Sound on" : "Sound off");
    find("speed").textContent = `${video.playbackRate}×`;
  }

  /** Without a picture there is no frame to name or to go to; the map of the clip stays. */
  function refuse() {
    find("cannot-play").hidden = false;
    for (const part of root.querySelectorAll("[data-needs-picture]")) part.hidden = true;
  }
}

/** Typing, choosing and pressing a focused control keep their own keys. */
function takesKeys(event) {
  const { target } = event;
  if (target.closest("dialog[open], textarea, select, [contenteditable]")) return true;
  if (target.closest("input")) return target.type !== "range";
  return event.code === "Space" && target.closest("button, a, summary, video[controls]") !== null;
}

for (const root of document.querySelectorAll("[data-player]")) startPlayer(root);
