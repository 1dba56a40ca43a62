/**
 * The frame map as a picture: one bar per output frame. Kinds differ in colour *and* in pattern
 * (recorded solid, synthesised hatched, held dotted); a synthesised bar is as high as the network
 * is sure of it. Where a bar would be thinner than a pixel or two, columns stand for several frames.
 */

const LEAST_HEIGHT = 0.15; // an unsure frame must still be seen

/** Draws `frames[first … first+count)` over the whole canvas and marks frame `current`, if given. */
export function drawStrip(canvas, frames, { first, count, current }) {
  const context = prepare(canvas);
  const { width, height } = canvas;
  const paints = paintsFor(canvas, context);
  context.clearRect(0, 0, width, height);
  const bar = width / count;
  const columns = Math.min(count, width);
  const gap = bar >= 6 * scale() ? Math.round(scale()) : 0;
  for (let column = 0; column < columns; column += 1) {
    const from = first + Math.floor((column * count) / columns);
    const to = first + Math.max(Math.floor(((column + 1) * count) / columns), 1);
    const frame = telling(frames, from, Math.max(to, from + 1));
    if (!frame) continue;
    const x = Math.round((column * width) / columns);
    const end = Math.round(((column + 1) * width) / columns);
    const share =
      frame.kind === "synthesised" ? Math.max(frame.confidence ?? 1, LEAST_HEIGHT) : 1;
    context.fillStyle = paints[frame.kind];
    context.fillRect(x, height * (1 - share), Math.max(end - x - gap, 1), height * share);
  }
  if (current === undefined) return;
  const x = (current - first) * bar;
  const thickness = 2 * scale();
  context.strokeStyle = paints.current;
  context.lineWidth = thickness;
  context.strokeRect(
    x + thickness / 2,
    thickness / 2,
    Math.max(bar - gap - thickness, thickness / 2),
    height - thickness,
  );
}

/** The output frame under a pointer event on the canvas. */
export function frameAt(canvas, event, { first, count }) {
  const box = canvas.getBoundingClientRect();
  return first + Math.floor(((event.clientX - box.left) / box.width) * count);
}

/** Of several frames in one column, the one a viewer must not miss: held, then least sure. */
function telling(frames, from, to) {
  let chosen = frames[from];
  for (let k = from + 1; k < to; k += 1) {
    if (frames[k] && weight(frames[k]) > weight(chosen)) chosen = frames[k];
  }
  return chosen;
}

function weight({ kind, confidence }) {
  if (kind === "held") return 3;
  return kind === "synthesised" ? 2 - (confidence ?? 1) : 0;
}

function scale() {
  return window.devicePixelRatio || 1;
}

function prepare(canvas) {
  const box = canvas.getBoundingClientRect();
  const width = Math.max(Math.round(box.width * scale()), 1);
  const height = Math.max(Math.round(box.height * scale()), 1);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return canvas.getContext("2d");
}

function paintsFor(canvas, context) {
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const marks = colour("page");
  return {
    recorded: colour("frame-recorded"),
    synthesised: pattern(context, colour("frame-synthesised"), marks, hatch),
    held: pattern(context, colour("frame-held"), marks, dots),
    current: colour("frame-current"),
  };
}

function pattern(context, colour, marks, drawMarks) {
  const size = Math.round(8 * scale());
  const tile = document.createElement("canvas");
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = marks;
  pen.fillStyle = marks;
  drawMarks(pen, size);
  return context.createPattern(tile, "repeat");
}

function hatch(pen, size) {
  pen.lineWidth = size / 8;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
}

function dots(pen, size) {
  const radius = size / 6;
  for (const [x, y] of [
    [size / 4, size / 4],
    [(3 * size) / 4, (3 * size) / 4],
  ]) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }
}
