// A picture with what was found in it, at its own size on the screen.
import { make, text } from "./dom.js";
import { Labels, labelsOf, place } from "./labels.js";
import { masksOf, paint } from "./masks.js";
import { Overlay } from "./overlay.js";

const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) target.picture?.resized(contentRect);
});

export class Picture {
  // `detail`: "large", "tile", or "none" for boxes without labels.
  constructor(detail = "large") {
    [this.detail, this.hasBoxes, this.isOld, this.scene] = [detail, true, false, null]; // an old picture has no boxes
    this.canvas = make("canvas", { class: "view", width: 0, height: 0 });
    this.overlay = new Overlay();
    this.labels = new Labels();
    this.shot = make("div", { class: "shot" }, this.canvas, this.overlay.element, this.labels.element);
    this.chip = make("span", { class: "chip tl", hidden: true });
    this.element = make("div", { class: "pic" }, this.shot, this.chip);
    this.shot.picture = this;
    [this.wide, this.tall] = [0, 0];
    sizes.observe(this.shot);
  }

  // Draws a picture and its findings together, in the next animation frame; `also` changes what stands beside it.
  draw(scene, also = () => {}) {
    if (this.next?.key === scene.key) scene.bitmap ??= this.next.bitmap;
    [this.next, this.also] = [scene, also];
    this.frame ??= requestAnimationFrame(() => {
      [this.frame, this.scene, this.next] = [null, this.next, null];
      this.view(this.scene);
      this.redraw();
      this.also();
    });
  }

  view(scene) {
    if (!scene.bitmap) return; // the same picture, with more that was found in it
    const { width, height } = scene.bitmap;
    this.shape(width / height);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    (this.context ??= this.canvas.getContext("bitmaprenderer")).transferFromImageBitmap(scene.bitmap);
    scene.bitmap = null;
  }

  // Puts layers between the picture and what was found in it.
  under(...layers) {
    this.overlay.element.before(...layers);
  }

  // Width by height.
  shape(ratio) {
    if (ratio > 0) this.ratio = ratio;
    if (ratio > 0) this.element.style.setProperty("--ratio", ratio.toFixed(4));
  }

  redraw(chosen = null) {
    const { scene } = this;
    if (!scene) return;
    const found = this.hasBoxes && !this.isOld ? [...[...scene.results.values()].map((result) => ({ result, age: null })), ...scene.old.filter((one) => one.isDrawn)] : [];
    this.overlay.draw(found, chosen);
    const labels = this.detail === "none" ? [] : labelsOf(found, this.detail, scene.several);
    this.labels.draw(place(labels, this.wide, this.tall));
    this.mask(masksOf(found.filter((one) => one.age === null).map((one) => one.result)));
  }

  mask(masked) {
    if (!masked.length) {
      if (this.masks) this.masks.hidden = true;
      return;
    }
    if (!this.masks) {
      this.masks = make("canvas", { class: "view", "aria-hidden": "true" });
      this.overlay.element.before(this.masks);
    }
    this.masks.hidden = false;
    paint(this.masks, masked);
  }

  resized({ width, height }) {
    [this.wide, this.tall] = [width, height];
    this.redraw();
  }

  // Takes away what was found; the picture stays.
  clear() {
    this.scene = null;
    this.overlay.draw([]);
    this.labels.draw([]);
    this.mask([]);
  }

  say(words) {
    this.chip.hidden = !words;
    text(this.chip, words ?? "");
  }
}
