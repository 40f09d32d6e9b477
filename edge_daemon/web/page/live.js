// What comes by itself: pictures and results, brought together for the view that is open.
import { Matching, patience } from "./matching.js";
import { Pictures } from "./pictures.js";
import { Results } from "./results.js";
import { status } from "./status.js";

class Live {
  constructor() {
    this.matching = new Matching((scene) => this.offer(scene), (name) => patience(status.value?.cameras?.[name]));
    this.pictures = new Pictures((picture) => { if (status.lost === null) this.matching.picture(picture); });
    this.results = new Results({
      message: (result) => {
        if (status.lost !== null || result.type !== "result") return;
        this.listen(result);
        this.matching.result(result);
      },
      event: (event) => this.happened(event),
    });
    this.stop();
  }

  // `draw` receives scenes, `listen` every result, `happened` events; `cameras`: names, or null for the results of all.
  start(cameras, draw, listen = () => {}, happened = () => {}) {
    [this.draw, this.listen, this.happened] = [draw, listen, happened];
    this.results.watch(cameras);
  }

  // `wish`: width in pixels by camera.
  want(wish) {
    this.pictures.want(wish);
  }

  stop() {
    [this.draw, this.listen, this.happened] = [() => {}, () => {}, () => {}];
    [this.decoding, this.decoded] = [new Map(), new Map()];
    this.pictures.want({});
    this.results.stop();
    this.matching.forget();
  }

  // Decodes the picture of a scene; those that come meanwhile are left out, except the newest.
  async offer(scene) {
    const { decoding, decoded } = this;
    const isBusy = decoding.has(scene.camera);
    decoding.set(scene.camera, scene);
    if (isBusy) return;
    for (let next = scene; next; next = decoding.get(scene.camera)) {
      const isNew = decoded.get(next.camera) !== next.key;
      const bitmap = isNew ? await createImageBitmap(next.blob).catch(() => null) : null;
      if (decoding !== this.decoding) return bitmap?.close(); // another view has opened
      if (bitmap || !isNew) {
        decoded.set(next.camera, next.key);
        this.draw({ ...next, bitmap });
      }
      if (decoding.get(scene.camera) === next) decoding.delete(scene.camera);
    }
  }
}

export const live = new Live();
