// The page: the view that is named in the address.
import { CameraView } from "./camera.js";
import { Cameras } from "./cameras.js";
import { EventView } from "./event.js";
import { Events } from "./events.js";
import { blank, make } from "./dom.js";
import { help, listen, use } from "./keys.js";
import { cameraAddress, go, parse, replace } from "./router.js";
import { VIEWS, build, identify, show } from "./shell.js";
import { status } from "./status.js";
import { System } from "./system.js";
import { Timeline } from "./timeline.js";
import { Try } from "./try.js";
import { meant } from "./words.js";

const main = document.getElementById("main");
const views = { cameras: new Cameras(), camera: new CameraView(), events: new Events(), event: new EventView(), timeline: new Timeline(), try: new Try(), system: new System() };
const ONE = { cameras: "camera", events: "event" }; // the views of one of them
let current = null;
let route = null;

function open() {
  const from = route;
  route = parse(location.hash);
  const name = route.view || "cameras";
  const one = route.parts.length ? ONE[name] : null;
  const next = one ? views[one] : views[name];
  if (!next || Object.values(ONE).includes(name)) return unknown(name);
  if (current !== next) {
    current?.leave();
    main.replaceChildren(next.root);
  }
  current = next;
  const isFocused = next.enter(route, from, status);
  use(next.keys());
  show(name, next.title());
  if (from && !isFocused) main.querySelector("h1")?.focus({ preventScroll: true });
}

function unknown(name) {
  current?.leave();
  current = null;
  const other = meant(name, Object.keys(views).filter((view) => !Object.values(ONE).includes(view)));
  main.replaceChildren(blank("h1", "search", `No view is called ${name}`, other ? make("span", {}, "Did you mean ", make("a", { href: `#${other}` }, other), "?") : "The header has all of them.", make("a", { class: "btn", href: "#cameras" }, "Cameras")));
  show("", name);
}

// Opens one of the views that the header shows.
function visit(index) {
  const href = document.querySelectorAll(".nav a:not([hidden])")[index]?.getAttribute("href");
  if (!href) return false;
  if (href.startsWith("./#")) go(href.slice(2));
  else location.href = href;
  return true;
}

// A single camera opens large, unless the address asks for all.
function openSingle(now) {
  const names = Object.keys(now.value?.cameras ?? {});
  if (!location.hash && names.length === 1) {
    replace(cameraAddress(names[0]));
    open();
  }
}

build(main, () => { identify(); open(); });
listen({ "?": help, ...Object.fromEntries(VIEWS.map((_, index) => [String(index + 1), () => visit(index)])) });
addEventListener("hashchange", open);
status.subscribe((now) => {
  openSingle(now);
  current?.update(now);
  if (current) show(route.view || "cameras", current.title());
});
identify(); // first: views wait for it
open();
status.start();
