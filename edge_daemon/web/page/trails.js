// The last seconds of each track, as a line that fades.
import { Layer, at } from "./overlay.js";

const LONG_MS = 10_000;
const FAINT_MS = 4_000;
export const COLOURS = 5;

export class Trails {
  constructor() {
    this.layer = new Layer("ov");
    this.tracks = new Map();
    this.isShown = true;
  }

  // Takes in a result; its detections have numbers if they are tracked.
  add(result) {
    const when = Date.parse(result.captured_at);
    for (const { tracker_id: id, xyxy: [x1, , x2, y2] } of result.detections) {
      if (!id) continue;
      const key = `${result.model}/${id}`;
      if (!this.tracks.has(key)) this.tracks.set(key, { colour: id % COLOURS, points: [] });
      this.tracks.get(key).points.push({ when, place: [(x1 + x2) / 2 / result.width, y2 / result.height] });
    }
  }

  // Draws what came before a picture.
  draw(now) {
    const lines = new Map();
    for (const [key, { colour, points }] of this.tracks) {
      while (points.length && points[0].when < now - LONG_MS) points.shift();
      if (!points.length) this.tracks.delete(key);
      if (this.isShown) fade(lines, colour, points, now);
    }
    this.layer.show(lines);
  }
}

// Adds the line through points of the last seconds before a time: `when` in ms, `place` in shares of the picture.
export function fade(lines, colour, points, now) {
  const past = points.filter(({ when }) => when <= now && when >= now - LONG_MS);
  const recent = past.findIndex((one) => one.when >= now - FAINT_MS);
  const cut = recent < 0 ? past.length : recent;
  join(lines, `trail c${colour} faint`, past.slice(0, cut + 1));
  join(lines, `trail c${colour}`, past.slice(cut));
}

function join(lines, name, points) {
  if (points.length > 1) lines.set(name, `${lines.get(name) ?? ""}M${points.map((one) => at(one.place)).join("L")}`);
}
