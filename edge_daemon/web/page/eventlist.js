// Events, newest first: what happened, why, and how it never happens again.
import { ask, get } from "./api.js";
import { attribute, blank, icon, make, renew, text } from "./dom.js";
import { command } from "./example.js";
import { address, cameraAddress } from "./router.js";
import { status } from "./status.js";
import { duration, moment, plural } from "./words.js";

const MOST = 200;
const REASONS = 6; // that are shown
const REACH = 0.5; // of the box's width to either side of where a track stands, and
const LIFT = 0.15; // of its height up and down

class EventCard {
  constructor(event, isAlone) {
    this.badges = make("div", { class: "row wrap" });
    this.when = make("span", { class: "end soft tiny nw" });
    this.because = make("ul", { class: "because" });
    this.shown = make("div");
    this.never = make("button", { type: "button", class: "btn", hidden: true, "aria-expanded": "false", onclick: () => this.toggle() }, "Never again here");
    this.yaml = make("div", { hidden: true, class: "stack s" });
    this.element = make("li", { class: "card evc" },
      make("div", { class: "row" }, make("h2", {}, event.rule), this.when),
      isAlone ? "" : make("p", {}, make("a", { href: cameraAddress(event.camera) }, event.camera)),
      this.badges, this.shown, this.because, this.never, this.yaml);
    this.show(event);
  }

  show(event) {
    this.event = event;
    attribute(this.element, "class", `card evc${event.open ? " open" : ""}${event.alert ? "" : " quiet"}`);
    text(this.when, moment(event.began_at));
    const [first, rest] = [event.because.slice(0, REASONS), event.because.length - REASONS];
    renew(this.because, [first, rest], () => [...first.map((words) => make("li", {}, icon("check"), make("span", {}, words))), ...(rest > 0 ? [make("li", { class: "soft" }, `and ${rest} more`)] : [])]);
    renew(this.shown, [event.still, event.clip], () => seen(event));
    this.never.hidden = !event.tracks.length;
    this.tick(status.now);
  }

  // `now`: the daemon's clock, in ms.
  tick(now, isLost = status.lost !== null) {
    const { event } = this;
    const long = ((event.open ? now : Date.parse(event.at)) - Date.parse(event.began_at)) / 1000;
    const kind = event.alert ? "alert" : "event";
    const state = event.open ? `${kind}, ${isLost ? "was open" : "open"}` : kind;
    const more = [event.confirmed ? "confirmed" : "", event.suppressed ? `${event.suppressed} more before` : "", event.reason ?? ""].filter(Boolean);
    renew(this.badges, [state, event.alert, duration(long), more], () => [make("span", { class: `badge ${event.alert ? "bad" : ""}` }, state),
      make("span", { class: "soft tiny" }, duration(long)), ...more.map((words) => make("span", { class: "badge" }, words))]);
  }

  toggle() {
    this.yaml.hidden = !this.yaml.hidden;
    attribute(this.never, "aria-expanded", String(!this.yaml.hidden));
    if (this.yaml.firstChild) return;
    const size = status.value?.cameras?.[this.event.camera];
    this.yaml.append(make("p", { class: "soft" }, "What is first seen in this area is ignored for good. Add it to the configuration and reload:"),
      command(size?.width ? ignored(this.event, size) : "the size of the camera's picture is not known yet"));
  }
}

// The still of an event, which leads to its view.
function seen({ id, camera, still, clip }) {
  if (!still) return [];
  const path = `api/events/${encodeURIComponent(id)}`;
  const picture = make("img", { src: `${path}/still.jpg?kind=small`, alt: `Still of ${camera}`, loading: "lazy" });
  return [make("a", { href: address("events", [id]) }, picture, make("span", { class: "soft tiny" }, clip ? " Clip" : ""))];
}

