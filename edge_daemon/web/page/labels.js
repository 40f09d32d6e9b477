// Labels of boxes: above, else inside, else below, else none; never over one another.
import { attribute, make, text } from "./dom.js";
import { kindOfClass, shown } from "./findings.js";

const HIGH = 18;
const SIGN = 6.9; // width of a character of 12 px, on the average; and what surrounds them:
const AROUND = 14;
const MOST_ON_TILE = 12;

// `detail`: "large" names every box, "tile" each class at its largest.
export function labelsOf(found, detail, several) {
  const listed = found.flatMap(({ result, age }) => shown(result).map((one) => ({ one, age, result })));
  if (detail === "tile" && listed.length > MOST_ON_TILE) return [];
  const labels = listed.map(({ one, age, result }) => {
    const [x1, y1, x2, y2] = one.xyxy;
    const [x, y, w, h] = [x1 / result.width, y1 / result.height, (x2 - x1) / result.width, (y2 - y1) / result.height];
    const model = several && detail === "large" && age !== null ? `${result.model} ` : "";
    const sure = age === null ? ` ${one.confidence.toFixed(2)}` : `, ${age.toFixed(1)} s old`;
    const who = one.tracker_id ? ` ${one.tracker_id}` : "";
    return { x, y, w, h, name: one.class_name, isOld: age !== null, words: detail === "large" ? `${model}${one.class_name}${who}${sure}` : one.class_name };
  });
  labels.sort((a, b) => a.isOld - b.isOld || b.w * b.h - a.w * a.h);
  if (detail === "large") return labels;
  const names = new Set();
  return labels.filter(({ name, isOld }) => !isOld && !names.has(name) && names.add(name));
}

// Places for labels in a picture of this many pixels.
export function place(labels, width, height) {
  const taken = [];
  const placed = [];
  for (const label of labels) {
    const wide = Math.min(label.words.length * SIGN + AROUND, width);
    const x = Math.max(0, Math.min(label.x * width, width - wide));
    for (const y of [label.y * height - HIGH - 2, label.y * height + 2, (label.y + label.h) * height + 2]) {
      if (y < 0 || y + HIGH > height) continue;
      if (taken.some((one) => x < one.x + one.wide && one.x < x + wide && y < one.y + HIGH && one.y < y + HIGH)) continue;
      taken.push({ x, y, wide });
      placed.push({ ...label, left: Math.round(x), top: Math.round(y) });
      break;
    }
  }
  return placed;
}

export class Labels {
  constructor() {
    this.element = make("div", { class: "labels", "aria-hidden": "true" });
  }

  draw(placed) {
    while (this.element.childElementCount < placed.length) this.element.append(make("span"));
    [...this.element.children].forEach((span, index) => {
      const label = placed[index];
      span.hidden = !label;
      if (!label) return;
      attribute(span, "class", `lb ${kindOfClass(label.name)}${label.isOld ? " old" : ""}`);
      text(span, label.words);
      span.style.transform = `translate(${label.left}px, ${label.top}px)`;
    });
  }
}
