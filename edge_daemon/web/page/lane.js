// A stretch of time of one camera as a bar: what is recorded, what is not, events, the ends of an export, and where one is.
import { attribute, make, renew } from "./dom.js";
import { clock, minute } from "./words.js";

const HOUR_MS = 3_600_000;

export class Lane {
  // `moved`: called with an instant (ms) as the slider is dragged.
  constructor(moved) {
    this.spans = make("div", { class: "strip", "aria-hidden": "true" });
    this.slider = make("input", { type: "range", "aria-label": "Time shown", oninput: () => moved(Number(this.slider.value)) });
    this.ticks = make("div", { class: "ticks", "aria-hidden": "true" });
    this.element = make("div", {}, make("div", { class: "lane" }, this.spans, this.slider), this.ticks);
  }

  // The stretch from `from` to `to` (ms), whose buckets are `steps`; `until`: where the future begins; `ends`: of an export.
  draw({ from, to, steps, gaps, until, ends }) {
    const spans = [["gap", from, Math.min(to, until)], ...recorded(steps), ...gaps.map(({ from: since, to: end }) => ["gap over", Date.parse(since), Date.parse(end)]), ...begun(steps), ...(ends ? [["sel", ...ends]] : [])];
    renew(this.spans, [from, to, spans], () => spans.map(([kind, since, end]) => {
      const span = make("i", { class: kind });
      const [left, right] = [since, end].map((at) => Math.min(100, Math.max(0, (at - from) / (to - from) * 100)));
      [span.style.left, span.style.width] = [`${left}%`, `${right - left}%`];
      return span;
    }));
    for (const [name, value] of [["min", from], ["max", to], ["step", (to - from) / 1440]]) attribute(this.slider, name, String(value));
    const parts = to - from < HOUR_MS ? 5 : 6;
    renew(this.ticks, [from, to], () => [...Array(parts + 1).keys()].map((index) => make("span", {}, minute(from + (to - from) * index / parts))));
  }

  show(at) {
    if (Math.abs(Number(this.slider.value) - at) >= Number(this.slider.step) / 2) this.slider.value = at;
    attribute(this.slider, "aria-valuetext", clock(at));
  }
}

// Buckets in a row in which something is recorded, as one span.
function recorded(steps) {
  const spans = [];
  for (const { from, to, recorded_s: seconds } of steps) {
    if (!seconds) continue;
    const last = spans.at(-1);
    if (last?.[2] === Date.parse(from)) last[2] = Date.parse(to);
    else spans.push(["rec", Date.parse(from), Date.parse(to)]);
  }
  return spans;
}

function begun(steps) {
  return steps.filter(({ events }) => events).map(({ from, to, alerts }) => [alerts ? "alert" : "event", Date.parse(from), Date.parse(to)]);
}