// The `ignore` area around the places where the tracks of an event stand, as YAML.
export function ignored(event, { width, height }) {
  const share = (value, whole) => Math.min(1, Math.max(0, Math.round(value / whole * 1000) / 1000));
  const areas = event.tracks.map(({ class_name: kind, xyxy: [x1, y1, x2, y2] }) => {
    const [wide, high] = [(x2 - x1) * REACH, (y2 - y1) * LIFT];
    const [left, right] = [(x1 + x2) / 2 - wide, (x1 + x2) / 2 + wide].map((x) => share(x, width));
    const [top, bottom] = [y2 - high, y2 + high].map((y) => share(y, height));
    return `      - {points: [[${left}, ${top}], [${right}, ${top}], [${right}, ${bottom}], [${left}, ${bottom}]], classes: [${JSON.stringify(kind)}]}`;
  });
  return ["cameras:", `  ${JSON.stringify(event.camera)}:`, "    ignore:", ...areas].join("\n");
}

export class EventList {
  // `query`: `camera`, `rule`, and, of what is stored, `text`, `from` and `to`, or none of them.
  constructor(query = {}) {
    [this.query, this.cards, this.waiting, this.isAlone] = [query, new Map(), new Map(), Boolean(query.camera)];
    this.newer = make("button", { type: "button", class: "btn paused", hidden: true, onclick: () => this.release() });
    this.rows = make("ul", { class: "evs", "aria-label": "Events" });
    this.none = make("div");
    this.older = make("button", { type: "button", class: "btn", hidden: true, onclick: () => this.load(this.after) }, "Older events");
    this.element = make("div", {}, this.newer, this.none, this.rows, make("div", { class: "row pad" }, this.older));
  }

  // The first page, or the one after an event.
  async load(after = null) {
    const query = new URLSearchParams(Object.entries({ ...this.query, after }).filter(([, value]) => value));
    try {
      const page = await get(`api/events?${query}`);
      if (!after) this.clear();
      for (const event of page.events) this.put(event, false);
      this.after = page.after;
      this.older.hidden = !page.after;
      this.say();
    } catch (error) {
      this.none.replaceChildren(blank("h2", "warn", "No events can be shown", `${error.message}.`));
    }
  }

  clear() {
    this.cards.clear();
    this.waiting.clear();
    this.rows.replaceChildren();
    this.newer.hidden = true;
  }

  // A message about an event, as it comes. New ones wait, so that nothing moves below the pointer.
  add(message) {
    if (this.query.text || this.query.from || !this.fits(message)) return;
    const known = this.cards.get(message.id)?.event ?? this.waiting.get(message.id);
    const [still, clip] = [message.still ?? known?.still, message.clip ?? known?.clip]; // one message each brings them
    const event = { ...message, still, clip, began_at: known?.began_at ?? message.at, open: message.phase !== "end" && known?.open !== false };
    if (this.cards.has(message.id)) this.cards.get(message.id).show(event);
    else if (!this.cards.size) this.put(event, true);
    else this.waiting.set(message.id, event);
    this.say();
  }

  fits({ camera, rule, alert }) {
    return (!this.query.camera || camera === this.query.camera) && (!this.query.rule || rule === this.query.rule) && (!this.onlyAlerts || alert);
  }

  release() {
    for (const event of this.waiting.values()) this.put(event, true);
    this.waiting.clear();
    this.say();
  }

  put(event, isNew) {
    const card = new EventCard(event, this.isAlone);
    this.cards.set(event.id, card);
    card.element.hidden = !this.fits(event);
    if (isNew) this.rows.prepend(card.element);
    else this.rows.append(card.element);
    while (this.cards.size > MOST) {
      const last = [...this.cards.values()].find((one) => one.element === this.rows.lastElementChild);
      this.cards.delete(last.event.id);
      last.element.remove();
    }
  }

  filter(onlyAlerts) {
    this.onlyAlerts = onlyAlerts;
    for (const card of this.cards.values()) card.element.hidden = !this.fits(card.event);
    this.say();
  }

  say() {
    this.newer.hidden = !this.waiting.size;
    text(this.newer, `${plural(this.waiting.size, "new event")}: show`);
    const isEmpty = ![...this.cards.values()].some((card) => !card.element.hidden);
    renew(this.none, isEmpty, () => (isEmpty ? [blank("h2", "events", "No events yet", "They appear here as they begin; the last 500 are kept.")] : []));
  }

  update(now) {
    for (const card of this.cards.values()) if (card.event.open) card.tick(now.now, now.lost !== null);
  }
}

// Asks for a change, as JSON.
export function post(path, body) {
  return ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}
