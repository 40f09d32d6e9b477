// Brings pictures and results of the same frame together. Pictures come first: each waits until a model has looked at
// it, or until it is known that none will. What a model found a moment before is given with its age.

const PATIENCE_MS = 400;
const MARGIN_MS = 150;
const LONGEST_MS = 2000;
const MOST_WAITING = 24;
const KEPT = 48;
const OLD_S = 1;

export const keyOf = (one) => `${one.epoch}/${one.seq}`;

// The time to wait for a result: what the slowest model needs, and some more.
export function patience(camera) {
  const delays = Object.values(camera?.models ?? {}).map((counts) => counts.latency_ms?.p99 ?? PATIENCE_MS - MARGIN_MS);
  return delays.length ? Math.min(LONGEST_MS, Math.max(...delays) + MARGIN_MS) : 0;
}

class Camera {
  constructor() {
    this.results = new Map(); // by frame, then by model
    this.latest = new Map(); // by model
    this.waiting = []; // pictures, oldest first
    this.shown = null;
  }

  // True if a picture need not wait: a model has looked at it, all have passed it, or it has waited for long enough.
  isDue(picture, now) {
    if (this.results.has(keyOf(picture)) || now >= picture.until) return true;
    const passed = [...this.latest.values()].map((result) => result.epoch > picture.epoch || (result.epoch === picture.epoch && result.seq > picture.seq));
    return passed.length > 0 && passed.every(Boolean);
  }
}

export class Matching {
  // `show` receives scenes: a picture, the results of it by model, and the old ones; `wait` gives ms by camera.
  constructor(show, wait = () => PATIENCE_MS) {
    [this.show, this.wait, this.cameras] = [show, wait, new Map()];
  }

  of(name) {
    if (!this.cameras.has(name)) this.cameras.set(name, new Camera());
    return this.cameras.get(name);
  }

  picture(picture) {
    const camera = this.of(picture.camera);
    camera.waiting.push({ ...picture, until: performance.now() + (picture.looked_at === false ? 0 : this.wait(picture.camera)) });
    if (camera.waiting.length > MOST_WAITING) camera.waiting.shift();
    this.settle(camera);
  }

  result(result) {
    const camera = this.of(result.camera);
    const key = keyOf(result);
    if (!camera.results.has(key)) camera.results.set(key, new Map());
    camera.results.get(key).set(result.model, result);
    camera.latest.set(result.model, result);
    while (camera.results.size > KEPT) camera.results.delete(camera.results.keys().next().value);
    if (camera.shown && keyOf(camera.shown) === key) this.present(camera, camera.shown);
    else this.settle(camera);
  }

  // Shows the newest picture that need not wait; those before it are never shown.
  settle(camera) {
    clearTimeout(camera.timer);
    const now = performance.now();
    const at = camera.waiting.findLastIndex((picture) => camera.isDue(picture, now));
    if (at >= 0) {
      const picture = camera.waiting[at];
      camera.waiting.splice(0, at + 1);
      this.present(camera, picture);
    }
    if (camera.waiting.length) camera.timer = setTimeout(() => this.settle(camera), Math.max(1, camera.waiting[0].until - now));
  }

  present(camera, picture) {
    camera.shown = picture;
    const results = camera.results.get(keyOf(picture)) ?? new Map();
    const at = Date.parse(picture.captured_at);
    const old = [];
    for (const result of camera.latest.values()) {
      const age = (at - Date.parse(result.captured_at)) / 1000;
      if (!results.has(result.model) && result.epoch === picture.epoch && age > 0) old.push({ result, age, isDrawn: age <= OLD_S });
    }
    this.show({ ...picture, key: keyOf(picture), at, results, old, several: camera.latest.size > 1 });
  }

  forget() {
    for (const camera of this.cameras.values()) clearTimeout(camera.timer);
    this.cameras.clear();
  }
}
