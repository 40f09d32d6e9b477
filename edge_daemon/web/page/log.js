// The last lines of the log, for administrators.
import { Refused, get } from "./api.js";
import { choice, make, note, renew } from "./dom.js";
import { needsAdministrator } from "./shell.js";
import { moment, sentence } from "./words.js";

const LINES = 200;
const NOTABLE = ["WARNING", "ERROR", "CRITICAL"];

export class Log {
  constructor() {
    [this.lines, this.which] = [[], "all"];
    this.find = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the log", oninput: () => this.draw() });
    this.place = make("div", { class: "log", tabindex: 0, role: "region", "aria-label": "Last log lines" });
    this.body = make("div", {}, this.place);
    this.element = make("section", { class: "card" }, make("div", { class: "head" }, make("h2", { class: "grow" }, "Log"),
      choice("Lines", [["all", "All"], ["notable", "Notable"]], "all", (which) => { this.which = which; this.draw(); }), this.find), this.body);
  }

  async refresh(isAdministrator) {
    if (!isAdministrator) return this.refuse(needsAdministrator("The log"));
    try {
      this.lines = (await get(`api/log?lines=${LINES}`)).map(({ time, level, process, message }) => [moment(time), level.toUpperCase(), `${process}: ${message}`]);
      this.draw();
    } catch (error) {
      if (error instanceof Refused) this.refuse(`${sentence(error.message)}.`);
    }
  }

  refuse(words) {
    renew(this.body, words, () => [make("div", { class: "pad" }, note(words))]);
  }

  draw() {
    const words = this.find.value.trim().toLowerCase();
    const shown = this.lines.filter(([at, level, rest]) => (this.which === "all" || NOTABLE.includes(level)) && `${at} ${level} ${rest}`.toLowerCase().includes(words));
    renew(this.place, shown, () => shown.map(([at, level, rest]) => make("div", { class: level === "WARNING" ? "w" : NOTABLE.includes(level) ? "e" : "" }, make("span", {}, at), make("span", {}, level), make("span", {}, rest))));
    if (!shown.length) this.place.replaceChildren(make("div", {}, "No line matches."));
  }
}
