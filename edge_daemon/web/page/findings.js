// What a result says, of every kind of model.
import { counted } from "./words.js";

const VEHICLES = new Set(["car", "truck", "bus", "motorcycle", "motorbike", "bicycle", "train", "boat", "airplane", "aeroplane", "van"]);

// The colour of a class over pictures.
export function kindOfClass(name) {
  return name === "person" ? "person" : VEHICLES.has(name) ? "vehicle" : "other";
}

// The detections to draw: of a model that runs after another, what it found in the other's.
export function shown(result) {
  return (result.detections ?? []).flatMap((one) => {
    if (one.parent === undefined || one.keypoints) return [one];
    const best = one.classes?.[0];
    const words = wordsOf(one);
    if (words.length) return [{ ...one, class_name: [...(best ? [best.class_name] : []), ...words].join(", "), confidence: one.text?.confidence ?? best?.confidence ?? one.confidence }];
    if (best) return [{ ...one, class_name: best.class_name, confidence: best.confidence }];
    return one.detections ?? (one.embedding ? [one] : []);
  });
}

// Text and numbers that a model reads off a picture.
export function wordsOf(found) {
  const read = found.text?.text ? [`“${found.text.text}”`] : [];
  return [...read, ...(found.values ?? []).map((one) => `${one.name} ${Number(one.value.toPrecision(3))}`)];
}

export function countsOf(result) {
  const counts = {};
  for (const one of shown(result)) counts[one.class_name] = (counts[one.class_name] ?? 0) + 1;
  for (const one of segmentsOf(result)) counts[one.class_name] = 1;
  if (result.classes?.length) counts[result.classes[0].class_name] = 1;
  return counts;
}

export function segmentsOf(result) {
  return (result.segments ?? []).filter((one) => one.class_name !== "background");
}

// One line: "4 × person, 1 × car"; "nothing" if a model looked and found none.
export function inWords(result) {
  const words = wordsOf(result);
  const found = shown(result);
  if (found.length) words.unshift(counted(countsOf({ detections: result.detections })));
  if (result.classes?.length) words.unshift(`${result.classes[0].class_name} ${result.classes[0].confidence.toFixed(2)}`);
  if (result.segments) words.unshift(segmentsOf(result).map((one) => one.class_name).join(", ") || "nothing");
  if (result.embedding) words.unshift(`a vector of ${result.embedding.length} numbers`);
  if (result.keypoints) words.unshift(`${result.keypoints.length} points`);
  return words.join(", ") || "nothing";
}

// With confidences, for lists: "person 0.84, 0.76, car 0.71".
export function inDetail(result) {
  const by = new Map();
  for (const one of shown(result)) by.set(one.class_name, [...(by.get(one.class_name) ?? []), one.confidence.toFixed(2)]);
  const classes = (result.classes ?? []).slice(0, 5).map((one) => `${one.class_name} ${one.confidence.toFixed(2)}`);
  const parts = segmentsOf(result).map((one) => `${one.class_name} ${share(one.area)}`);
  return [...[...by].map(([name, sure]) => `${name} ${sure.join(", ")}`), ...classes, ...parts].join(", ");
}

export function share(area) {
  return area > 0 && area < 0.01 ? "under 1 %" : `${(area * 100).toFixed(0)} %`;
}
