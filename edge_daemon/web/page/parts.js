// Helpers shared by the views.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function drawn(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The colour of a name, the same in all views.
export function colour(name) {
  let sum = 0;
  for (const sign of name) sum = (sum * 31 + sign.codePointAt(0)) % 360;
  return `hsl(${(sum * 47) % 360} 70% 55%)`;
}

export function kindOf(state) {
  if (state === "up" || state === "ended" || state === "finished") return "good";
  return state.startsWith("down") ? "bad" : "warn";
}

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

// What a result says, of every kind of model; empty if nothing was found.
export function inWords(result) {
  return findings(result).slice(0, 12).map((one) => one.caption).join(", ");
}

export function findings(result) {
  const sure = (one) => ({ name: one.class_name, caption: `${one.class_name} ${one.confidence.toFixed(2)}`, box: one.xyxy });
  const share = (one) => ({ name: one.class_name, caption: `${one.class_name}${one.area === undefined ? "" : ` ${(one.area * 100).toFixed(0)} %`}` });
  const vector = result.embedding ? [{ name: "vector", caption: `a vector of ${result.embedding.length} numbers` }] : [];
  const values = (result.values || []).map((one) => ({ name: one.name, caption: `${one.name} ${one.value.toFixed(2)}` }));
  const text = result.text ? [{ name: "text", caption: `“${result.text.text}” ${result.text.confidence.toFixed(2)}` }] : [];
  return [...values, ...text, ...(result.detections || []).map(sure), ...(result.classes || []).map(sure), ...(result.segments || []).map(share), ...vector];
}
