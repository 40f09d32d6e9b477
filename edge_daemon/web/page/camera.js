// One camera, large: its picture with what was found in it, and its results beside it; or why there is none.
import { about } from "./about.js";
import { ask, cameraPath, get } from "./api.js";
import { attribute, blank, button, dot, icon, make, memory, renew, text } from "./dom.js";
import { EventList } from "./eventlist.js";
import { command, copied } from "./example.js";
import { inWords } from "./findings.js";
import { live } from "./live.js";
import { keyOf } from "./matching.js";
import { Picture } from "./picture.js";
import { Counts, Places } from "./places.js";
import { stepped } from "./pictures.js";
import { ResultList } from "./resultlist.js";
import { address, cameraAddress, go } from "./router.js";
import { box, identified, me } from "./shell.js";
import { Strip } from "./strip.js";
import { toast } from "./say.js";
import { explained, kindOf, lossesOf, reasonOf, stateInWords } from "./states.js";
import { Trails } from "./trails.js";
import { clock, duration, meant, plural, sentence } from "./words.js";

const KEPT = 60; // pictures that can be gone back to
const OLD_S = 3;
const HOUR_EVERY_MS = 10_000;

export class CameraView {
  constructor() {
    this.root = make("section");
  }

  title() {
    const camera = this.status?.value?.cameras?.[this.name];
    return camera && kindOf(camera) === "down" ? `${this.name}, down` : this.name;
  }

  keys() {
    return { Escape: () => go("#cameras"), f: () => this.full(), " ": () => this.toggle(), s: () => this.save(), b: () => this.boxes(), t: () => this.over("trails"), z: () => this.over("places") };
  }

  enter(route, from, status) {
    const [name, tab = "results"] = route.parts;
    if (this.name === name && this.isHere) return this.open(tab);
    [this.name, this.isHere, this.kept, this.paused, this.scene, this.isUnknown] = [name, true, new Map(), null, null, null];
    clearInterval(this.timer);
    this.build(tab);
    live.start([name], (scene) => this.draw(scene), (result) => { this.list.add(result); this.trails.add(result); }, (event) => this.events.add(event));
    this.update(status);
    scrollTo(0, 0);
    return false;
  }

  leave() {
    this.isHere = false;
    clearInterval(this.timer);
    live.stop();
    this.root.replaceChildren();
  }

  build(tab) {
    this.picture = new Picture();
    this.picture.hasBoxes = memory.get("boxes", true);
    this.taken = make("span", { class: "chip tr", hidden: true });
    this.picture.element.append(this.taken);
    [this.places, this.trails, this.counts] = [new Places(), new Trails(), new Counts()];
    this.picture.under(this.places.layer.element, this.trails.layer.element, this.places.labels);
    for (const name of ["places", "trails"]) this[name].isShown = memory.get(name, true);
    get(`${cameraPath(this.name)}/zones`).then((areas) => { this.places.set(areas); this.offer(); }).catch(() => {}); // an older daemon has none
    this.events = new EventList({ camera: this.name });
    this.badge = make("span", { class: "badge" });
    this.rows = make("tbody");
    this.table = make("div", { class: "scroll" }, make("table", { class: "fold" },
      make("thead", {}, make("tr", {}, ...["Model", "Results/s", "Delay p50, p99", "Lost since the start", "In this picture"].map((words, at) => make("th", { scope: "col", class: at > 0 && at < 4 ? "n" : null }, words)))), this.rows));
    this.down = make("div", { class: "pad stack", hidden: true });
    this.stage = make("div", { class: "card" }, this.picture.element, this.down, this.table);
    this.list = new ResultList(this.name, (result) => this.choose(result), () => this.toggle());
    this.beside = make("div", { class: "panel" });
    this.tabs = new Map([["results", "Results"], ["events", "Events"], ["counts", "Counts"], ["about", "About"]].map(([each, words]) => [each, make("a", { href: cameraAddress(this.name, ...(each === "results" ? [] : [each])) }, words)]));
    this.aside = make("aside", { class: "card side", "aria-label": "Beside the picture" }, make("nav", { class: "tabs", "aria-label": "Parts" }, ...this.tabs.values()), this.beside);
    this.pauser = button("pause", "Pause", () => this.toggle(), { shown: true });
    this.recorded = make("a", { class: "btn", hidden: true, href: address("timeline", [this.name]) }, icon("timeline"), make("span", { class: "hide-s" }, "Timeline"));
    identified.then(() => { this.recorded.hidden = !box.recorded.includes(this.name); });
    this.tools = make("span", { class: "end row" }, this.recorded, this.pauser, button("save", "Save picture", () => this.save(), { shown: true }),
      button("link", "Copy address", () => copied(location.href), { shown: true }), button("full", "Full screen", () => this.full()));
    this.strip = new Strip(this.name);
    const refresh = () => this.strip.refresh().catch(() => {}); // the next one may come
    refresh();
    this.timer = setInterval(refresh, HOUR_EVERY_MS);
    this.layout = make("div", { class: "large" }, make("div", { class: "stack" }, this.stage, this.strip.element), this.aside);
    this.root.replaceChildren(make("div", { class: "tool" }, make("a", { class: "btn icon", href: "#cameras", "aria-label": "All cameras", title: "All cameras" }, icon("back")),
      make("h1", { class: "cut", tabindex: -1 }, this.name), this.badge, this.tools), this.layout);
    this.open(tab);
  }

