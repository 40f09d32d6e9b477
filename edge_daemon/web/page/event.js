// One event: its clip with the trails of its tracks over it, why it was one, and what to do with it.
import { absolute, ask, get } from "./api.js";
import { attribute, blank, card, icon, make, renew, text } from "./dom.js";
import { post } from "./eventlist.js";
import { Layer } from "./overlay.js";
import { address as inView, cameraAddress, go } from "./router.js";
import { toast } from "./say.js";
import { box, identified, me } from "./shell.js";
import { COLOURS, fade } from "./trails.js";
import { duration, moment, sentence } from "./words.js";

const RANKS = ["viewer", "operator", "administrator"];
const address = (id) => `api/events/${encodeURIComponent(id)}`;

export class EventView {
  constructor() {
    this.root = make("section", {});
    this.trails = new Layer("ov");
  }

  title() {
    return this.event ? `${this.event.rule}, ${this.event.camera}` : "event";
  }

  keys() {
    return { Escape: () => go("#events") };
  }

  enter(route) {
    [this.id, this.event, this.tracks] = [route.parts[0], null, []];
    this.root.replaceChildren(make("h1", { class: "sr", tabindex: -1 }, "Event"));
    this.load();
    return false;
  }

  leave() {
    [this.event, this.tracks] = [null, []];
    this.root.replaceChildren();
  }

  // The role may be known later than the event.
  update() {
    if (this.event) this.show(address(this.id));
  }

  async load() {
    const [id, path] = [this.id, address(this.id)];
    try {
      const event = await get(path);
      if (this.id !== id) return;
      this.event = event;
      this.build(path);
      this.tracks = await get(`${path}/track.json`).catch(() => []);
      this.draw();
    } catch (error) {
      this.root.replaceChildren(blank("h1", "warn", "The event cannot be shown", `${error.message}.`, make("a", { class: "btn", href: "#events" }, "All events")));
    }
  }

  build(path) {
    const { rule, camera, alert, because, began_at: began, ended_at: ended, still, clip } = this.event;
    const long = ended ? duration((Date.parse(ended) - Date.parse(began)) / 1000) : "goes on";
    this.marks = make("span", { class: "row wrap" });
    this.actions = make("div", { class: "row wrap pad" });
    this.recorded = make("a", { href: inView("timeline", [camera], { at: began }), hidden: true }, "Timeline");
    identified.then(() => { this.recorded.hidden = !box.recorded.includes(camera); });
    const shown = make("input", { type: "checkbox", checked: true, onchange: () => attribute(this.trails.element, "hidden", shown.checked ? null : "") });
    const where = make("div", { class: "row wrap pad" }, make("a", { href: cameraAddress(camera) }, camera), this.recorded, make("span", { class: `badge ${alert ? "bad" : ""}` }, alert ? "alert" : "event"), make("span", { class: "soft" }, `${moment(began)}, ${long}`), this.marks, clip ? make("label", { class: "in end" }, shown, "Trails") : "");
    this.root.replaceChildren(make("h1", { class: "title pad", tabindex: -1 }, rule),
      make("div", { class: "card" }, this.seen(path, still, clip), where, this.actions),
      card("Why", make("ul", { class: "because pad" }, ...because.map((words) => make("li", {}, icon("check"), make("span", {}, words)))), make("p", { class: "pad small soft" }, "By program: ", make("code", {}, absolute(path)))));
    this.show(path);
  }

  seen(path, still, clip) {
    if (!still && !clip) return make("p", { class: "pad soft" }, "There is no picture of it: cameras with `record` have clips and stills.");
    const picture = clip
      ? make("video", { src: `${path}/clip.mp4`, poster: still ? `${path}/still.jpg` : null, controls: true, playsinline: true, preload: "metadata", onplay: () => this.draw(), onseeking: () => this.draw(), ontimeupdate: () => this.draw(), onerror: () => this.unplayable(path) })
      : make("img", { src: `${path}/still.jpg?kind=annotated`, alt: `Still of ${this.event.camera}` });
    return make("div", { class: "seen" }, picture, clip ? this.trails.element : "");
  }

  // A clip that this browser cannot play gives way to its still.
  unplayable(path) {
    this.root.querySelector(".seen").replaceChildren(make("img", { src: `${path}/still.jpg?kind=annotated`, alt: `Still of ${this.event.camera}` }));
    this.actions.after(make("p", { class: "pad small soft" }, "This browser does not play the clip, which is as the camera sent it. As H.264: ", make("code", {}, `edge-daemon events export FOLDER --transcode --id ${this.event.id}`)));
  }

  // What can be done, by role.
  show(path) {
    const { keep, wrong, clip, still, open } = this.event;
    const mayNot = RANKS.indexOf(me.role) < 1;
    const toggle = (name, isOn, words) => make("button", { type: "button", class: "btn", disabled: mayNot, "aria-pressed": String(isOn), onclick: () => this.mark(path, { [name]: !isOn }) }, words);
    renew(this.marks, [keep, wrong], () => [keep && make("span", { class: "badge" }, "kept"), wrong && make("span", { class: "badge" }, "wrong")].filter(Boolean));
    renew(this.actions, [keep, wrong, me.role, clip, open], () => [
      toggle("keep", keep, "Keep"), toggle("wrong", wrong, "Was wrong"),
      clip ? make("a", { class: "btn", href: `${path}/clip.mp4`, download: `${this.event.id}.mp4` }, "Download clip") : "",
      still ? make("a", { class: "btn", href: `${path}/still.jpg`, download: `${this.event.id}.jpg` }, "Download still") : "",
      me.role === "administrator" && !open ? this.eraser(path) : "",
      mayNot ? make("span", { class: "soft small" }, "Marks need the token of an operator.") : "",
    ]);
  }

  // Erases after a second press.
  eraser(path) {
    const button = make("button", { type: "button", class: "btn end", onclick: async () => {
      if (button.dataset.asked) return this.erase(path);
      button.dataset.asked = "1";
      text(button, "Erase for good?");
      setTimeout(() => { delete button.dataset.asked; text(button, "Erase"); }, 5000);
    } }, "Erase");
    return button;
  }

  async mark(path, marks) {
    await this.change(async () => {
      const { text: words } = await (await post(`${path}/marks`, marks)).json();
      toast(sentence(words));
      Object.assign(this.event, marks);
      this.show(path);
    });
  }

  async erase(path) {
    await this.change(async () => {
      const { text: words } = await (await ask(path, { method: "DELETE", wait: 60_000 })).json();
      toast(sentence(words));
      go("#events");
    });
  }

  async change(what) {
    try {
      await what();
    } catch (error) {
      toast(error.message, { failed: true });
    }
  }

  // The ways of its tracks, as far as they have ended: up to what the clip shows, or whole if that is not known.
  draw() {
    const { clip_time_s: begins, epoch } = this.event ?? {};
    const video = this.root.querySelector("video");
    const lines = new Map();
    for (const { tracker_id: id, path, epoch: its } of this.tracks) {
      const points = (path ?? []).map(([time, x, y]) => ({ when: time * 1000, place: [x, y] }));
      if (begins === undefined || its !== epoch) fade(lines, id % COLOURS, points.map((one) => ({ ...one, when: 0 })), 0);
      else fade(lines, id % COLOURS, points, (begins + video.currentTime) * 1000);
    }
    this.trails.show(lines);
    cancelAnimationFrame(this.frame);
    if (video && !video.paused) this.frame = requestAnimationFrame(() => this.draw());
  }
}
