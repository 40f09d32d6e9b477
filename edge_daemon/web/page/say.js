// Toasts, and the live region for changes of state.
import { button, icon, make } from "./dom.js";

const MOST = 2;
const TOAST_MS = 5000;
const GATHER_MS = 2000;
const APART_MS = 5000;

const toasts = make("div", { class: "toasts" });
const region = make("p", { class: "sr", "aria-live": "polite" });

export function mount() {
  document.body.append(toasts, region);
}

export function toast(words, { failed = false } = {}) {
  const one = make("div", { class: "toast", role: failed ? "alert" : "status" },
    make("span", { class: failed ? "bad" : "good" }, icon(failed ? "warn" : "check")), make("span", {}, words));
  if (failed) one.append(button("x", "Close", () => one.remove(), { class: "btn icon quiet" }));
  else setTimeout(() => one.remove(), TOAST_MS);
  toasts.append(one);
  while (toasts.childElementCount > MOST) toasts.firstElementChild.remove();
}

export function clearToasts() {
  toasts.replaceChildren();
}

let waiting = [];
let timer = null;
let last = -APART_MS;

// Says sentences together, and not too often.
export function announce(words) {
  waiting.push(words);
  if (timer !== null) return;
  timer = setTimeout(() => {
    region.textContent = `${waiting.join(". ")}.`;
    [waiting, timer, last] = [[], null, performance.now()];
  }, Math.max(GATHER_MS, last + APART_MS - performance.now()));
}
