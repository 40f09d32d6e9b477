// Does the box keep up? What broke, which version, what is configured?
import { Refused, ask, get, modelPath } from "./api.js";
import { Chart } from "./chart.js";
import { card, choice, dot, make, memory, note, renew } from "./dom.js";
import { Log } from "./log.js";
import { modelLine } from "./models.js";
import { box, identified, me, needsAdministrator } from "./shell.js";
import { count, groupOf, lossesOf, troubleInWords } from "./states.js";
import { bytes, duration, moment, plural, sentence } from "./words.js";

const EVERY_MS = 10_000;
const SPANS = new Map([["10", [600, "10 minutes", "hour"]], ["hour", [3600, "hour", "hour"]], ["day", [86_400, "day", "day"]]]);
const KINDS = [["capture", "--c1"], ["worker", "--c2"], ["sink", "--c3"], ["web", "--c4"], ["others", "--soft"]];
const FINE = ["up", "ended", "finished", "paused", "resting"];
const LOSSES = [["replaced", "--c2"], ["stale", "--c3"], ["late", "--c4"], ["other", "--bad"]];

export class System {
  constructor() {
    this.about = make("span", { class: "soft small" });
    this.facts = make("div", { class: "facts" });
    this.charts = {
      results: new Chart("Results", "a second", [["results", "--c1"]]),
      delay: new Chart("Delay", "ms, of the slowest camera", [["p50", "--c1"], ["p99", "--c3"]], (value) => `${value.toFixed(0)} ms`),
      lost: new Chart("Lost frames", "a minute", LOSSES),
      cpu: new Chart("CPU", "% of a core", KINDS, (value) => `${value.toFixed(0)} %`),
    };
    const chosen = memory.get("span", "hour");
    this.span = SPANS.has(chosen) ? chosen : "hour";
    this.spans = choice("Span of the charts", [["10", "10 min"], ["hour", "1 h"], ["day", "24 h"]], this.span, (span) => {
      memory.set("span", this.span = span);
      this.fillCharts().catch(() => {}); // the next one may come
    });
    this.processes = make("tbody");
    this.number = make("span", { class: "soft small" });
    this.models = make("ul");
    this.config = make("div", { class: "pad stack" });
    this.log = new Log();
    const heads = ["Process", "State", "CPU", "Memory", "Restarts"].map((words, at) => make("th", { scope: "col", class: at > 1 ? "n" : null }, words));
    this.root = make("section", {},
      make("div", { class: "tool" }, make("h1", { tabindex: -1 }, "System"), this.about, make("span", { class: "end" }, this.spans)), this.facts,
      make("div", { class: "charts" }, ...Object.values(this.charts).map((one) => one.element)),
      make("div", { class: "two" },
        card(["Processes ", this.number], make("div", { class: "scroll" }, make("table", { class: "fold" }, make("thead", {}, make("tr", {}, ...heads)), this.processes))),
        make("div", { class: "stack l" }, card("Models", this.models), card("Configuration in use", this.config))),
      this.log.element);
  }

  title() {
    return "system";
  }

  keys() {
    return {};
  }

  enter(route, from, status) {
    this.isHere = true;
    this.update(status);
    this.refresh();
    clearInterval(this.timer);
    this.timer = setInterval(() => { if (!document.hidden) this.refresh(); }, EVERY_MS);
    this.fillModels();
  }

  leave() {
    this.isHere = false;
    clearInterval(this.timer);
  }

  async refresh() {
    await identified;
    const isAdministrator = me.role === "administrator";
    await Promise.allSettled([this.fillCharts(), this.fillConfig(isAdministrator), this.log.refresh(isAdministrator)]);
  }

  update(status) {
    const { value } = status;
    if (!this.isHere || !value?.cameras) return;
    const lost = status.lost !== null;
    this.showAbout();
    this.showFacts(value, lost);
    const listed = [...value.processes].sort((a, b) => FINE.includes(a.state) - FINE.includes(b.state));
    const rows = listed.map((one) => [one.role === one.name ? one.role : `${one.role} ${one.name}`, lost ? "unknown" : one.state, lost ? "" : `${(one.cpu * 100).toFixed(0)} %`, lost ? "" : bytes(one.memory_bytes), String(one.restarts), lost ? [] : [one.detail.hint, ...serversOf(one.detail)].filter(Boolean)]);
    renew(this.number, rows.length, () => [`${rows.length}, trouble first`]);
    renew(this.processes, rows, () => rows.map(([name, state, cpu, memory, restarts, words]) => make("tr", {}, make("th", { scope: "row" }, name),
      make("td", { "data-l": "State" }, FINE.includes(state) ? state : make("span", { class: `badge ${lost ? "" : "bad"}` }, state), ...words.map((each) => make("div", { class: "soft small" }, each))),
      make("td", { class: "n", "data-l": "CPU" }, cpu), make("td", { class: "n", "data-l": "Memory" }, memory), make("td", { class: `n ${restarts === "0" ? "" : "warn"}`, "data-l": "Restarts" }, restarts))));
  }

  showAbout() {
    const up = box.uptime_s ? `, up for ${duration(box.uptime_s + (performance.now() - box.asked) / 1000)}` : "";
    if (box.version) renew(this.about, up, () => [`edge-daemon ${box.version}${up}`]);
  }