  open(tab) {
    for (const [each, link] of this.tabs) attribute(link, "aria-current", each === tab ? "page" : null);
    if (tab === "about") this.beside.replaceChildren(about(this.name));
    else this.beside.replaceChildren({ events: this.events, counts: this.counts }[tab]?.element ?? this.list.element);
    if (tab === "events") this.events.load();
    this.tab = tab;
    this.offer();
    return true;
  }

  // Offers only what there is: counts where there are zones or lines, events where there are rules.
  offer() {
    this.tabs.get("counts").hidden = this.places.isEmpty && this.tab !== "counts";
    identified.then(() => { this.tabs.get("events").hidden = !box.rules?.length && this.tab !== "events"; });
  }

  update(status) {
    this.status = status;
    const cameras = status.value?.cameras;
    if (!this.isHere || !cameras) return;
    const camera = cameras[this.name];
    if (!camera) return this.unknown(Object.keys(cameras));
    this.list.several = Object.keys(camera.models).length > 1;
    const lost = status.lost !== null;
    const kind = lost ? "unknown" : kindOf(camera);
    attribute(this.stage, "class", `card is-${kind}`);
    this.sayState(kind, lost ? "unknown" : stateInWords(camera, status.now));
    this.picture.say(this.chip(camera, kind, status.lost));
    if (camera.width) this.picture.shape(camera.width / camera.height);
    const isDown = kind === "down";
    this.picture.element.hidden = isDown && !this.scene;
    this.down.hidden = !isDown;
    this.table.hidden = isDown;
    if (isDown) this.explain(camera);
    this.picture.isOld = !["up", "asleep", "ended"].includes(kind) && !this.paused;
    if (this.picture.isOld) this.picture.clear();
    this.figures(camera, lost);
    const totals = Object.entries(camera.models).filter(([, counts]) => counts.totals).map(([model, counts]) => [model, counts.totals]);
    this.counts.update(totals);
    this.places.count(lost ? [] : totals.map(([, one]) => one));
    this.events.update(status, camera);
    const dense = Math.min(devicePixelRatio || 1, 2);
    const wide = stepped((this.picture.wide || 640) * dense);
    if (!lost) live.want({ [this.name]: camera.width ? Math.min(wide, Math.max(camera.width, 64)) : wide });
  }

  unknown(names) {
    if (this.isUnknown) return;
    this.isUnknown = true;
    clearInterval(this.timer);
    live.stop();
    const other = meant(this.name, names);
    this.root.replaceChildren(blank("h1", "search", `No camera is called ${this.name}`, other ? make("span", {}, "Did you mean ", make("a", { href: cameraAddress(other) }, other), "?") : `There are ${names.slice(0, 12).join(", ")}.`,
      make("a", { class: "btn", href: "#cameras" }, "All cameras")));
  }

  sayState(kind, words) {
    const colour = { up: "good", down: "bad", stalled: "warn", frozen: "warn", asleep: "info" }[kind] ?? "";
    attribute(this.badge, "class", `badge ${colour}`);
    if (renew(this.badge, kind, () => [dot(kind), make("span")]) || this.badge.lastChild) text(this.badge.lastChild, words);
  }

  chip(camera, kind, lost) {
    if (lost !== null) return `last seen ${duration(lost)} ago`;
    if (this.paused) return `paused at ${clock(this.paused.at)}`;
    if (kind === "down") return this.scene ? `last picture: ${clock(this.scene.at)}` : "no picture yet";
    if (kind === "asleep") return "nothing moves";
    if (kind !== "up") return stateInWords(camera, this.status.now);
    const age = this.shownAt ? (performance.now() - this.shownAt) / 1000 : 0;
    return age > OLD_S ? `picture is ${duration(age)} old` : null;
  }

