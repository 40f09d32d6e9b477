// Boxes, limbs and points over a picture: one SVG, a few paths, which are kept and changed.
import { attribute, drawn } from "./dom.js";
import { kindOfClass, shown } from "./findings.js";
import { LIMBS } from "./skeletons.js";

const SURE = 0.3; // keypoints below it are not drawn
const round = (value) => Math.round(value * 100) / 100;

// A point in shares of the picture, as paths have it.
export const at = ([x, y]) => `${round(x * 100)} ${round(y * 100)}`;

// Paths over a picture, by their class.
export class Layer {
  constructor(name) {
    this.element = drawn("svg", { class: name, viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.paths = new Map();
  }

  show(lines) {
    for (const name of lines.keys()) if (!this.paths.has(name)) this.add(name);
    for (const [name, path] of this.paths) attribute(path, "d", lines.get(name) ?? "");
  }

  add(name) {
    const path = drawn("path", { class: name });
    this.paths.set(name, path);
    if (name === "h") this.element.prepend(path);
    else this.element.append(path);
  }
}

export class Overlay extends Layer {
  constructor() {
    super("ov");
  }

  // `found`: results with their age, null if they are of this very picture; `chosen`: a detection to bring out.
  draw(found, chosen = null) {
    const lines = new Map();
    const add = (name, d) => lines.set(name, (lines.get(name) ?? "") + d);
    for (const { result, age } of found) {
      const scale = ([x, y]) => `${round(x / result.width * 100)} ${round(y / result.height * 100)}`;
      const old = age === null ? "" : " old";
      for (const one of shown(result)) {
        const box = outline(one, scale);
        add("h", box);
        add(`k ${kindOfClass(one.class_name)}${old}`, box);
        if (one === chosen) add("k sel", box);
        if (one.keypoints) points(one, scale, add);
      }
      if (result.keypoints) points(result, scale, add);
    }
    this.show(lines);
  }
}

function outline(one, scale) {
  const [x1, y1, x2, y2] = one.xyxy;
  const corners = one.corners ?? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
  return `M${corners.map(scale).join("L")}Z`;
}

function points({ keypoints, skeleton }, scale, add) {
  const isSure = ([x, y, sure]) => Number.isFinite(x) && Number.isFinite(y) && sure >= SURE;
  for (const [from, to] of LIMBS[skeleton] ?? []) {
    const [a, b] = [keypoints[from], keypoints[to]];
    if (a && b && isSure(a) && isSure(b)) add("limb", `M${scale(a)}L${scale(b)}`);
  }
  for (const point of keypoints) if (isSure(point)) add("point", `M${scale(point)}h0`);
}
