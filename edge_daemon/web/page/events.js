// What happened, of all cameras; and the switches of rules and mode.
import { get } from "./api.js";
import { attribute, card, make, renew } from "./dom.js";
import { EventList, post } from "./eventlist.js";
import { Results } from "./results.js";
import { address, go, replace } from "./router.js";
import { identified, me } from "./shell.js";
import { toast } from "./say.js";
import { moment } from "./words.js";

export class Events {
  constructor() {
    this.feed = new Results({ event: (event) => this.list.add(event) }, "api/events/stream");
    this.camera = make("select", { "aria-label": "Camera", onchange: () => this.choose() });
    this.rule = make("select", { "aria-label": "Rule", onchange: () => this.choose() });
    this.text = make("input", { type: "search", placeholder: "person gate", "aria-label": "Words in names of classes, zones, rules and cameras", onchange: () => this.choose() });
    this.day = make("input", { type: "date", "aria-label": "Day", onchange: () => this.choose() });
    this.alerts = make("input", { type: "checkbox", onchange: () => this.list.filter(this.alerts.checked) });
    this.place = make("div", { class: "grow" });
    this.switches = make("div");
    this.cameras = make("div");
    this.side = make("aside", { class: "rail last stack", "aria-label": "Switches" }, card("Rules", this.switches), card("Cameras", this.cameras));
    this.root = make("section", {}, make("h1", { class: "sr", tabindex: -1 }, "Events"),
      make("div", { class: "home" }, make("div", {}, make("div", { class: "tool", role: "group", "aria-label": "Events shown" }, this.camera, this.rule, this.day, this.text, make("label", { class: "in" }, this.alerts, "Only alerts")), this.place), this.side));
  }

  title() {
    return "events";
  }

  keys() {
    return { Escape: () => go("#cameras") };
  }

  enter(route, _, status) {
    this.query = Object.fromEntries(["camera", "rule", "text", "day"].map((key) => [key, route.query.get(key) ?? ""]));
    [this.text.value, this.day.value] = [this.query.text, this.query.day];
    const { day, ...rest } = this.query;
    this.list = new EventList({ ...rest, ...(day ? hours(day) : {}) });
    this.list.isAlone = false;
    this.list.onlyAlerts = this.alerts.checked;
    this.place.replaceChildren(this.list.element);
    this.list.load();
    this.feed.watch(null);
    this.refresh();
    this.update(status);
    return false;
  }

  leave() {
    this.feed.stop();
  }

  choose() {
    this.query = { camera: this.camera.value, rule: this.rule.value, text: this.text.value.trim(), day: this.day.value };
    replace(address("events", [], this.query));
    this.enter({ query: new URLSearchParams(this.query) }, null, this.status);
  }

  async refresh() {
    try {
      [this.rules] = await Promise.all([get("api/rules"), identified]); // who looks decides what can be switched
    } catch {
      return; // the next status asks again
    }
    this.shown = JSON.stringify(this.status?.value?.switches);
    this.offer();
    this.showSwitches();
  }

  update(status) {
    this.status = status;
    this.list?.update(status);
    this.showCameras();
    if (this.rules && JSON.stringify(status.value?.switches) !== this.shown) this.refresh();
    this.offer();
  }

  // The names to filter by.
  offer() {
    const cameras = Object.keys(this.status?.value?.cameras ?? {});
    const rules = this.rules?.rules.map((rule) => rule.name) ?? [];
    for (const [select, key, every, names] of [[this.camera, "camera", "Every camera", cameras], [this.rule, "rule", "Every rule", rules]]) {
      const all = [...new Set([...names, this.query[key]])].filter(Boolean);
      renew(select, all, () => [make("option", { value: "" }, every), ...all.map((name) => make("option", {}, name))]);
      if (select.value !== this.query[key]) select.value = this.query[key];
    }
  }

  showSwitches() {
    const { rules, modes, mode } = this.rules;
    const mayNot = me.role === "viewer";
    renew(this.switches, [this.rules, mayNot], () => [
      ...(modes.length ? [make("div", { class: "switch" }, make("label", {}, "Mode", this.modeChoice(modes, mode, mayNot)))] : []),
      ...rules.map((rule) => this.ruleSwitch(rule, mayNot)),
      make("p", { class: "pad small soft" }, ...(mayNot ? [`Switching needs the token of an operator${me.name ? ". Yours is for viewing." : ": edge-daemon token --role operator makes one."}`] : ["By command: ", make("code", {}, "edge-daemon rules off NAME")])),
    ]);
  }

  showCameras() {
    const { cameras = {}, switches } = this.status?.value ?? {};
    const [off, mayNot] = [switches?.cameras_off ?? [], me.role === "viewer"];
    renew(this.cameras, [Object.keys(cameras), off, mayNot], () => Object.keys(cameras).map((name) => this.toggle(name, `api/cameras/${encodeURIComponent(name)}`, !off.includes(name), mayNot, "off")));
  }

  modeChoice(modes, mode, mayNot) {
    const select = make("select", { disabled: mayNot, onchange: () => this.ask("api/mode", { mode: select.value }) }, ...modes.map((name) => make("option", {}, name)));
    select.value = mode;
    return select;
  }

  ruleSwitch(rule, mayNot) {
    return this.toggle(rule.name, `api/rules/${encodeURIComponent(rule.name)}`, rule.enabled, mayNot, rule.until ? `off until ${moment(rule.until)}` : "off");
  }

  toggle(name, path, isOn, mayNot, words) {
    const box = make("input", { type: "checkbox", role: "switch", disabled: mayNot, onchange: () => this.ask(path, { enabled: box.checked }) });
    box.checked = isOn;
    return make("div", { class: "switch" }, make("label", {}, box, make("span", {}, name)), make("span", { class: "soft tiny" }, isOn ? "" : words));
  }

  async ask(path, body) {
    try {
      const { text } = await (await post(path, body)).json();
      toast(`${text[0].toUpperCase()}${text.slice(1)}`);
    } catch (error) {
      toast(`${error.message}`, { failed: true });
    }
    for (const place of [this.switches, this.cameras]) attribute(place, "data-shown", null);
    setTimeout(() => this.refresh(), 1200); // the next status knows it
  }
}

// The times of a day here.
function hours(day) {
  const [from, to] = [new Date(`${day}T00:00`), new Date(`${day}T00:00`)];
  to.setDate(to.getDate() + 1);
  return Number.isNaN(from.getTime()) ? {} : { from: from.toISOString(), to: to.toISOString() };
}
