// The last hour of one camera: when it was up, when it was not, and when nobody looked.
import { get } from "./api.js";
import { make, renew } from "./dom.js";
import { duration, minute } from "./words.js";

const HOUR_MS = 3_600_000;
const UP = 0.5; // of a step

export class Strip {
  constructor(name) {
    this.name = name;
    this.lane = make("div", { class: "strip", role: "img" });
    this.ticks = make("div", { class: "ticks" });
    this.element = make("section", { class: "card pad", hidden: true }, make("div", { class: "row wrap" }, make("h2", {}, "Last hour"),
      make("span", { class: "row wrap end" }, make("span", { class: "key up" }, "up"), make("span", { class: "key gap" }, "not up"))), this.lane, this.ticks);
  }

  async refresh() {
    const { steps } = await get(`api/history?camera=${encodeURIComponent(this.name)}`);
    const last = steps.at(-1);
    if (!last) return;
    const end = Date.parse(last.at);
    const spans = merged(steps, this.name).map(({ from, to, isUp, state }) => [(from - end + HOUR_MS) / HOUR_MS * 100, (to - from) / HOUR_MS * 100, isUp, state, to - from]);
    const down = spans.filter(([, , isUp]) => !isUp);
    this.element.hidden = false;
    this.lane.setAttribute("aria-label", down.length ? `Not up for ${duration(down.reduce((sum, one) => sum + one[4], 0) / 1000)} in the last hour` : "Up whenever it was observed in the last hour");
    renew(this.lane, spans, () => spans.map(([left, width, isUp, state]) => {
      const span = make("i", { class: isUp ? "up" : "gap", title: state });
      [span.style.left, span.style.width] = [`${Math.max(0, left)}%`, `${width}%`];
      return span;
    }));
    renew(this.ticks, minute(end), () => [60, 45, 30, 15, 0].map((before) => make("span", {}, minute(end - before * 60_000))));
  }
}

// Steps in a row of the same kind as one span.
function merged(steps, name) {
  const spans = [];
  for (const { at, duration_s: long, cameras } of steps) {
    const camera = cameras[name];
    if (!camera) continue;
    const [to, isUp] = [Date.parse(at), camera.up >= UP];
    const last = spans.at(-1);
    if (last && last.isUp === isUp && to - long * 1000 - last.to < 5000) last.to = to;
    else spans.push({ from: to - long * 1000, to, isUp, state: camera.state });
  }
  return spans;
}