  showFacts({ cameras, processes }, lost) {
    const counts = count(cameras);
    const fine = Object.values(cameras).filter((camera) => groupOf(camera) === "up").length;
    let [fps, delivered, dropped, worst] = [0, 0, 0, null];
    for (const [name, { models }] of Object.entries(cameras)) {
      for (const one of Object.values(models)) {
        fps += one.fps;
        delivered += one.delivered;
        dropped += lossesOf(one.dropped).reduce((sum, [, number]) => sum + number, 0);
        if (one.latency_ms.p99 > (worst?.ms ?? -1)) worst = { ms: one.latency_ms.p99, name };
      }
    }
    const trouble = troubleInWords(counts);
    const restarted = processes.filter((one) => one.restarts);
    const memory = processes.reduce((sum, one) => sum + one.memory_bytes, 0);
    const cpu = processes.reduce((sum, one) => sum + one.cpu, 0);
    const facts = lost ? [] : [["Cameras", `${fine} of ${counts.all}`, trouble || "all well", trouble ? "bad b" : ""], ["Results a second", fps.toFixed(fps < 10 ? 1 : 0), ""],
      ...(worst ? [["Delay, p99", `${worst.ms.toFixed(0)} ms`, `worst: ${worst.name}`]] : []),
      ["Lost", delivered + dropped ? `${(dropped / (delivered + dropped) * 100).toFixed(2)} %` : "0", `${dropped} of ${delivered + dropped} since the start`],
      ["Restarts", String(restarted.reduce((sum, one) => sum + one.restarts, 0)), restarted.map((one) => one.name).slice(0, 3).join(", ")],
      ["CPU", `${(cpu * 100).toFixed(0)} %`, box.cores ? `of ${plural(box.cores, "core")}` : "of one core"], ["Memory", bytes(memory), plural(processes.length, "process", "processes")]];
    this.facts.hidden = !facts.length;
    renew(this.facts, facts, () => facts.map(([name, value, more, kind = ""]) => make("div", {}, make("span", {}, name), make("b", {}, value), make("span", { class: kind }, more))));
  }

  async fillCharts() {
    const asked = this.span;
    const [seconds, words, span] = SPANS.get(asked);
    const history = await get(`api/history?span=${span}`);
    if (!this.isHere || asked !== this.span) return;
    const first = Date.now() - seconds * 1000;
    const steps = withGaps({ ...history, steps: history.steps.filter((step) => Date.parse(step.at) >= first) });
    const shown = [seconds, words];
    const times = steps.map((step) => Date.parse(step.at) / 1000);
    const lines = (...values) => values.map((value) => steps.map((step) => (step.cameras ? value(step) : null)));
    this.charts.results.show(shown, times, ...lines((step) => delivered(step) / step.duration_s));
    this.charts.delay.show(shown, times, ...lines((step) => slowest(step, "p50"), (step) => slowest(step, "p99")));
    this.charts.lost.show(shown, times, ...lines(...LOSSES.map(([reason]) => (step) => lost(step, reason) * 60 / step.duration_s)));
    this.charts.cpu.show(shown, times, ...lines(...KINDS.map(([kind]) => (step) => used(step, kind) * 100)));
  }

  async fillModels() {
    const names = await get("api/models");
    const models = await Promise.all(names.map((name) => get(modelPath(name)).catch(() => ({ name }))));
    renew(this.models, models, () => models.map((model) => make("li", { class: "find" }, dot("up"), make("span", {}, make("b", {}, model.name), make("span", { class: "soft" }, ` ${modelLine(model)}`)), make("span"))));
  }

  async fillConfig(isAdministrator) {
    if (!isAdministrator) return renew(this.config, "none", () => [note(needsAdministrator("The configuration"))]);
    try {
      const { config } = await get("api/system");
      const yaml = await (await ask("api/config")).text();
      renew(this.config, [config, yaml], () => [make("p", { class: "small" }, `${config.file ?? "From the command line"}, read ${moment(config.read_at)}. `, make("span", { class: "soft" }, "Secrets are never shown.")),
        make("details", {}, make("summary", { class: "small" }, "Show"), make("pre", { class: "wrap", tabindex: 0 }, yaml))]);
    } catch (error) {
      if (error instanceof Refused) renew(this.config, error.message, () => [note(`${sentence(error.message)}.`)]);
    }
  }
}

// The steps, with an empty one where some are missing.
function withGaps({ step_s: every, steps }) {
  return steps.flatMap((step, index) => {
    const before = index && Date.parse(steps[index - 1].at);
    return before && Date.parse(step.at) - before > every * 2500 ? [{ at: new Date(before + every * 1000).toISOString() }, step] : [step];
  });
}

// Where a model on other machines runs, and which of its servers are away.
function serversOf({ servers, provider }) {
  if (!servers) return [];
  return [provider && `runs on ${provider}`, ...servers.filter(({ state }) => state !== "up").map(({ server, state }) => `${server}: ${state}`)];
}

const streams = (step) => Object.values(step.cameras).flatMap((camera) => Object.values(camera.models));

function used(step, kind) {
  const isNamed = (role) => KINDS.some(([name]) => name === role);
  return Object.entries(step.cpu).reduce((sum, [role, cores]) => sum + ((isNamed(role) ? role : "others") === kind ? cores : 0), 0);
}

function delivered(step) {
  return streams(step).reduce((sum, one) => sum + one.delivered, 0);
}

function slowest(step, which) {
  const delays = streams(step).map((one) => one.latency_ms[which]).filter(Number.isFinite);
  return delays.length ? Math.max(...delays) : null;
}

function lost(step, which) {
  const isNamed = (reason) => LOSSES.some(([name]) => name === reason);
  const fits = (reason) => (which === "other" ? !isNamed(reason) : reason === which);
  return streams(step).flatMap((one) => lossesOf(one.dropped)).reduce((sum, [reason, number]) => sum + (fits(reason) ? number : 0), 0);
}