  explain(camera) {
    const [reason, hint] = [sentence(reasonOf(camera)), camera.hint];
    const { next } = explained(camera);
    const tries = camera.tries ? `Tried ${plural(camera.tries, "time")}${camera.since ? ` since ${clock(camera.since)}` : ""}.` : "";
    const mayRetry = me.role !== "viewer";
    renew(this.down, [reason, hint, next, tries, mayRetry], () => [make("h2", { class: "bad" }, reason || "Down"), hint && make("p", {}, hint),
      make("p", { class: "soft small" }, [next && `${next}.`, tries].filter(Boolean).join(" ")),
      mayRetry ? make("p", {}, make("button", { type: "button", class: "btn main", onclick: () => this.retry() }, "Try now")) : command(`edge-daemon retry ${this.name}`),
      make("p", { class: "small soft" }, `No results of this camera${camera.since ? ` since ${clock(camera.since)}` : ""}.`)].filter(Boolean));
  }

  retry() {
    ask(`${cameraPath(this.name)}/retry`, { method: "POST" }).then(() => toast(`${this.name} is opened now`), (error) => toast(sentence(error.message), { failed: true }));
  }

  figures(camera, lost) {
    const rows = Object.entries(camera.models).map(([model, counts]) => {
      const ms = counts.latency_ms;
      const delay = ms.p50 === undefined ? "" : `${ms.p50.toFixed(0)} ms, ${ms.p99.toFixed(0)} ms`;
      const losses = lossesOf(counts.dropped).map(([reason, number]) => `${number} ${reason}`).join(", ");
      return [model, lost ? "" : counts.fps.toFixed(1), lost ? "" : delay, losses || "0", lost ? "" : this.seen(model)];
    });
    renew(this.rows, rows, () => rows.map(([model, fps, delay, losses, seen]) => make("tr", {}, make("th", { scope: "row" }, model),
      make("td", { class: "n", "data-l": "Results/s" }, fps), make("td", { class: "n", "data-l": "Delay p50, p99" }, delay),
      make("td", { class: `n ${losses === "0" ? "" : "warn"}`, "data-l": "Lost" }, losses), make("td", { class: "wide", "data-l": "In this picture" }, seen))));
  }

  // What a model found in the very picture that is shown.
  seen(model) {
    const result = this.scene?.results.get(model);
    if (result) return inWords(result);
    const old = this.scene?.old.find((one) => one.result.model === model);
    return old ? `not looked at; last look ${old.age.toFixed(1)} s ago: ${inWords(old.result)}` : "";
  }

  draw(scene) {
    this.kept.set(scene.key, scene);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    if (!this.paused) this.present(scene);
    else scene.bitmap?.close();
  }

  present(scene) {
    this.picture.draw(scene, () => {
      [this.scene, this.shownAt] = [scene, performance.now()];
      this.trails.draw(scene.at);
      if (this.places.ratio !== this.picture.ratio) this.places.draw(this.picture.ratio);
      this.taken.hidden = false;
      text(this.taken, [clock(scene.at, 2), ...scene.results.keys()].join(", "));
      const camera = this.status.value?.cameras?.[this.name];
      if (camera) this.figures(camera, this.status.lost !== null);
    });
  }

  // Stops at the frame of a result, if its picture is still here.
  async choose(result) {
    const scene = this.kept.get(keyOf(result));
    if (!scene) return toast("The picture of this result is not kept any more", { failed: true });
    this.hold(scene);
    this.present({ ...scene, bitmap: await createImageBitmap(scene.blob) });
    this.update(this.status);
  }

  toggle() {
    if (!this.scene) return;
    if (this.paused) this.hold(null);
    else this.hold(this.scene);
    this.update(this.status);
  }

  hold(scene) {
    this.paused = scene;
    attribute(this.pauser, "aria-pressed", String(scene !== null));
    this.list.pause(scene && scene.at, scene && scene.key);
  }

  save() {
    if (!this.scene) return toast("There is no picture yet", { failed: true });
    const link = make("a", { href: URL.createObjectURL(this.scene.blob), download: `${this.name}-${clock(this.scene.at).replaceAll(":", "-")}.jpg` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    toast(`Picture saved: ${link.download}`);
  }

  // Shows or hides trails or zones.
  over(name) {
    const isShown = !this[name].isShown;
    memory.set(name, isShown);
    if (name === "places") this.places.show(isShown);
    else this.trails.isShown = isShown;
    this.update(this.status);
  }

  boxes() {
    this.picture.hasBoxes = !this.picture.hasBoxes;
    memory.set("boxes", this.picture.hasBoxes);
    this.picture.redraw();
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.picture.element.requestFullscreen();
  }
}
