// Results of one camera, newest first; the list can be filtered, and pauses with the picture.
import { attribute, button, make, text } from "./dom.js";
import { countsOf, inDetail, inWords } from "./findings.js";
import { keyOf } from "./matching.js";
import { absolute, cameraPath } from "./api.js";
import { changed, clock } from "./words.js";

const ROWS = 200;

export class ResultList {
  // `choose` receives the result whose row was clicked, `pause` whether to pause.
  constructor(name, choose, pause) {
    [this.choose, this.last, this.classes, this.newer] = [choose, new Map(), new Set(), 0];
    this.only = make("input", { type: "checkbox", onchange: () => this.refilter() });
    this.only.checked = true;
    this.which = make("select", { "aria-label": "Class", onchange: () => this.refilter() }, make("option", { value: "" }, "Every class"));
    this.stop = button("pause", "Pause", () => pause());
    this.paused = make("button", { type: "button", class: "btn paused", hidden: true, onclick: () => pause() });
    this.rows = make("ol", { class: "list", "aria-live": "off", "aria-label": "Results" });
    this.waiting = make("p", { class: "pad small soft" }, "No result yet.");
    const path = `api/results?camera=${encodeURIComponent(name)}`;
    this.element = make("div", { class: "panel" },
      make("div", { class: "tool" }, make("label", { class: "in" }, this.only, "Only changes"), this.which, make("span", { class: "end" }, this.stop)),
      this.paused, this.waiting, this.rows,
      make("p", { class: "pad small soft foot" }, "As JSON: ", make("a", { class: "mono", href: absolute(cameraPath(name)) }, `/${cameraPath(name)}`), ", live: ", make("a", { class: "mono", href: absolute(path) }, `/${path}`)));
  }

  add(result) {
    const before = this.last.get(result.model);
    const [counts, words] = [countsOf(result), inWords(result)];
    this.last.set(result.model, { counts, words });
    this.offer(Object.keys(counts));
    const change = before ? changed(before.counts, counts) : "";
    const row = this.row(result, words, change);
    row.isChange = !before || (Object.keys(counts).length ? change !== "" : before.words !== words);
    row.names = new Set([...Object.keys(counts), ...Object.keys(before?.counts ?? {})]);
    row.hidden = !this.fits(row);
    this.waiting.hidden = true;
    this.put(row);
    if (this.isPaused) this.countNewer();
    while (this.rows.childElementCount > ROWS) this.drop();
  }

  // By the time of the picture: the result of a slow model comes after those of later pictures.
  put(row) {
    let later = this.rows.firstElementChild;
    while (later && later.at > row.at) later = later.nextElementSibling;
    this.rows.insertBefore(row, later);
  }

  // Rows that are not shown go first, so that changes of long ago stay.
  drop() {
    ([...this.rows.children].findLast((row) => row.hidden) ?? this.rows.lastElementChild).remove();
  }

  row(result, words, change) {
    const act = make("button", { type: "button", class: "res", onclick: () => this.choose(result) },
      make("span", { class: "t" }, clock(result.captured_at, 2)),
      make("span", { class: "row wrap" }, make("span", {}, change ? make("b", {}, change) : "", change ? `, ${words}` : make("b", {}, words)), make("span", { class: "soft tiny end" }, `#${result.seq}`)),
      make("span", { class: "soft tiny more" }, [this.several ? result.model : "", inDetail(result)].filter(Boolean).join(": ")));
    const row = make("li", {}, act);
    [row.key, row.at] = [keyOf(result), result.captured_at];
    return row;
  }

  offer(names) {
    for (const name of names) {
      if (this.classes.has(name)) continue;
      this.classes.add(name);
      this.which.append(make("option", {}, name));
    }
  }

  fits(row) {
    return (!this.only.checked || row.isChange) && (!this.which.value || row.names.has(this.which.value));
  }

  refilter() {
    for (const row of this.rows.children) row.hidden = !this.fits(row);
  }

  // `since`: the time at which the picture stands still, or null to go on.
  pause(since, key = null) {
    this.isPaused = since !== null;
    attribute(this.stop, "aria-pressed", String(this.isPaused));
    for (const row of this.rows.children) row.classList.toggle("on", row.key === key);
    this.paused.hidden = !this.isPaused;
    [this.since, this.newer] = [since, -1];
    if (this.isPaused) this.countNewer();
    else this.rows.scrollTop = 0;
  }

  countNewer() {
    this.newer += 1;
    text(this.paused, `Paused at ${clock(this.since)}, ${this.newer} newer: go on`);
  }
}
