// Zones, lines and areas of a camera over its picture, with how many are in them now.
import { make, renew, text } from "./dom.js";
import { Layer, at } from "./overlay.js";
import { counted } from "./words.js";

const ARROW = 5; // length of a line's arrow, in shares of the picture's height

const closed = (points) => `M${points.map(at).join("L")}Z`;
const open = (points) => `M${points.map(at).join("L")}`;

// The arrow of a line points to where `in` is: to the right hand of who looks from its first point to its last.
function arrow(points, ratio) {
  const [[x1, y1], [x2, y2]] = middle(points);
  const [dx, dy] = [(x2 - x1) * ratio, y2 - y1];
  const long = Math.hypot(dx, dy) || 1;
  const [rx, ry] = [-dy / long, dx / long];
  const to = (forth, right) => [(x1 + x2) / 2 + (right * rx + forth * dx / long) / ratio * ARROW / 100, (y1 + y2) / 2 + (right * ry + forth * dy / long) * ARROW / 100];
  return `${open([to(0, 0), to(0, 1)])}${open([to(-0.35, 0.6), to(0, 1), to(0.35, 0.6)])}`;
}

function middle(points) {
  const half = Math.floor((points.length - 1) / 2);
  return [points[half], points[half + 1]];
}

export class Places {
  constructor() {
    this.areas = {};
    this.layer = new Layer("ov");
    this.labels = make("div", { class: "labels", "aria-hidden": "true" });
    this.isShown = true;
  }

  get isEmpty() {
    return !this.areas.zones && !this.areas.lines;
  }

  // `areas`: as GET /api/cameras/NAME/zones answers.
  set(areas) {
    this.areas = areas;
    this.draw(16 / 9);
  }

  show(isShown) {
    this.isShown = isShown;
    this.draw(this.ratio);
  }

  // `ratio`: width by height of the picture.
  draw(ratio) {
    this.ratio = ratio;
    const lines = new Map();
    const add = (name, d) => lines.set(name, (lines.get(name) ?? "") + d);
    const { zones = {}, lines: across = {}, ignore = [] } = this.isShown ? this.areas : {};
    for (const { points } of ignore) add("ignored", closed(points));
    for (const { points } of Object.values(zones)) {
      add("h", closed(points));
      add("zone", closed(points));
    }
    for (const { points } of Object.values(across)) {
      const d = open(points) + arrow(points, ratio);
      add("h", d);
      add("line", d);
    }
    this.layer.show(lines);
    const named = [...Object.entries(zones), ...Object.entries(across)];
    renew(this.labels, [this.isShown, named.map(([name, { points }]) => [name, points])], () => named.map(([name, { points }], index) => {
      const label = make("span", { class: `lb ${index < Object.keys(zones).length ? "in-zone" : "on-line"}` }, name);
      const [x, y] = points.reduce((top, point) => (point[1] < top[1] ? point : top));
      [label.style.left, label.style.top] = [`${Math.min(x, 0.8) * 100}%`, `${Math.min(y, 0.94) * 100}%`];
      return label;
    }));
  }

  // `totals`: of each model that counts here.
  count(totals) {
    if (!this.isShown) return;
    const names = [...Object.keys(this.areas.zones ?? {}), ...Object.keys(this.areas.lines ?? {})];
    const words = inWords(totals);
    [...this.labels.children].forEach((label, index) => {
      const name = names[index];
      text(label, words.get(name) ? `${name}: ${words.get(name)}` : name);
    });
  }
}

// "2 now" for zones, "3 in, 1 out" for lines; of all classes together.
function inWords(totals) {
  const words = new Map();
  for (const { zones, lines } of totals) {
    for (const [name, classes] of Object.entries(zones)) words.set(name, `${sum(Object.values(classes))} now`);
    for (const [name, classes] of Object.entries(lines)) words.set(name, `${sum(Object.values(classes).map((one) => one.in))} in, ${sum(Object.values(classes).map((one) => one.out))} out`);
  }
  return words;
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

// The same as a table, for the panel beside the picture.
export class Counts {
  constructor() {
    this.element = make("div", { class: "pad stack" });
  }

  update(models) {
    const rows = models.flatMap(([model, { zones, lines }]) => [
      ...Object.entries(zones).map(([name, classes]) => [model, name, `${counted(present(classes)) || "nobody"} now`]),
      ...Object.entries(lines).flatMap(([name, classes]) => Object.entries(classes).map(([kind, ways]) => [model, name, `${kind}: ${ways.in} in, ${ways.out} out`])),
    ]);
    const blind = models.map(([model, totals]) => [model, totals.blind_s]);
    renew(this.element, [rows, blind], () => [
      make("table", {}, make("thead", {}, make("tr", {}, ...["Zone or line", "Counted"].map((words) => make("th", { scope: "col" }, words)))),
        make("tbody", {}, ...rows.map(([model, name, words]) => make("tr", {}, make("th", { scope: "row" }, name, models.length > 1 ? make("span", { class: "soft" }, ` ${model}`) : ""), make("td", { class: "wide" }, words))))),
      rows.length ? "" : make("p", { class: "small soft" }, "Nothing counted yet."),
      ...blind.map(([model, seconds]) => make("p", { class: "small soft" }, `Not looked at: ${seconds.toFixed(0)} s${models.length > 1 ? ` by ${model}` : ""}.`)),
      make("p", { class: "small soft" }, "Counts since the totals began; by interval and since the reset: ", make("a", { class: "mono", href: "api/counts" }, "/api/counts"))]);
  }
}

const present = (classes) => Object.fromEntries(Object.entries(classes).filter(([, number]) => number));
