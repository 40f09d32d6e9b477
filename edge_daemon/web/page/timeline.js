// What is recorded of a camera, by day: a bar to scrub on, events and gaps, and an export of a stretch.
import { cameraPath, get, recordingsPath } from "./api.js";
import { attribute, blank, button, card, choice, icon, make, renew, text } from "./dom.js";
import { post } from "./eventlist.js";
import { Lane } from "./lane.js";
import { Player } from "./player.js";
import { address, cameraAddress, go, replace } from "./router.js";
import { toast } from "./say.js";
import { identified, me } from "./shell.js";
import { clock, duration, meant, moment, sentence } from "./words.js";

const DAY_S = 86_400;
const ZOOMS = [["day", "24 h", DAY_S, 300], ["6h", "6 h", 21_600, 60], ["1h", "1 h", 3600, 10], ["10min", "10 min", 600, 2]]; // length and step in seconds
const AGAIN_MS = 10_000;
const SETTLE_MS = 150; // of dragging, until a picture is asked for
const FRAME_S = 1 / 25;

export class Timeline {
  constructor() {
    this.root = make("section");
  }

  title() {
    return this.name ? `${this.name}, timeline` : "timeline";
  }

  keys() {
    return {
      Escape: () => go(this.name ? cameraAddress(this.name) : "#cameras"), " ": () => this.toggle(), f: () => this.player?.video.requestFullscreen?.(), s: () => this.save(),
      j: () => this.event(-1), k: () => this.event(1), ",": () => this.nudge(-FRAME_S), ".": () => this.nudge(FRAME_S), i: () => this.end(0), o: () => this.end(1),
    };
  }

  enter(route) {
    const at = Date.parse(route.query.get("at") ?? "");
    this.zoom = ZOOMS.some(([name]) => name === route.query.get("zoom")) ? route.query.get("zoom") : this.zoom ?? "1h";
    this.open(route.parts[0] ?? this.name, at);
    return false;
  }

  leave() {
    clearInterval(this.timer);
    clearTimeout(this.settling);
    this.player?.stop();
    [this.player, this.isHere] = [null, false];
    this.root.replaceChildren();
  }

  update() {
    if (this.isHere) this.offer(); // the role may be known later
  }

  // Opens a camera, the first one if none is named, at a time, or else at its newest minute.
  async open(name, at) {
    this.leave();
    this.root.replaceChildren(make("h1", { class: "sr", tabindex: -1 }, "Timeline"));
    const turn = (this.turn = {});
    let cameras;
    try {
      [cameras] = await Promise.all([get("api/recordings"), identified]);
    } catch (error) {
      return this.root.replaceChildren(blank("h1", "warn", "No timeline can be shown", `${error.message}.`));
    }
    if (turn !== this.turn) return;
    const found = cameras.find(({ camera }) => camera === (name ?? cameras[0]?.camera));
    if (!found) return this.root.replaceChildren(this.nothing(name, cameras.map(({ camera }) => camera)));
    [this.name, this.isHere, this.ends] = [found.camera, true, null];
    this.build(cameras.map(({ camera }) => camera));
    this.show(Number.isFinite(at) ? at : Math.max(Date.parse(found.from), Date.parse(found.to) - 60_000));
    this.timer = setInterval(() => this.tick(), 250);
  }

  nothing(name, names) {
    const other = name && meant(name, names);
    return blank("h1", "timeline", name ? `Nothing of ${name} is recorded all the time` : "Nothing is recorded all the time",
      make("span", {}, ...(other ? ["Did you mean ", make("a", { href: address("timeline", [other]) }, other), "?"] : ["Continuous recording is ", make("code", {}, "record: {continuous: true}"), "."])));
  }

