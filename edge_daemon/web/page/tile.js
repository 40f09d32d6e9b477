// One camera among others: its picture now, or since when and why there is none.
import { attribute, make, text } from "./dom.js";
import { inWords } from "./findings.js";
import { Picture } from "./picture.js";
import { explained, kindOf, lasts, stateInWords } from "./states.js";
import { cameraAddress } from "./router.js";
import { clock, duration } from "./words.js";

const OLD_S = 3;

export class Tile {
  constructor(name) {
    this.name = name;
    this.picture = new Picture("tile");
    this.title = make("b");
    this.why = make("span", { class: "why" });
    this.next = make("span", { class: "nw" });
    this.gone = make("div", { class: "gone", hidden: true }, this.title, this.why, " ", this.next);
    this.picture.element.append(this.gone);
    this.mark = make("i", { class: "dot unknown", "aria-hidden": "true" });
    this.link = make("a", { class: "cut", href: cameraAddress(name), title: name }, name);
    this.sees = make("span", { class: "sees", "aria-hidden": "true" });
    this.element = make("li", { class: "tile" }, this.picture.element, make("div", { class: "cap" }, this.mark, this.link, this.sees));
    [this.kind, this.shownAt, this.found, this.isSmall] = ["unknown", null, "", false];
  }

  draw(scene) {
    this.picture.draw(scene, () => {
      [this.shownAt, this.taken, this.found] = [performance.now(), scene.at, this.foundIn(scene)];
      if (this.isLive) this.caption();
    });
  }

  foundIn(scene) {
    const results = [...scene.results.values()];
    if (this.isSmall) return String(results.reduce((sum, result) => sum + result.detections.length, 0) || "");
    const words = results.map(inWords);
    const some = words.filter((one) => one !== "nothing");
    return some.join(", ") || words[0] || (scene.several || scene.old.length ? "not looked at" : "");
  }

  get isLive() {
    return this.kind === "up" || this.kind === "asleep" || this.kind === "ended";
  }

  small(isSmall) {
    this.isSmall = isSmall;
    this.picture.detail = isSmall ? "none" : "tile";
  }

  // `lost`: seconds since the last answer of the daemon, or null.
  update(camera, now, lost) {
    this.kind = lost === null ? kindOf(camera) : "unknown";
    attribute(this.element, "class", `tile is-${this.kind}${this.isSmall ? " s" : ""}`);
    attribute(this.mark, "class", `dot ${this.kind}`);
    const isDown = this.kind === "down";
    this.gone.hidden = !isDown || this.isSmall;
    if (isDown) {
      const seconds = lasts(camera, now);
      const { why, next } = explained(camera);
      text(this.title, seconds === null ? "Down" : `Down for ${duration(seconds)}`);
      text(this.why, why);
      text(this.next, next);
    }
    this.picture.say(this.chip(camera, now, lost));
    this.picture.isOld = !this.isLive;
    if (!this.isLive) this.picture.clear();
    this.said = lost === null ? stateInWords(camera, now) : "unknown";
    this.caption();
  }

  caption() {
    const words = this.kind === "up" || this.kind === "ended" ? this.found : this.isSmall ? "" : this.kind === "down" ? "down" : this.kind === "asleep" ? "asleep" : this.said;
    attribute(this.sees, "class", `sees ${this.kind === "down" ? "bad b" : this.kind === "stalled" || this.kind === "frozen" ? "warn b" : ""}`);
    text(this.sees, words);
    const found = this.kind === "up" && this.found ? `, ${this.found}` : "";
    attribute(this.link, "aria-label", `${this.name}, ${this.kind}${found}`);
  }

  chip(camera, now, lost) {
    if (lost !== null) return this.isSmall ? "unknown" : `last seen ${duration(lost)} ago`;
    const seconds = lasts(camera, now);
    const forSo = seconds === null ? "" : `${this.isSmall ? " " : " for "}${duration(seconds)}`;
    if (this.kind === "down") return this.isSmall ? "down" : this.taken ? `last picture ${clock(this.taken)}` : "no picture yet";
    if (this.kind === "frozen") return `same picture${forSo}`;
    if (this.kind === "stalled") return seconds === null ? "stalled" : this.isSmall ? `${duration(seconds)} old` : `picture is ${duration(seconds)} old`;
    if (this.kind === "asleep") return this.isSmall ? null : `nothing moves${seconds === null ? "" : `, ${duration(seconds)}`}`;
    if (this.kind === "connecting") return `${camera.state}${camera.state === "connecting" ? forSo : ""}`;
    if (this.kind === "ended") return camera.state;
    if (this.kind === "unknown") return "unknown";
    return this.age(camera);
  }

  // A picture that should have been followed by another says how old it is.
  age(camera) {
    if (this.shownAt === null || !this.isSeen) return null;
    const seconds = (performance.now() - this.shownAt) / 1000;
    const rate = Math.max(0, ...Object.values(camera.models).map((counts) => counts.fps)) || camera.fps;
    return seconds > Math.max(OLD_S, rate ? 3 / rate : OLD_S) ? `picture is ${duration(seconds)} old` : null;
  }
}
