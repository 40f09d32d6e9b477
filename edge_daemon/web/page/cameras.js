// The grid of cameras, and the large view of one with its results.
import { inWords, kindOf, make, text } from "./parts.js";

const KEPT = 100;
const INTENDED = new Set(["paced", "still", "shutdown"]);

class Camera {
  constructor(name, act) {
    this.name = name;
    this.picture = make("img", { alt: "" });
    this.veil = make("span", { class: "veil" });
    this.view = make("button", { class: "view", type: "button", "aria-label": `Show ${name} large`, onclick: act }, this.picture, this.veil);
    this.state = make("span", { class: "state" });
    this.numbers = make("dl");
    this.element = make("article", { class: "camera" }, this.view, make("h3", {}, make("bdi", {}, name), this.state), this.numbers);
  }

  // Without a connection for some seconds the state is unknown.
  aged(seconds) {
    if (seconds === null) {
      if (this.isLost && this.camera) this.update(this.camera);
      this.isLost = false;
      return;
    }
    this.isLost = true;
    this.state.className = "state";
    text(this.state, "unknown");
    this.veil.hidden = false;
    text(this.veil, `last seen ${seconds} s ago`);
  }

  show(jpeg) {
    this.shownAt = new Date();
    const before = this.picture.src;
    this.picture.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    if (before) this.picture.addEventListener("load", () => URL.revokeObjectURL(before), { once: true });
  }

  update(camera) {
    this.camera = camera;
    const kind = kindOf(camera.state);
    this.state.className = `state ${kind}`;
    text(this.state, camera.state);
    const up = camera.state === "up" || camera.state === "frozen";
    this.veil.hidden = up;
    if (!up) text(this.veil, this.shownAt ? `${camera.state}\nlast picture ${this.shownAt.toLocaleTimeString()}` : camera.state);
    const rows = [];
    for (const [model, counts] of Object.entries(camera.models)) {
      const lost = Object.entries(counts.dropped).reduce((sum, [reason, count]) => sum + (INTENDED.has(reason) ? 0 : count), 0);
      const found = Object.entries(counts.found).map(([name, count]) => `${count} ${name}`).join(", ");
      rows.push([model, up ? `${counts.fps.toFixed(1)} fps` : "no results"]);
      if (up && counts.latency_ms.p50 !== undefined) rows.push(["latency", `${counts.latency_ms.p50.toFixed(0)} ms`]);
      if (lost) rows.push(["lost", String(lost)]);
      if (up && counts.delivered) rows.push(["last result", found || "nothing"]);
    }
    const wanted = rows.map(([name, value]) => `${name}\t${value}`).join("\n");
    if (this.shown !== wanted) {
      this.shown = wanted;
      this.numbers.replaceChildren(...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    }
  }
}

// Frames of several cameras over one connection: browsers open at most six to a server.
async function watch(names, signal, show) {
  const query = names.map((name) => `camera=${encodeURIComponent(name)}`).join("&");
  while (!signal.aborted) {
    try {
      const answer = await fetch(`api/frames?${query}`, { signal });
      if (!answer.ok) throw new Error(String(answer.status));
      await unpack(answer.body.getReader(), show);
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
  }
}

async function unpack(reader, show) {
  const decoder = new TextDecoder();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (;;) {
      if (held.length < 8) break;
      const view = new DataView(held.buffer, held.byteOffset);
      const [name, jpeg] = [view.getUint32(0), view.getUint32(4)];
      if (held.length < 8 + name + jpeg) break;
      show(decoder.decode(held.subarray(8, 8 + name)), held.slice(8 + name, 8 + name + jpeg));
      held = held.subarray(8 + name + jpeg);
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
    this.watching?.abort();
    this.watched = null;
    this.one = null;
    this.place.replaceChildren();
  }

  aged(seconds) {
    for (const camera of [...this.cameras.values(), ...(this.one ? [this.one] : [])]) camera.aged(seconds);
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
      this.one.update(camera);
      this.watch([this.chosen]);
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
      camera.update(status.cameras[name]);
    }
    for (const [name, camera] of this.cameras) {
      if (!(name in status.cameras)) {
        camera.element.remove();
        this.cameras.delete(name);
      }
    }
    this.watch(names);
  }

  watch(names) {
    if (this.watched === names.join("/")) return;
    this.watching?.abort();
    this.watched = names.join("/");
    this.watching = new AbortController();
    watch(names, this.watching.signal, (name, jpeg) => (this.one?.name === name ? this.one : this.cameras.get(name))?.show(jpeg));
  }

  result(result) {
    if (result.type !== "result") return;
    const at = new Date(result.captured_at).toLocaleTimeString();
    this.results.prepend(make("li", {}, `${at}  #${result.seq}  ${result.model}: ${inWords(result) || "nothing"}`));
    while (this.results.childElementCount > KEPT) this.results.lastElementChild.remove();
  }
}
