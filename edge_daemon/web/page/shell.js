// What stands around every view: header, connection bar, title and icon, menu of the user.
import { get } from "./api.js";
import { attribute, dot, icon, make, renew, text } from "./dom.js";
import { help } from "./keys.js";
import { askForToken, logOut } from "./login.js";
import { announce, clearToasts, mount, toast } from "./say.js";
import { count, kindOf, reasonOf, troubleInWords } from "./states.js";
import { status } from "./status.js";
import { clock, duration } from "./words.js";

export const VIEWS = [["cameras", "Cameras", "./#cameras"], ["events", "Events", "./#events"], ["timeline", "Timeline", "./#timeline"], ["try", "Try", "./#try"], ["system", "System", "./#system"], ["api", "API", "docs"]];

const links = new Map(VIEWS.map(([name, words, href]) => [name, make("a", { href }, icon(name), make("span", {}, words))]));
links.get("events").hidden = true; // until there are rules
links.get("timeline").hidden = true; // until something is recorded all the time
const brand = make("span", {}, "edge-daemon");
const health = make("a", { class: "health unknown", href: "./#cameras" });
const time = make("span", { class: "clock hide-m" });
const menu = make("details", { class: "menu" });
const since = make("b");
const state = make("span", { class: "grow" });
const next = make("span", { class: "nw" });
const bar = make("div", { class: "bar", hidden: true }, icon("warn"), since, state, next, make("button", { type: "button", class: "btn", onclick: () => status.tryNow() }, "Try now"));
const alert = make("p", { class: "sr", role: "alert" });

let view = "cameras";
let place = "cameras";
let kinds = null;
export let me = { name: "", role: "viewer" };
export let box = { name: "edge-daemon", recorded: [] };
export let identified = Promise.resolve();

export function build(main, restart) {
  document.body.prepend(
    make("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, "Skip to content"),
    make("header", { class: "top" },
      make("a", { class: "brand", href: "./#cameras" }, make("img", { src: "page/icon.svg", alt: "", width: 22, height: 22 }), brand),
      make("nav", { class: "nav", "aria-label": "Views" }, ...links.values()),
      make("div", { class: "end" }, health, time, menu)),
    bar, alert);
  mount();
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) [menu.open] = [false, event.preventDefault(), menu.firstChild.focus()];
  });
  status.subscribe((now, back) => update(now, back, restart));
  const tick = () => text(time, clock(Date.now()));
  tick();
  setInterval(tick, 1000);
  fillMenu();
}

// Why something is kept from who looks.
export function needsAdministrator(what) {
  return `${what} needs the token of an administrator${me.name ? ". Yours is for viewing." : ": edge-daemon token --role administrator makes one."}`;
}

// Marks the view in the header, and names the page after what it shows.
export function show(name, title) {
  [view, place] = [name, title];
  for (const [each, link] of links) attribute(link, "aria-current", each === view ? "page" : null);
  entitle();
}

// Asks who looks, and at what.
export function identify() {
  return (identified = ask());
}

async function ask() {
  const [who, system, switches, recorded] = await Promise.allSettled(["me", "system", "rules", "recordings"].map((path) => get(`api/${path}`)));
  if (who.status === "fulfilled") me = who.value;
  if (system.status === "fulfilled") box = { ...system.value, asked: performance.now() };
  box.rules = switches.value?.rules ?? [];
  box.recorded = recorded.value?.map(({ camera }) => camera) ?? [];
  links.get("events").hidden = !box.rules.length;
  links.get("timeline").hidden = !box.recorded.length;
  text(brand, box.name);
  fillMenu();
  entitle();
}

function fillMenu() {
  renew(menu, [me, box.version], () => [
    make("summary", { class: "btn icon quiet", "aria-label": `${me.name || "User"}: log out, keys, version` }, icon("user")),
    make("div", { class: "card pad stack" },
      me.name && make("p", { class: "small" }, make("b", {}, me.name), `, ${me.role}`),
      me.name && make("button", { type: "button", class: "btn", onclick: logOut }, "Log out"),
      make("button", { type: "button", class: "btn", onclick: () => { menu.open = false; help(); } }, "Keys"),
      box.version && make("p", { class: "tiny soft nw" }, `edge-daemon ${box.version}`))]);
}

function update(now, back, restart) {
  const lost = now.lost !== null;
  document.body.classList.toggle("lost", lost);
  if (now.isRefused) {
    askForToken(() => { now.tryNow(); restart(); });
    return;
  }
  if (lost && bar.hidden) clearToasts();
  if (bar.hidden === lost) text(alert, lost ? "Connection lost. Nothing on this page is live." : "");
  bar.hidden = !lost;
  if (lost) {
    text(since, `Connection lost ${duration(now.lost)} ago`);
    text(state, `Nothing below is live. What you see is the state at ${clock(now.seen)}.`);
    text(next, now.next === null ? "Trying now" : `Next try in ${now.next} s`);
  } else if (back !== null) toast(`Connected again after ${duration(back)}`);
  pill(now);
  tellChanges(now);
  entitle();
}

function pill(now) {
  const trouble = now.value?.cameras ? troubleInWords(count(now.value.cameras)) : "";
  const [kind, mark, words] = now.lost !== null || !now.value?.cameras ? ["unknown", null, "Unknown"]
    : trouble ? ["bad", "warn", trouble] : ["", "check", "All well"];
  health.className = `health ${kind}`;
  const [first] = trouble.split(", ");
  health.href = kind === "bad" ? `./#cameras?show=${first.split(" ")[1]}` : "./#cameras";
  renew(health, words, () => {
    const [short, ...rest] = words.split(", ");
    return [mark ? icon(mark) : dot("unknown"), make("span", {}, short, rest.length ? make("span", { class: "hide-s" }, `, ${rest}`) : "")];
  });
}

// Says which cameras went down, stalled, or came back.
function tellChanges(now) {
  if (now.lost !== null || !now.value?.cameras) return;
  const before = kinds;
  kinds = new Map(Object.entries(now.value.cameras).map(([name, camera]) => [name, kindOf(camera)]));
  for (const [name, kind] of before ? kinds : []) {
    const was = before.get(name);
    if (!was || was === kind || ![was, kind].some((one) => one === "down" || one === "stalled")) continue;
    const reason = kind === "down" ? reasonOf(now.value.cameras[name]) : "";
    announce(`${name} is ${kind}${reason ? `: ${reason}` : ""}`);
  }
}

function entitle() {
  const trouble = status.value?.cameras ? troubleInWords(count(status.value.cameras)) : "";
  const mark = status.lost !== null ? "(no connection) " : trouble ? `(${trouble}) ` : "";
  document.title = `${mark}${brand.textContent}: ${place}`;
  attribute(document.querySelector("link[rel=icon]"), "href", mark ? "page/icon-down.svg" : "page/icon.svg");
}

