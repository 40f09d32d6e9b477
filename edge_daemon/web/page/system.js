// Processes, counts, and charts of the last minutes.
import { colour, drawn, make } from "./parts.js";

const MINUTES = 5;
const POINTS = MINUTES * 60;
const LEGEND = 8;

export class System {
  constructor() {
    this.processes = document.querySelector("#processes tbody");
    this.counts = document.querySelector("#counts tbody");
    this.series = { fps: new Map(), latency: new Map() };
    this.at = 0;
  }

  enter() {
    this.here = true;
    if (this.status) this.update(this.status);
  }

  leave() { this.here = false; }

  update(status) {
    this.status = status;
    if (status.at !== this.at) this.remember(status);
    this.at = status.at;
    if (!this.here) return;
    this.processes.replaceChildren(...status.processes.map((process) => make("tr", {},
      make("td", {}, process.role === process.name ? process.role : `${process.role} ${process.name}`),
      make("td", {}, process.state),
      make("td", { class: "n" }, `${(process.cpu * 100).toFixed(0)} %`),
      make("td", { class: "n" }, `${(process.memory_bytes / 1e6).toFixed(0)} MB`),
      make("td", { class: "n" }, String(process.restarts)))));
    const rows = [];
    for (const [camera, { models }] of Object.entries(status.cameras)) {
      for (const [model, counts] of Object.entries(models)) {
        const dropped = Object.entries(counts.dropped).map(([reason, count]) => `${count} ${reason}`).join(", ");
        const ms = (value) => (value === undefined ? "" : value.toFixed(0));
        rows.push(make("tr", {}, make("td", {}, camera), make("td", {}, model), make("td", { class: "n" }, counts.fps.toFixed(1)),
          make("td", { class: "n" }, ms(counts.latency_ms.p50)), make("td", { class: "n" }, ms(counts.latency_ms.p99)),
          make("td", { class: "n" }, String(counts.delivered)), make("td", {}, dropped || "none")));
      }
    }
    this.counts.replaceChildren(...rows);
    draw(document.getElementById("chart-fps"), this.series.fps);
    draw(document.getElementById("chart-latency"), this.series.latency);
  }

  remember(status) {
    for (const [camera, { models }] of Object.entries(status.cameras)) {
      for (const [model, counts] of Object.entries(models)) {
        const name = Object.keys(models).length > 1 ? `${camera} / ${model}` : camera;
        push(this.series.fps, name, counts.fps);
        push(this.series.latency, name, counts.latency_ms.p99 ?? NaN);
      }
    }
  }
}

function push(series, name, value) {
  if (!series.has(name)) series.set(name, []);
  const values = series.get(name);
  values.push(value);
  if (values.length > POINTS) values.shift();
}

function draw(svg, series) {
  const width = 300;
  const height = 100;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(1, ...[...series.values()].flat().filter(Number.isFinite)) * 1.1;
  const paths = [...series].map(([name, values]) => {
    let path = "";
    values.forEach((value, index) => {
      if (!Number.isFinite(value)) return;
      const x = width - (values.length - 1 - index) * (width / (POINTS - 1));
      path += `${path ? "L" : "M"}${x.toFixed(1)} ${(height - (value / most) * height).toFixed(1)}`;
    });
    const line = drawn("path", { d: path || "M0 0", stroke: colour(name) });
    const title = drawn("title");
    title.textContent = name;
    line.append(title);
    return line;
  });
  const axis = drawn("path", { d: `M0 ${height}H${width}`, stroke: "currentColor", opacity: 0.3 });
  svg.replaceChildren(axis, ...paths);
  const caption = svg.parentElement.querySelector("figcaption");
  const name = caption.dataset.name ?? (caption.dataset.name = caption.textContent);
  const keys = [...series.keys()].slice(0, LEGEND).map((each) => {
    const key = make("span", { class: "key" }, make("bdi", {}, each));
    key.style.setProperty("--colour", colour(each));
    return key;
  });
  caption.replaceChildren(`${name}, up to ${most < 10 ? most.toFixed(1) : most.toFixed(0)}, last ${MINUTES} minutes`, ...keys);
}
