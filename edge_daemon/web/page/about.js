// What a camera and its models are.
import { cameraPath, get, modelPath } from "./api.js";
import { make } from "./dom.js";
import { modelFacts } from "./models.js";

// Rows of names and values; those without a value are left out.
export function facts(rows) {
  return make("dl", { class: "kv" }, ...rows.filter(([, value]) => value !== undefined && value !== null && value !== "")
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

export function about(name) {
  const place = make("div", { class: "pad stack l" }, make("p", { class: "small soft" }, "Asking…"));
  fill(place, name).catch((error) => place.replaceChildren(make("p", { class: "small bad" }, `${error.message}.`)));
  return place;
}

async function fill(place, name) {
  const camera = await get(cameraPath(name));
  const models = await Promise.all(Object.keys(camera.models).map((model) => get(modelPath(model)).catch(() => ({ name: model }))));
  const size = camera.width ? `${camera.width} × ${camera.height}` : "";
  place.replaceChildren(
    make("section", { class: "stack" }, make("h2", {}, "Stream"), facts([["address", camera.address], ["stream", camera.about], ["size", size], ["frames", camera.fps ? `${camera.fps.toFixed(1)} a second` : ""]])),
    ...models.map((model) => make("section", { class: "stack" }, make("h2", {}, `Model ${model.name}`), facts(modelFacts(model)))),
    make("p", { class: "small soft" }, "As JSON: ", make("a", { class: "mono", href: cameraPath(name) }, `/${cameraPath(name)}`)));
}