  build(names) {
    this.player = new Player((words) => this.say(words));
    this.lane = new Lane((at) => this.drag(at));
    this.chip = make("span", { class: "chip tl", hidden: true });
    this.trouble = make("p", { class: "pad warn", role: "status", hidden: true });
    this.time = make("b", { class: "mono nw" });
    this.pauser = button("play", "Play", () => this.toggle(), { class: "btn icon main" });
    for (const name of ["play", "pause"]) this.player.video.addEventListener(name, () => this.offer());
    this.player.video.addEventListener("click", () => this.toggle());
    const camera = make("select", { "aria-label": "Camera", class: "grow0", onchange: () => go(address("timeline", [camera.value], { at: iso(this.at), zoom: this.zoom })) }, ...names.map((name) => make("option", {}, name)));
    camera.value = this.name;
    this.day = make("input", { type: "date", class: "grow", "aria-label": "Day", onchange: () => this.move(this.day.value) });
    const speed = make("select", { "aria-label": "Speed", onchange: () => { this.player.video.playbackRate = Number(speed.value); } }, ...[1, 2, 4, 8].map((rate) => make("option", { value: rate }, `${rate}×`)));
    this.gaps = make("ul", { class: "list" });
    this.ending = [0, 1].map((which) => make("input", { type: "text", inputmode: "numeric", size: 8, placeholder: "22:10:00", "aria-label": which ? "To" : "From", onchange: () => this.typed(which) }));
    this.size = make("p", { class: "small soft" });
    this.actions = make("div", { class: "row wrap" });
    this.root.replaceChildren(make("h1", { class: "sr", tabindex: -1 }, `Timeline of ${this.name}`),
      make("div", { class: "tool" }, camera, make("span", { class: "row grow0" }, button("back", "Day before", () => this.step(-1)), this.day, button("next", "Day after", () => this.step(1))),
        choice("Zoom", ZOOMS.map(([name, words]) => [name, words]), this.zoom, (zoom) => { this.zoom = zoom; this.show(this.at); }, { class: "seg fill end" })),
      make("div", { class: "large" }, make("div", { class: "stack" },
        make("div", { class: "card" }, make("div", { class: "pic" }, this.player.video, this.chip), this.trouble,
          make("div", { class: "tool pad" }, this.pauser, this.time, button("back", "Event before", () => this.event(-1)), button("next", "Next event", () => this.event(1)), speed, make("span", { class: "end row" }, button("save", "Save picture", () => this.save(), { shown: true }), button("full", "Full screen", () => this.player.video.requestFullscreen())))),
        make("section", { class: "card pad", "aria-label": "Bar" }, make("div", { class: "row wrap" }, ...[["up", "recorded"], ["gap", "not recorded"], ["alert", "alert"], ["event", "event"]].map(([kind, words]) => make("span", { class: `key ${kind}` }, words))), this.lane.element)),
      make("aside", { class: "stack l", "aria-label": "Beside the picture" },
        card("Export", make("div", { class: "pad stack" }, ...this.ending.map((field, which) => make("div", { class: "row" }, field, make("button", { type: "button", class: "btn", onclick: () => this.end(which) }, which ? "To here" : "From here"))), this.size, this.actions)),
        card("Not recorded", this.gaps))));
    this.offer();
  }

  get at() {
    return this.dragged ?? this.player.at ?? this.wanted;
  }

  // Shows an instant, and the stretch around it.
  show(at) {
    this.look(at);
    this.seek(at);
  }

  look(at) {
    const [, , seconds, step] = ZOOMS.find(([name]) => name === this.zoom);
    const [day, next] = dayOf(at);
    const from = day + (seconds < DAY_S ? Math.floor((at - day) / 1000 / seconds) * seconds * 1000 : 0);
    this.stretch = { from, to: seconds < DAY_S ? from + seconds * 1000 : next, step, steps: [], gaps: [] };
    this.day.value = dayName(at);
    replace(address("timeline", [this.name], { at: iso(at), zoom: this.zoom }));
    this.load();
  }

