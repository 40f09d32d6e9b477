// Runs a model on an uploaded picture, and shows the findings in it.
import { colour, drawn, findings, make, text } from "./parts.js";

export class Trying {
  constructor() {
    const by = (id) => document.getElementById(id);
    this.model = by("try-model");
    this.confidence = by("try-confidence");
    this.shown = by("try-shown");
    this.said = by("try-said");
    this.result = by("try-result");
    this.picture = by("try-picture");
    this.boxes = by("try-boxes");
    this.list = by("try-list");
    this.drop = by("drop");
    this.file = null;
    by("try-form").addEventListener("submit", (event) => event.preventDefault());
    by("try-file").addEventListener("change", (event) => this.take(event.target.files[0]));
    this.model.addEventListener("change", () => this.send());
    this.confidence.addEventListener("input", () => {
      this.confidence.dataset.moved = "yes";
      text(this.shown, Number(this.confidence.value).toFixed(2));
    });
    this.confidence.addEventListener("change", () => this.send());
    addEventListener("dragover", (event) => { event.preventDefault(); this.drop.classList.add("over"); });
    addEventListener("dragleave", () => this.drop.classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      this.offered(event.dataTransfer.files);
    });
    addEventListener("paste", (event) => this.offered(event.clipboardData.files));
  }

  async enter() {
    if (this.model.options.length) return;
    const models = await (await fetch("api/models")).json();
    this.model.replaceChildren(...models.map((name) => make("option", {}, name)));
  }

  leave() {}

  update() {}

  async offered(files) {
    if (!files.length) return;
    location.hash = "try";
    await this.enter();
    this.take(files[0]);
  }

  take(file) {
    if (!file) return;
    this.file = file;
    this.send();
  }

  async send() {
    if (!this.file) return;
    text(this.said, "running the model…");
    const began = this.began = performance.now();
    // Until the slider is moved, the model's own threshold holds; none below it is kept.
    const asked = this.confidence.dataset.moved ? `?confidence=${this.confidence.value}` : "";
    const address = `api/models/${encodeURIComponent(this.model.value)}/predict${asked}`;
    let answer;
    try {
      answer = await fetch(address, { method: "POST", body: this.file });
    } catch {
      text(this.said, "no answer from edge-daemon");
      return;
    }
    const body = await answer.json();
    if (began !== this.began) return; // a later picture is answered already, or will be
    if (!answer.ok) {
      this.result.hidden = true;
      this.list.replaceChildren();
      text(this.said, typeof body.detail === "string" ? body.detail : "the picture was not accepted");
      return;
    }
    const took = performance.now() - began;
    this.display(this.file);
    this.show(body, took);
    // Masks, keypoints and maps are drawn by the daemon.
    if (!body.segments && !body.keypoints && !body.detections.some((one) => one.mask || one.keypoints || one.corners)) return;
    const annotated = await fetch(address, { method: "POST", body: this.file, headers: { Accept: "image/jpeg" } });
    if (annotated.ok && began === this.began) this.display(await annotated.blob());
  }

  display(picture) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(picture);
    this.picture.src = this.address;
  }

  show(body, took) {
    const things = findings(body);
    text(this.said, `${things.length || "nothing"} found in ${body.width}×${body.height} pixels, ${took.toFixed(0)} ms`);
    this.boxes.setAttribute("viewBox", `0 0 ${body.width} ${body.height}`);
    this.boxes.replaceChildren();
    this.list.replaceChildren();
    for (const one of things) {
      const item = make("li", {}, one.caption);
      item.style.borderLeft = `.4rem solid ${colour(one.name)}`;
      this.list.append(item);
      if (!one.box) continue;
      const [x1, y1, x2, y2] = one.box;
      const box = drawn("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: colour(one.name) });
      const title = drawn("title");
      title.textContent = one.caption;
      box.append(title);
      const light = (on) => { box.classList.toggle("on", on); item.classList.toggle("on", on); };
      for (const element of [box, item]) {
        element.addEventListener("pointerenter", () => light(true));
        element.addEventListener("pointerleave", () => light(false));
      }
      this.boxes.append(box);
    }
    this.result.hidden = false;
  }
}
