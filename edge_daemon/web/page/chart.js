// A chart of a span of time up to now, drawn by uPlot: axes, gaps hatched, the value at the pointer or by arrow keys, and a table.
import { attribute, make, text } from "./dom.js";
import { clock, minute } from "./words.js";

const HIGH = 170;
const ROWS = 60;
let loading = null;

function library() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(make("link", { rel: "stylesheet", href: "page/uplot.css" }),
      make("script", { src: "page/uplot.js", onload: () => resolve(globalThis.uPlot), onerror: reject }));
  });
  return loading;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class Chart {
  // `lines`: [name, colour token]; `say` puts a value into words.
  constructor(title, unit, lines, say = (value) => String(Number(value.toPrecision(3)))) {
    [this.title, this.lines, this.say, this.data, this.span] = [title, lines, say, null, 3600];
    this.tip = make("div", { class: "tip", hidden: true, "aria-live": "polite" });
    this.none = make("p", { class: "small soft" }, "The first values come after ten seconds.");
    this.place = make("div", { class: "chart", tabindex: 0, role: "group", onkeydown: (event) => this.key(event), onblur: () => this.point(null) }, this.tip, this.none);
    this.table = make("details", { class: "small", ontoggle: () => this.fillTable() }, make("summary", { class: "soft" }, "Show as table"), make("div", { class: "values" }));
    const keys = lines.length > 1 ? lines.map(([name, colour]) => {
      const key = make("span", { class: "key" }, name);
      key.style.setProperty("--k", `var(${colour})`);
      return key;
    }) : [];
    this.element = make("figure", { class: "card pad" }, make("figcaption", { class: "row wrap" }, make("h2", {}, title), make("span", { class: "soft small" }, unit), make("span", { class: "row wrap end" }, ...keys)), this.place, this.table);
    new ResizeObserver(() => this.plot?.setSize({ width: this.place.clientWidth, height: HIGH })).observe(this.place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  // Seconds to show, and their name; times in seconds, and values of each line; null where there is none.
  show([span, words], times, ...values) {
    this.span = span;
    attribute(this.place, "aria-label", `${this.title}, last ${words}. Arrow keys give the values.`);
    this.data = [times, ...values];
    this.none.hidden = times.length > 0;
    if (!times.length) return;
    if (this.plot) this.plot.setData(this.data);
    else this.build();
    if (this.table.open) this.fillTable();
  }

  async build() {
    const uPlot = await library();
    if (!this.data || !this.place.isConnected) return;
    this.plot?.destroy();
    const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    this.plot = new uPlot({
      width: this.place.clientWidth, height: HIGH, legend: { show: false }, padding: [8, 8, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { range: () => this.range() }, y: { range: (plot, low, high) => [0, (high > 0 ? high : 1) * 1.08] } },
      axes: [{ ...axis, grid: { show: false }, size: 26, space: 60, values: (plot, at) => at.map((one) => minute(one * 1000)) }, { ...axis, size: 46, space: 32 }],
      series: [{}, ...this.lines.map(([name, colour]) => ({ label: name, stroke: css(colour), width: 1.7, points: { show: false } }))],
      hooks: { drawClear: [(plot) => this.hatch(plot)], setCursor: [(plot) => this.point(plot.cursor.idx)] },
    }, this.data, this.place);
  }

  // Of a single value, uPlot would show a day.
  range() {
    const last = this.data[0].at(-1);
    return [last - this.span, last];
  }

  // Spans without any value.
  hatch(plot) {
    const [times, ...lines] = this.data;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    for (let from = 0; from < times.length; from++) {
      if (lines.some((line) => line[from] !== null)) continue;
      let to = from;
      while (to + 1 < times.length && lines.every((line) => line[to + 1] === null)) to++;
      const [left, right] = [times[Math.max(0, from - 1)], times[Math.min(times.length - 1, to + 1)]].map((at) => plot.valToPos(at, "x", true));
      ctx.rect(left, bbox.top, right - left, bbox.height);
      from = to;
    }
    ctx.clip();
    ctx.strokeStyle = css("--bad");
    ctx.globalAlpha = 0.4;
    ctx.beginPath();
    for (let x = bbox.left - bbox.height; x < bbox.left + bbox.width; x += 8 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  words(at) {
    const [times, ...lines] = this.data;
    const values = lines.map((line, index) => {
      const words = line[at] === null || line[at] === undefined ? "nothing known" : this.say(line[at]);
      return this.lines.length > 1 ? `${this.lines[index][0]} ${words}` : words;
    });
    return `${clock(times[at] * 1000)}: ${values.join(", ")}`;
  }

  point(at) {
    const isShown = at !== null && at !== undefined && this.data?.[0].length > 0;
    this.tip.hidden = !isShown;
    if (!isShown) return;
    text(this.tip, this.words(at));
    const x = this.plot.valToPos(this.data[0][at], "x") + 46;
    this.tip.style.left = x < this.place.clientWidth / 2 ? `${x + 12}px` : "auto";
    this.tip.style.right = x < this.place.clientWidth / 2 ? "auto" : `${this.place.clientWidth - x + 12}px`;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -6, PageDown: 6 }[event.key];
    if (!step || !this.plot) return;
    event.preventDefault();
    const last = this.data[0].length - 1;
    const at = Math.max(0, Math.min(last, (this.plot.cursor.idx ?? last + 1) + step));
    this.plot.setCursor({ left: this.plot.valToPos(this.data[0][at], "x"), top: 10 });
  }

  fillTable() {
    if (!this.table.open || !this.data) return;
    const [times, ...lines] = this.data;
    const step = Math.max(1, Math.ceil(times.length / ROWS));
    const rows = times.map((_, at) => at).filter((at) => at % step === 0).reverse();
    this.table.lastChild.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...["Time", ...this.lines.map(([name]) => name)].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map((at) => make("tr", {}, make("th", { scope: "row" }, clock(times[at] * 1000)), ...lines.map((line) => make("td", { class: "n" }, line[at] === null ? "" : this.say(line[at]))))))));
  }
}
