/** The frame map of a conversion: which frames the camera recorded, and what lies between them. */

export const KINDS = ["recorded", "synthesised", "held"];

/**
 * Fetches the map. Each row is
 * `{ sourceTime: seconds, left: source frame, t: 0..1, kind: one of KINDS, confidence: 0..1 | null }`,
 * and the row's index is the output frame it describes.
 */
export async function loadFrameMap(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The frame map answered ${response.status}.`);
  const { rows } = await response.json();
  return rows.map((row) => ({
    sourceTime: seconds(row.source_time),
    left: row.left,
    t: seconds(row.t),
    kind: row.kind,
    confidence: row.confidence,
  }));
}

/** The nearest recorded frame after `index` (direction 1) or before it (-1), or `index` itself. */
export function nextRecorded(frames, index, direction) {
  for (let k = index + direction; k >= 0 && k < frames.length; k += direction) {
    if (frames[k].kind === "recorded") return k;
  }
  return index;
}

/** "30000/1001" or a number, as a number. */
export function seconds(value) {
  if (typeof value === "number") return value;
  const [numerator, denominator = "1"] = value.split("/");
  return Number(numerator) / Number(denominator);
}
