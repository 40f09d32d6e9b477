// Keys of the whole page; those of a view are given by it.
import { button, make, memory } from "./dom.js";

const LETTERS = "letters";
const COMMON = [["1 to 6", "the views"], ["/", "find"], ["Arrows", "between tiles"], ["Enter", "open"], ["Esc", "back"], ["?", "this list"]];
const LARGE = [["F", "full screen"], ["Space", "pause, or go on"], ["S", "save the picture"], ["B", "boxes on or off"], ["T", "trails on or off"], ["Z", "zones on or off"]];
const TIMELINE = [["J K", "event before, next event"], [", .", "one frame back, on"], ["I O", "ends of the export"]];

let current = {};
let dialog = null;

// `keys`: functions by key, which return false if they do not apply.
export function use(keys) {
  current = keys;
}

export function listen(common) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const { target } = event;
    if (document.querySelector("dialog[open]")) return;
    const isTyping = target.closest?.("input:not([type=checkbox], [type=range], [type=file]), textarea, select");
    if (isTyping && event.key !== "Escape") return;
    if (event.key === " " && target.closest?.("button, a, summary, label, [tabindex]")) return;
    if (event.key.length === 1 && event.key !== " " && !memory.get(LETTERS, true)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = current[key] ?? common[key];
    if (act && act(event) !== false) event.preventDefault();
  });
}

export function help() {
  dialog ??= build();
  dialog.showModal();
}

function build() {
  const rows = [...COMMON, ...LARGE, ...TIMELINE].map(([key, does]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, does)));
  const box = make("input", { type: "checkbox", onchange: () => memory.set(LETTERS, box.checked) });
  box.checked = memory.get(LETTERS, true);
  const made = make("dialog", { "aria-labelledby": "keys-title" },
    make("div", { class: "row" }, make("h2", { id: "keys-title", class: "grow" }, "Keys"), button("x", "Close", () => made.close(), { class: "btn icon quiet" })),
    make("dl", { class: "keys" }, ...rows),
    make("label", { class: "in" }, box, "Keys of a single letter"));
  document.body.append(made);
  return made;
}
