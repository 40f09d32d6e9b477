// All cameras, as tiles that keep their place.
import { attribute, blank, button, choice, dot, make, memory, text } from "./dom.js";
import { SIZES, columnsFor } from "./grid.js";
import { live } from "./live.js";
import { stepped } from "./pictures.js";
import { Rail } from "./rail.js";
import { address, replace } from "./router.js";
import { TROUBLE, count, groupOf, kindOf } from "./states.js";
import { Tile } from "./tile.js";
import { plural } from "./words.js";

const MANY = 17; // from this number of cameras on, those with problems come first
const FIT = 36; // more are shown small
const BELOW = 16;
const GROUPS = [["", "All"], ["up", "Up"], ["stalled", "Stalled"], ["down", "Down"]];
const ORDERS = [["configured", "as configured"], ["problems", "problems first"], ["name", "by name"]];

// The first of some values that is known.
const oneOf = (known, ...values) => values.find((value) => known.includes(value));

export class Cameras {
  constructor() {
    this.tiles = new Map();
    this.query = {};
    this.build();
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.tile.isSeen = isIntersecting;
      this.want();
    }, { rootMargin: "150px" });
    new ResizeObserver(() => this.arrange()).observe(this.place);
    addEventListener("resize", () => this.arrange());
  }

  build() {
    this.numbers = new Map(GROUPS.map(([name]) => [name, make("span")]));
    this.groups = choice("Show", GROUPS.map(([name, words]) => [name, name && name !== "up" ? dot(name) : "", `${words} `, this.numbers.get(name)]), "", (show) => this.change({ show }), { class: "seg fill grow0" });
    this.find = make("input", { type: "search", placeholder: "Find a camera", "aria-label": "Find a camera", oninput: () => this.change({ find: this.find.value.trim() }) });
    this.order = make("select", { "aria-label": "Order", class: "hide-s", onchange: () => { memory.set("order", this.order.value); this.change({ order: this.order.value }); } },
      ...ORDERS.map(([value, words]) => make("option", { value }, `Order: ${words}`)));
    this.boxes = make("input", { type: "checkbox", onchange: () => this.showBoxes() });
    this.boxes.checked = memory.get("boxes", true);
    this.size = choice("Size of tiles", [["s", "S"], ["m", "M"], ["l", "L"]], "m", (size) => { memory.set("size", size); this.change({ size }); });
    this.list = make("ul", { class: "tiles" });
    this.none = make("div", { hidden: true });
    this.place = make("div", { class: "grow" },
      make("div", { class: "tool", role: "group", "aria-label": "Cameras shown" }, this.groups, make("label", { class: "in grow0" }, this.find), this.order,
        make("span", { class: "end row hide-s" }, make("label", { class: "in" }, this.boxes, "Boxes"), this.size, button("full", "Full screen", () => this.full()))),
      this.list, this.none);
    this.rail = new Rail();
    this.home = make("div", { class: "home" }, this.place, this.rail.element);
    this.root = make("section", {}, make("h1", { class: "sr", tabindex: -1 }, "Cameras"), this.home);
  }

  title() {
    return "cameras";
  }

  keys() {
    return {
      "/": () => this.find.focus(), b: () => { this.boxes.click(); }, f: () => this.full(),
      ArrowLeft: () => this.step(-1, 0), ArrowRight: () => this.step(1, 0), ArrowUp: () => this.step(0, -1), ArrowDown: () => this.step(0, 1),
      Escape: () => (this.query.find || this.query.show ? this.clear() : false),
    };
  }

  enter(route, from, status) {
    this.query = Object.fromEntries(route.query);
    this.find.value = this.query.find ?? "";
    this.groups.press(this.query.show ?? "");
    live.start(null, (scene) => this.tiles.get(scene.camera)?.draw(scene));
    this.isHere = true;
    if (status.value) this.update(status);
    scrollTo(0, this.scrolled ?? 0);
    const left = from?.view === "cameras" && from.parts.length && this.tiles.get(from.parts[0]);
    if (left && !left.element.hidden) left.link.focus({ preventScroll: true });
    return Boolean(left);
  }

  leave() {
    [this.isHere, this.scrolled] = [false, scrollY];
    live.stop();
  }

  change(query) {
    Object.assign(this.query, query);
    replace(address("cameras", [], this.query));
    this.update(this.status);
  }

  clear() {
    this.find.value = "";
    this.groups.press("");
    this.change({ find: "", show: "" });
  }

  update(status) {
    this.status = status;
    const cameras = status?.value?.cameras;
    if (!this.isHere || !cameras) return;
    this.keep(Object.keys(cameras));
    const isSmall = this.sized === "s";
    for (const [name, tile] of this.tiles) {
      tile.small(isSmall);
      tile.update(cameras[name], status.now, status.lost);
    }
    this.showNumbers(count(cameras), status.lost !== null);
    this.filter(cameras, status.lost !== null);
    this.rail.update(status);
    this.home.classList.toggle("alone", this.rail.element.hidden);
    if (!this.isArranged) this.arrange();
  }

  keep(names) {
    for (const name of names) {
      if (this.tiles.has(name)) continue;
      const tile = new Tile(name);
      this.tiles.set(name, tile);
      tile.element.tile = tile;
      tile.picture.hasBoxes = this.boxes.checked;
      this.seen.observe(tile.element);
      this.isArranged = false;
    }
    for (const [name, tile] of this.tiles) {
      if (names.includes(name)) continue;
      tile.element.remove();
      this.tiles.delete(name);
      this.isArranged = false;
    }
    attribute(this.list, "aria-label", plural(names.length, "camera"));
  }

  showNumbers(counts, isLost) {
    for (const [name, number] of this.numbers) text(number, name && isLost ? "?" : String(counts[name || "all"]));
  }

  filter(cameras, isLost) {
    const { find = "", show = "" } = this.query;
    const fits = ([name, camera]) => name.toLowerCase().includes(find.toLowerCase()) && (!show || isLost || groupOf(camera) === show);
    const shown = this.ordered(Object.entries(cameras).filter(fits));
    const names = new Set(shown);
    for (const [name, tile] of this.tiles) tile.element.hidden = !names.has(name);
    this.put(shown.map((name) => this.tiles.get(name).element));
    this.none.hidden = shown.length > 0;
    if (!shown.length && !this.none.firstChild) this.none.append(blank("h2", "search", "No camera matches", "Another word or state may.", make("button", { type: "button", class: "btn", onclick: () => this.clear() }, "Clear filters")));
    if (this.shownCount !== shown.length) [this.shownCount, this.isArranged] = [shown.length, false];
  }

  ordered(cameras) {
    const names = ORDERS.map(([name]) => name);
    const order = oneOf(names, this.query.order, memory.get("order"), cameras.length >= MANY ? "problems" : "configured");
    this.order.value = order;
    const rank = (camera) => (TROUBLE.indexOf(kindOf(camera)) + 1) || TROUBLE.length + 1;
    if (order === "problems") cameras.sort((a, b) => rank(a[1]) - rank(b[1]));
    if (order === "name") cameras.sort((a, b) => a[0].localeCompare(b[0]));
    return cameras.map(([name]) => name);
  }

  // Moves only what stands elsewhere, so that the focus stays.
  put(elements) {
    const focused = document.activeElement;
    elements.forEach((element, index) => {
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
    if (focused !== document.activeElement && this.list.contains(focused)) focused.focus({ preventScroll: true });
  }

  arrange() {
    if (!this.isHere || !this.tiles.size) return;
    const size = oneOf(Object.keys(SIZES), this.query.size, memory.get("size"), this.tiles.size > FIT ? "s" : "m");
    this.size.press(size);
    this.isArranged = true;
    if (this.sized !== size) {
      this.sized = size;
      this.update(this.status);
    }
    const height = innerHeight - this.list.getBoundingClientRect().top - scrollY - BELOW;
    const columns = columnsFor(this.shownCount ?? this.tiles.size, this.place.clientWidth, height, size);
    this.list.style.setProperty("--columns", columns);
    this.list.classList.toggle("s", size === "s");
    this.want();
  }

  want() {
    if (!this.isHere) return;
    const wish = {};
    const dense = Math.min(devicePixelRatio || 1, 2);
    for (const [name, tile] of this.tiles) {
      if (tile.isSeen && !tile.element.hidden) wish[name] = stepped((tile.picture.wide || tile.element.clientWidth || 236) * dense);
    }
    live.want(wish);
  }

  showBoxes() {
    memory.set("boxes", this.boxes.checked);
    for (const { picture } of this.tiles.values()) {
      picture.hasBoxes = this.boxes.checked;
      picture.redraw();
    }
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.place.requestFullscreen();
  }

  // Moves the focus to the nearest tile in a direction.
  step(right, down) {
    const tiles = [...this.tiles.values()].filter((tile) => !tile.element.hidden);
    const now = tiles.find((tile) => tile.link === document.activeElement);
    if (!now) {
      if (document.activeElement !== document.body && document.activeElement?.tagName !== "H1") return false;
      this.list.querySelector("a")?.focus();
      return true;
    }
    const at = now.element.getBoundingClientRect();
    const ahead = tiles.map((tile) => [tile, tile.element.getBoundingClientRect()])
      .map(([tile, to]) => [tile, (to.left - at.left) * right + (to.top - at.top) * down, Math.abs((to.left - at.left) * down) + Math.abs((to.top - at.top) * right)])
      .filter(([, along, across]) => along > 1 && across < along + at.width)
      .sort((a, b) => a[1] + a[2] * 4 - b[1] - b[2] * 4);
    ahead[0]?.[0].link.focus();
    return true;
  }
}
