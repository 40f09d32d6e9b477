// What a model is, in words.
import { plural, sentence } from "./words.js";

const ALL = 12;
// What models of the whole picture do, by their layout; they have no boxes, and so no confidence to choose.
const WHOLE = { classification: "classifies the whole picture", segmentation: "gives each pixel its likeliest class", embedding: "makes a vector of the picture", ctc: "reads text", values: "estimates numbers", movenet: "finds the points of one person", simcc: "finds the points of one person" };

const size = (model) => model.input?.size?.replace("x", " × ") ?? "";

// True if findings below a confidence are left out.
export function hasThreshold(model) {
  return Number.isFinite(model.confidence) && !(model.decoder in WHOLE);
}

export function modelFacts(model) {
  const input = model.input && [size(model), model.input.color?.toUpperCase(), model.input.resize].filter(Boolean).join(", ");
  return [["file", model.file], ["layout", model.decoder], ["because", model.why], ["input", input], ["runs on", model.provider],
    ["confidence", hasThreshold(model) ? model.confidence.toFixed(2) : ""], ["classes", classes(model)], ["kept", model.kept_classes?.join(", ")], ["runs after", model.after]];
}

// One line: "Layout yolox, 80 classes, 416 × 416."
export function summary(model) {
  const parts = [WHOLE[model.decoder] ?? (model.decoder && `layout ${model.decoder}`), model.classes?.length ? plural(model.classes.length, "class", "classes") : "", size(model)].filter(Boolean).join(", ");
  return parts ? `${sentence(parts)}.` : "";
}

export function modelLine(model) {
  return [model.file, model.decoder, model.classes?.length ? plural(model.classes.length, "class", "classes") : "", size(model), hasThreshold(model) ? `confidence ${model.confidence.toFixed(2)}` : ""].filter(Boolean).join(", ");
}

function classes({ classes: all }) {
  if (!all?.length) return "";
  return all.length > ALL ? `${all.slice(0, ALL).join(", ")} and ${plural(all.length - ALL, "more", "more")}` : all.join(", ");
}