  drag(at) {
    this.dragged = at;
    this.tick();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.seek(at), SETTLE_MS);
  }

  async seek(at) {
    this.wanted = this.dragged = at;
    await this.player.seek(this.name, dayOf(at)[0] - 3_600_000, at);
    if (this.wanted === at) this.dragged = null;
  }

  // What there is in the stretch.
  async load() {
    const { from, to, step } = this.stretch;
    this.loaded = Date.now();
    const times = { from: iso(from), to: iso(to) };
    try {
      const [steps, gaps] = await Promise.all([
        get(`api/timeline/${encodeURIComponent(this.name)}?${new URLSearchParams({ ...times, step: `${step}s` })}`), get(`${recordingsPath(this.name)}/gaps?${new URLSearchParams(times)}`)]);
      if (this.stretch.from !== from || this.stretch.to !== to) return;
      Object.assign(this.stretch, { steps, gaps });
    } catch (error) {
      return this.say(`${sentence(error.message)}.`);
    }
    this.draw();
  }

  draw() {
    this.lane.draw({ ...this.stretch, until: Date.now(), ends: this.ends });
    renew(this.gaps, this.stretch.gaps, () => (this.stretch.gaps.length ? this.stretch.gaps.map(({ from, to, reason }) => make("li", {}, make("button", { type: "button", class: "res", onclick: () => this.show(Date.parse(to)) },
      make("span", { class: "t" }, clock(from)), make("span", {}, `${duration((Date.parse(to) - Date.parse(from)) / 1000)}: ${reason}`)))) : [make("li", { class: "pad small soft" }, "No gap that ended in this stretch.")]));
  }

  // Follows what plays.
  tick() {
    const { at } = this;
    if (!this.isHere || !at) return;
    text(this.time, clock(at));
    text(this.chip, `${moment(at)}, recorded`);
    const { from, to } = this.stretch;
    if (this.dragged === null && (at >= to || at < from)) this.look(at);
    this.lane.show(at);
    if (to > Date.now() - AGAIN_MS && Date.now() - this.loaded > AGAIN_MS) this.load();
  }

  toggle() {
    const { video } = this.player;
    if (!video.paused) video.pause();
    else video.play().catch(() => {}); // it is told elsewhere why
  }

  nudge(seconds) {
    this.player.video.pause();
    this.player.video.currentTime += seconds;
  }

  // The same time of the day before, or after.
  step(days) {
    const at = new Date(this.at);
    at.setDate(at.getDate() + days);
    this.show(Math.min(at.getTime(), Date.now() - 60_000));
  }

  move(day) {
    const at = Date.parse(`${day}T${clock(this.at)}`);
    if (Number.isFinite(at)) this.show(Math.min(at, Date.now() - 60_000));
  }

  // Goes to the event before or after what is shown.
  async event(by) {
    const { at } = this;
    const times = by < 0 ? { to: iso(at - 1000), most: 1 } : { from: iso(at + 1000), to: iso(at + DAY_S * 1000), most: 500 };
    try {
      const { events } = await get(`api/events?${new URLSearchParams({ camera: this.name, ...times })}`);
      if (events.length) this.show(Date.parse(events.at(-1).began_at));
      else toast(by < 0 ? "No event before" : "No event in the next 24 h");
    } catch (error) {
      toast(error.message, { failed: true });
    }
  }

  save() {
    const { video } = this.player;
    if (!video.videoWidth) return toast("There is no picture yet", { failed: true });
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const name = `${this.name}-${dayName(this.at)}-${clock(this.at).replaceAll(":", "-")}.jpg`;
    make("a", { href: canvas.toDataURL("image/jpeg", 0.92), download: name }).click();
    toast(`Picture saved: ${name}`);
  }

  // Sets an end of the export here; the other one follows if it has to.
  end(which, at = this.at) {
    const [from, to] = this.ends ?? [at, at];
    this.ends = which ? [Math.min(from, at), at] : [at, Math.max(to, at)];
    this.offer();
    this.draw();
  }

  typed(which) {
    const at = Date.parse(`${dayName(this.at)}T${this.ending[which].value}`);
    if (Number.isFinite(at)) this.end(which, at);
  }

  // What can be done, by role.
  offer() {
    const [from, to] = this.ends ?? [0, 0];
    const mayNot = me.role === "viewer";
    const isNone = to - from < 1000;
    const { paused } = this.player.video;
    renew(this.pauser, paused, () => [icon(paused ? "play" : "pause")]);
    attribute(this.pauser, "aria-label", paused ? "Play" : "Pause");
    if (this.ends) this.ending.forEach((field, which) => { if (document.activeElement !== field) field.value = clock(this.ends[which]); });
    text(this.size, isNone ? "Choose two ends: drag the bar, and set them here." : `${duration((to - from) / 1000)} of ${this.name}, as the camera sent it.`);
    const query = new URLSearchParams({ from: iso(from), to: iso(to) });
    renew(this.actions, [isNone || mayNot, from, to], () => [
      isNone || mayNot ? make("button", { type: "button", class: "btn main", disabled: true }, "Export") : make("a", { class: "btn main", href: `${recordingsPath(this.name)}/export.mp4?${query}`, download: true }, "Export"),
      make("button", { type: "button", class: "btn", disabled: isNone || mayNot, onclick: () => this.keep() }, "Keep range"),
      mayNot ? make("span", { class: "soft small" }, "Exports need the token of an operator.") : ""]);
  }

  async keep() {
    try {
      const [from, to] = this.ends.map(iso);
      const { text: words } = await (await post(`${cameraPath(this.name)}/keep`, { from, to })).json();
      toast(sentence(words));
    } catch (error) {
      toast(error.message, { failed: true });
    }
  }

  say(words) {
    this.trouble.hidden = !words;
    this.chip.hidden = Boolean(words);
    text(this.trouble, sentence(words));
  }
}

const iso = (at) => new Date(at).toISOString();

// The day here, such as 2026-11-28.
function dayName(at) {
  const when = new Date(at);
  return [when.getFullYear(), when.getMonth() + 1, when.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

// When the day of an instant begins and ends.
function dayOf(at) {
  const [from, to] = [new Date(at), new Date(at)];
  from.setHours(0, 0, 0, 0);
  to.setHours(24, 0, 0, 0);
  return [from.getTime(), to.getTime()];
}
