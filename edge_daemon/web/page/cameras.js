// The grid of cameras, one of them large, and its results as they come.
import { kindOf, make, text } from "./parts.js";

const KEPT = 100;

class Camera {
  constructor(name, act) {
    this.name = name;
    this.picture = make("img", { alt: "" });
    this.veil = make("span", { class: "veil" });
    this.view = make("button", { class: "view", type: "button", "aria-label": `${name}, large`, onclick: act }, this.picture, this.veil);
    this.state = make("span", { class: "state" });
    this.numbers = make("dl");
    this.element = make("article", { class: "camera" }, this.view, make("h3", {}, make("bdi", {}, name), this.state), this.numbers);
  }

  look(on) {
    const source = on ? `api/cameras/${encodeURIComponent(this.name)}/stream.mjpg` : "";
    if (on === Boolean(this.picture.getAttribute("src"))) return;
    if (on) this.picture.src = source;
    else this.picture.removeAttribute("src");
  }

  update(camera) {
    const kind = kindOf(camera.state);
    this.state.className = `state ${kind}`;
    text(this.state, camera.state);
    const up = camera.state === "up" || camera.state === "frozen";
    this.veil.hidden = up;
    text(this.veil, up ? "" : camera.state);
    const rows = [];
    for (const [model, counts] of Object.entries(camera.models)) {
      const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
      const found = Object.entries(counts.found).map(([name, count]) => `${count} ${name}`).join(", ");
      rows.push([model, `${counts.fps.toFixed(1)} fps`]);
      if (counts.latency_ms.p50 !== undefined) rows.push(["latency", `${counts.latency_ms.p50.toFixed(0)} ms`]);
      if (dropped) rows.push(["dropped", String(dropped)]);
      if (up) rows.push(["sees", found || "nothing"]);
    }
    const wanted = rows.map(([name, value]) => `${name}\t${value}`).join("\n");
    if (this.shown !== wanted) {
      this.shown = wanted;
      this.numbers.replaceChildren(...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    }
  }
}

export class Cameras {
  constructor() {
    this.grid = document.getElementById("grid");
    this.large = document.getElementById("large");
    this.place = document.getElementById("large-camera");
    this.results = document.getElementById("results");
    this.cameras = new Map();
    this.status = null;
    document.getElementById("back").addEventListener("click", () => { location.hash = "cameras"; });
    addEventListener("keydown", (event) => { if (event.key === "Escape" && this.chosen) location.hash = "cameras"; });
  }

  enter(chosen) {
    this.leave();
    this.here = true;
    this.chosen = chosen;
    this.large.hidden = !chosen;
    this.grid.hidden = Boolean(chosen);
    if (this.status) this.update(this.status);
    if (!chosen) return;
    this.results.replaceChildren();
    this.events = new EventSource(`api/results?camera=${encodeURIComponent(chosen)}`);
    this.events.addEventListener("message", (event) => this.result(JSON.parse(event.data)));
  }

  leave() {
    this.here = false;
    this.events?.close();
    this.events = null;
    for (const camera of this.cameras.values()) camera.look(false);
    this.one?.look(false);
    this.one = null;
    this.place.replaceChildren();
  }

  update(status) {
    this.status = status;
    if (!this.here) return;
    if (this.chosen) {
      const camera = status.cameras[this.chosen];
      if (!camera) return;
      if (!this.one) {
        this.one = new Camera(this.chosen, () => {});
        this.place.replaceChildren(this.one.element);
      }
      this.one.look(true);
      this.one.update(camera);
      return;
    }
    const names = Object.keys(status.cameras);
    this.grid.classList.toggle("one", names.length === 1);
    for (const name of names) {
      if (!this.cameras.has(name)) {
        const camera = new Camera(name, () => { location.hash = `cameras/${encodeURIComponent(name)}`; });
        this.cameras.set(name, camera);
        this.grid.append(camera.element);
      }
      const camera = this.cameras.get(name);
      camera.look(true);
      camera.update(status.cameras[name]);
    }
    for (const [name, camera] of this.cameras) {
      if (!(name in status.cameras)) {
        camera.element.remove();
        this.cameras.delete(name);
      }
    }
  }

  result(result) {
    if (result.type !== "result") return;
    const found = result.detections.map((one) => `${one.class_name} ${one.confidence.toFixed(2)}`).join(", ");
    const classes = (result.classes || []).slice(0, 3).map((one) => `${one.class_name} ${one.confidence.toFixed(2)}`).join(", ");
    const at = new Date(result.captured_at).toLocaleTimeString();
    this.results.prepend(make("li", {}, `${at}  #${result.seq}  ${result.model}: ${found || classes || "nothing"}`));
    while (this.results.childElementCount > KEPT) this.results.lastElementChild.remove();
  }
}
