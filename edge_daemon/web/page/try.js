// Runs a model on a picture, and shows all that it found.
import { Refused, absolute, ask, cameraPath, get, modelPath } from "./api.js";
import { attribute, make, note, text } from "./dom.js";
import { inLanguages, programs } from "./example.js";
import { inWords, segmentsOf, shown } from "./findings.js";
import { hasThreshold, summary } from "./models.js";
import { Picture } from "./picture.js";
import { address, replace } from "./router.js";
import { foundIn } from "./tried.js";
import { meant, plural } from "./words.js";

const WAIT_MS = 60_000;

export class Try {
  constructor() {
    [this.facts, this.file, this.moved] = [{}, null, false];
    this.build();
    addEventListener("dragover", (event) => { event.preventDefault(); this.drop.classList.add("over"); });
    addEventListener("dragleave", () => this.drop.classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      this.offered(event.dataTransfer.files);
    });
    addEventListener("paste", (event) => this.offered(event.clipboardData.files));
  }

  build() {
    this.model = make("select", { onchange: () => this.choose(this.model.value) });
    this.about = make("p", { class: "small soft" });
    this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, class: "grow", "aria-label": "Minimum confidence", oninput: () => this.slide(), onchange: () => this.send() });
    this.shown = make("span", { class: "mono", "aria-hidden": "true" });
    this.below = make("p", { class: "tiny soft" });
    this.input = make("input", { type: "file", accept: "image/*", class: "sr", "aria-label": "Choose a picture", onchange: () => this.take(this.input.files[0]) });
    this.camera = make("select", { class: "grow", "aria-label": "Take the picture of a camera", onchange: () => this.fromCamera() });
    this.drop = make("div", { class: "drop" }, make("b", {}, "Drop a picture here"), make("span", {}, "paste it, or"), make("label", { class: "btn file" }, "Choose a file", this.input), this.camera);
    this.warning = note(["builtin:person was trained on the generated street only. For real pictures bring a model: ", make("code", {}, "edge-daemon models")]);
    this.picture = new Picture();
    this.picture.element.hidden = true;
    this.said = make("b", { role: "status" }, "No picture yet");
    this.figures = make("span", { class: "soft end" });
    this.examples = programs(inLanguages("POST", absolute("api/models/MODEL/predict"), { send: "picture.jpg" }));
    this.found = make("aside", { class: "card", "aria-label": "Found" }, make("div", { class: "blankslate" }, make("p", { class: "small soft" }, "What the model finds is listed here.")));
    this.root = make("section", {},
      make("div", { class: "tool" }, make("h1", { tabindex: -1 }, "Try a picture"), make("span", { class: "soft small" }, "Your picture is sent to this box only, and not kept.")),
      make("div", { class: "tryg" },
        make("div", { class: "stack" },
          make("section", { class: "card pad stack" }, make("label", { class: "col" }, "Model", this.model), this.about,
            make("div", { class: "small soft" }, "Minimum confidence", make("div", { class: "row" }, this.slider, this.shown)), this.below),
          this.drop, this.warning),
        make("div", { class: "stack l" },
          make("div", { class: "card" }, this.picture.element, make("div", { class: "row wrap pad small" }, this.said, this.figures)),
          make("section", { class: "card" }, make("div", { class: "head" }, make("h2", { class: "grow" }, "The same by program"), this.examples.names), make("div", { class: "pad" }, this.examples.element))),
        this.found));
  }

  title() {
    return "try a picture";
  }

  keys() {
    return {};
  }

  update(status) {
    const names = Object.keys(status.value?.cameras ?? {});
    const shown = JSON.stringify(names);
    if (this.cameras === shown) return;
    this.cameras = shown;
    this.camera.replaceChildren(make("option", { value: "" }, "or take one of a camera"), ...names.map((name) => make("option", {}, name)));
  }

  async enter(route, from, status) {
    this.isHere = true;
    this.update(status);
    const wanted = route.query.get("model");
    try {
      this.names = await get("api/models");
      this.facts = Object.fromEntries(await Promise.all(this.names.map(async (name) => [name, await get(modelPath(name))])));
    } catch (error) {
      return text(this.said, error instanceof Refused ? `${error.message}.` : "No answer from edge-daemon.");
    }
    const label = (name) => (this.facts[name].file ? `${name} (${this.facts[name].file})` : name);
    this.model.replaceChildren(...this.names.map((name) => make("option", { value: name }, label(name))));
    if (wanted && !this.names.includes(wanted)) text(this.said, `No model is called ${wanted}. ${meant(wanted, this.names) ? `Did you mean ${meant(wanted, this.names)}?` : ""}`);
    const chosen = this.names.includes(wanted) ? wanted : this.names.includes(this.chosen) ? this.chosen : this.names[0];
    if (chosen) this.choose(chosen);
    else text(this.said, "No model is configured.");
  }

  leave() {
    this.isHere = false;
  }

  choose(name) {
    const isOther = name !== this.chosen;
    this.chosen = this.model.value = name;
    if (this.isHere) replace(address("try", [], { model: name }));
    const model = this.facts[name];
    text(this.about, summary(model));
    this.warning.hidden = model.file !== "builtin:person";
    if (isOther) [this.moved, this.vector] = [false, null];
    const own = model.confidence;
    this.slider.disabled = !hasThreshold(model);
    if (!this.moved) [this.slider.min, this.slider.value] = [own, own];
    text(this.below, this.slider.disabled ? "This model has no confidence." : `Starts at the model's own ${own.toFixed(2)}. Below it nothing is kept (confidence: in the YAML).`);
    this.showConfidence();
    if (isOther) this.send();
  }

  slide() {
    this.moved = true;
    this.showConfidence();
  }

  showConfidence() {
    text(this.shown, this.slider.disabled ? "none" : Number(this.slider.value).toFixed(2));
    this.examples.change(inLanguages("POST", absolute(this.path()), { send: this.file?.name || "picture.jpg" }));
  }

  path() {
    const confidence = this.slider.disabled || !this.moved ? "" : `?confidence=${Number(this.slider.value).toFixed(2)}`;
    return `${modelPath(this.chosen)}/predict${confidence}`;
  }

  async offered(files) {
    if (!files.length) return;
    if (!this.isHere) location.hash = "try";
    this.take(files[0]);
  }

  async fromCamera() {
    const name = this.camera.value;
    if (!name) return;
    this.camera.value = "";
    try {
      const answer = await ask(`${cameraPath(name)}/picture.jpg`, { wait: WAIT_MS });
      this.take(new File([await answer.blob()], `${name}.jpg`, { type: "image/jpeg" }));
    } catch (error) {
      text(this.said, `${error.message}.`);
    }
  }

  take(file) {
    if (!file) return;
    this.file = file;
    if (this.chosen) {
      this.showConfidence();
      this.send();
    }
  }

  async send() {
    const file = this.file;
    if (!file || !this.chosen) return;
    const [began, turn] = [performance.now(), (this.turn ?? 0) + 1];
    this.turn = turn;
    text(this.said, "The model looks at it");
    try {
      const result = await (await ask(this.path(), { method: "POST", body: file, wait: WAIT_MS })).json();
      const bitmap = await createImageBitmap(file).catch(() => null);
      if (turn === this.turn) this.show(result, bitmap, performance.now() - began);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  fail(error) {
    this.picture.clear();
    this.found.replaceChildren();
    text(this.figures, "");
    text(this.said, error instanceof Refused ? `${error.message}.` : "No answer from edge-daemon.");
  }

  show(result, bitmap, ms) {
    this.picture.element.hidden = false;
    text(this.figures, `${result.width} × ${result.height}, ${ms.toFixed(0)} ms`);
    text(this.said, this.inWords(result));
    this.picture.say(result.classes?.length ? `${result.classes[0].class_name} ${result.classes[0].confidence.toFixed(2)}` : null);
    if (!bitmap) this.picture.say("This browser cannot show the picture");
    this.picture.draw({ key: this.turn, bitmap, results: new Map([[result.model, result]]), old: [], several: false });
    attribute(this.picture.canvas, "aria-label", "The picture that was sent");
    this.found.replaceChildren(...foundIn(result, {
      model: this.facts[this.chosen], others: this.names.filter((name) => name !== this.chosen), confidence: Number(this.slider.value),
      point: (one) => this.picture.redraw(one), vector: this.vector, keep: (vector) => { this.vector = vector; this.input.click(); },
    }));
  }

  inWords(result) {
    const number = shown(result).length;
    if (number) return `${number} found: ${inWords(result)}`;
    if (result.segments) return `${plural(segmentsOf(result).length, "class", "classes")} in the picture`;
    if (result.classes?.length) return `Most likely: ${result.classes[0].class_name}, ${result.classes[0].confidence.toFixed(2)}`;
    if (result.embedding) return `A vector of ${result.embedding.length} numbers`;
    const words = inWords(result);
    return words === "nothing" ? `Nothing found above ${Number(this.slider.value).toFixed(2)}` : words;
  }
}
