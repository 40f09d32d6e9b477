// Runs a model on an uploaded picture, and shows the findings in it.
import { colour, drawn, make, text } from "./parts.js";

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
    this.confidence.addEventListener("input", () => text(this.shown, Number(this.confidence.value).toFixed(2)));
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
    const address = `api/models/${encodeURIComponent(this.model.value)}/predict?confidence=${this.confidence.value}`;
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
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(this.file);
    this.picture.src = this.address;
    this.show(body, took);
  }

  show(body, took) {
    const things = [...body.detections, ...(body.classes || [])];
    text(this.said, `${things.length || "nothing"} found in ${body.width}×${body.height} pixels, ${took.toFixed(0)} ms`);
    this.boxes.setAttribute("viewBox", `0 0 ${body.width} ${body.height}`);
    this.boxes.replaceChildren();
    this.list.replaceChildren();
    for (const one of things) {
      const item = make("li", {}, `${one.class_name} ${one.confidence.toFixed(2)}`);
      item.style.borderLeft = `.4rem solid ${colour(one.class_name)}`;
      this.list.append(item);
      if (!one.xyxy) continue;
      const [x1, y1, x2, y2] = one.xyxy;
      const box = drawn("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: colour(one.class_name) });
      const title = drawn("title");
      title.textContent = item.textContent;
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
