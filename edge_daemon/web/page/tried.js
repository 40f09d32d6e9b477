// The list of what a model found in a picture, for each kind of finding.
import { icon, make } from "./dom.js";
import { copied } from "./example.js";
import { kindOfClass, shown, share, wordsOf } from "./findings.js";
import { colourOf, css } from "./masks.js";
import { address } from "./router.js";

const LIKELY = 5;
const UNSURE = 0.5;

// `hooks`: the model's facts, names of other models, what to do when a finding is pointed at, and an earlier vector.
export function foundIn(result, hooks) {
  const parts = [];
  if (shown(result).length) parts.push(...detections(result, hooks));
  if (result.segments) parts.push(...segments(result));
  if (result.classes) parts.push(...classes(result));
  if (result.embedding) parts.push(...embedding(result, hooks));
  if (result.keypoints) parts.push(head("Points"), make("ul", {}, ...result.keypoints.map(([x, y, sure], index) => find(null, `point ${index + 1}: ${x.toFixed(0)}, ${y.toFixed(0)}`, sure.toFixed(2)))));
  const words = wordsOf(result);
  if (words.length) parts.push(head("Read off"), make("ul", {}, ...words.map((one) => find(null, one, ""))));
  return parts.length ? parts : nothing(result, hooks);
}

function head(title, ...more) {
  return make("div", { class: "head" }, make("h2", { class: "grow" }, title), ...more);
}

function find(colour, name, value, ...more) {
  const swatch = make("i", { class: "sw" });
  if (colour) swatch.style.setProperty("--k", colour);
  return make("li", { class: "find" }, swatch, make("span", {}, name, ...more), make("b", {}, value));
}

function meter(part) {
  const bar = make("i");
  bar.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
  return make("span", { class: "meter", "aria-hidden": "true" }, bar);
}

function detections(result, { point }) {
  const rows = shown(result).map((one) => {
    const row = find(`var(--${kindOfClass(one.class_name)})`, one.class_name, one.confidence.toFixed(2), more(one));
    const light = (on) => { row.classList.toggle("on", on); point(on ? one : null); };
    row.addEventListener("pointerenter", () => light(true));
    row.addEventListener("pointerleave", () => light(false));
    return row;
  });
  return [head("Found", make("span", { class: "badge accent" }, String(rows.length))), make("ul", {}, ...rows)];
}

function more(one) {
  const with_ = [one.mask && "mask", one.keypoints && `${one.keypoints.length} points`, one.corners && "turned box", one.embedding && `vector of ${one.embedding.length}`].filter(Boolean);
  return with_.length ? make("span", { class: "soft tiny" }, ` ${with_.join(", ")}`) : null;
}

function segments(result) {
  const rows = [...result.segments].sort((a, b) => b.area - a.area)
    .map((one) => find(one.class_name === "background" ? null : css(colourOf(one)), one.class_name, share(one.area), meter(one.area)));
  return [head("Share of the picture"), make("ul", {}, ...rows)];
}

function classes(result) {
  const rows = result.classes.slice(0, LIKELY).map((one) => find(null, one.class_name, one.confidence.toFixed(2), meter(one.confidence)));
  const best = result.classes[0];
  const unsure = best && best.confidence < UNSURE && make("p", { class: "pad small soft" }, `Not sure: the best class has ${best.confidence.toFixed(2)}.`);
  return [head("Most likely"), make("ul", {}, ...rows), unsure].filter(Boolean);
}

function embedding(result, { vector, keep }) {
  const numbers = result.embedding;
  const length = Math.hypot(...numbers);
  const shown = numbers.slice(0, 3).map((one) => one.toFixed(3).replace("-", "−")).join(", ");
  const alike = vector && vector.length === numbers.length ? numbers.reduce((sum, one, at) => sum + one * vector[at], 0) / (length * Math.hypot(...vector)) : null;
  return [head("Vector", make("button", { type: "button", class: "btn", onclick: () => copied(JSON.stringify(numbers)) }, "Copy as JSON")),
    make("div", { class: "pad stack" }, stripes(numbers), make("p", { class: "mono soft" }, `[${shown}, … ${Math.max(0, numbers.length - 3)} more]`),
      alike === null ? make("p", { class: "small soft" }, `Length ${length.toFixed(3)}. The numbers mean nothing alone: compare two pictures.`)
        : make("p", { role: "status" }, make("b", {}, `Alike by ${alike.toFixed(2)}`), make("span", { class: "small soft" }, " to the picture before; 1 is the same, 0 nothing in common.")),
      make("button", { type: "button", class: "btn", onclick: () => keep(numbers) }, "Compare with a second picture"))];
}

// The numbers as colours: blue above 0, orange below.
function stripes(numbers) {
  const wide = 64;
  const canvas = make("canvas", { class: "vector", width: wide, height: Math.ceil(numbers.length / wide), role: "img", "aria-label": `${numbers.length} numbers as colours` });
  const context = canvas.getContext("2d");
  const most = Math.max(...numbers.map(Math.abs)) || 1;
  numbers.forEach((one, at) => {
    context.fillStyle = one >= 0 ? "#1e63c4" : "#b4540a";
    context.globalAlpha = Math.abs(one) / most;
    context.fillRect(at % wide, Math.floor(at / wide), 1, 1);
  });
  return canvas;
}

function nothing(result, { model, others, confidence }) {
  const best = result.surest ?? result.best;
  const sure = best ? `The surest was ${best.class_name}, ${best.confidence.toFixed(2)}: below ${confidence > (model.confidence ?? 0) ? confidence.toFixed(2) : `the model's own threshold of ${model.confidence.toFixed(2)}`}.` : `Nothing was above ${confidence.toFixed(2)}.`;
  const known = model.classes?.length ? make("li", {}, `It knows ${model.classes.length > 12 ? `${model.classes.length} classes: ${model.classes.slice(0, 12).join(", ")}, …` : `only: ${model.classes.join(", ")}.`}`) : null;
  const tries = others.slice(0, 4).flatMap((name, at) => [at ? ", " : "", make("a", { href: address("try", [], { model: name }) }, name)]);
  return [make("div", { class: "blankslate" }, icon("search"), make("h2", {}, "Nothing found"), make("p", { class: "small soft" }, sure)),
    make("ul", { class: "stack s small pad" }, known, make("li", {}, "Lower ", make("code", {}, "confidence:"), " in the YAML to keep more."), tries.length ? make("li", {}, "Or try another model: ", ...tries, ".") : null)];
}

