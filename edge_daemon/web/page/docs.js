// All routes, from the OpenAPI description, with examples that can be copied and run.
import { Refused, absolute, get } from "./api.js";
import { make } from "./dom.js";
import { command, inLanguages, programs } from "./example.js";
import { help, listen, use } from "./keys.js";
import { VIEWS, build, identify, me, show } from "./shell.js";
import { status } from "./status.js";
import { sentence } from "./words.js";

const MOST = 4000; // characters of an answer that are shown
const SAVED = /\.(jpg|png|mjpg|mp4)$/;

const main = document.getElementById("main");
const routes = [];
let names = { camera: [], model: [] };

class Route {
  constructor(path, method, described) {
    [this.path, this.method, this.described, this.values] = [path, method.toUpperCase(), described, {}];
    this.id = `${method}${path}`.replace(/\W+/g, "-");
    this.answer = make("div", { class: "answer", "aria-live": "polite" });
    const parameters = (described.parameters ?? []).filter((one) => one.in !== "header").map((one) => this.parameter(one));
    const needs = described.security?.[0]?.token?.[0];
    this.example = programs(this.languages());
    const run = this.method === "GET" && make("button", { type: "button", class: "btn end", onclick: () => this.run() }, "Run");
    this.element = make("article", { class: "route", id: this.id },
      make("div", { class: "stack" },
        make("div", { class: "row wrap" }, make("span", { class: `verb ${method}` }, this.method), make("h3", { class: "mono" }, path)),
        make("p", {}, described.summary ?? ""),
        described.description ? make("p", { class: "small soft" }, described.description.replaceAll("`", "")) : null,
        make("div", {}, ...parameters),
        make("p", { class: "tiny soft" }, needs ? `Needs: ${needs}` : "Needs no token")),
      make("div", { class: "stack" }, make("div", { class: "row" }, this.example.names, run), this.example.element, this.answer));
  }

  parameter({ name, in: where, description, schema }) {
    const known = where === "path" ? names[name] : schema?.enum;
    if (where === "path") this.values[name] = known?.[0] ?? name.toUpperCase();
    const change = (value) => { this.values[name] = value; this.example.change(this.languages()); };
    const label = where === "path" ? name : `?${name}=`;
    const field = known?.length
      ? make("select", { "aria-label": name, onchange: (event) => change(event.target.value) }, ...(where === "path" ? [] : [make("option", { value: "" }, "not given")]), ...known.map((one) => make("option", {}, one)))
      : make("input", { type: "text", "aria-label": name, onchange: (event) => change(event.target.value.trim()) });
    return make("div", { class: "param" }, make("code", {}, label), make("div", { class: "stack s" }, description ? make("span", { class: "soft" }, description) : null, field));
  }

  get address() {
    const path = this.path.slice(1).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(this.values[name] ?? name.toUpperCase()));
    const query = (this.described.parameters ?? []).filter((one) => one.in === "query" && this.values[one.name]).map((one) => `${one.name}=${encodeURIComponent(this.values[one.name])}`);
    return path + (query.length ? `?${query.join("&")}` : "");
  }

  languages() {
    const takesPicture = JSON.stringify(this.described.requestBody ?? {}).includes("image/*");
    const save = this.path.match(SAVED) ? `answer${this.path.match(SAVED)[0]}` : null;
    return inLanguages(this.method, absolute(this.address), { send: takesPicture ? "picture.jpg" : null, save, token: me.name && this.described.security?.length });
  }

  async run() {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), 8000);
    this.answer.replaceChildren(make("p", { class: "small soft" }, "Asking"));
    try {
      const answer = await fetch(this.address, { signal: stop.signal, cache: "no-store" });
      const type = answer.headers.get("Content-Type") ?? "";
      const head = [`${answer.status} ${type}`, ...[...answer.headers].filter(([name]) => name.startsWith("edge-")).map(([name, value]) => `${name}: ${value}`)].join("\n");
      this.answer.replaceChildren(make("pre", { class: "wrap", tabindex: 0 }, head), await content(answer, type));
    } catch (error) {
      this.answer.replaceChildren(make("p", { class: "small bad" }, error.name === "AbortError" ? "No answer within 8 s." : "No answer from edge-daemon."));
    } finally {
      clearTimeout(limit);
      stop.abort();
    }
  }
}

async function content(answer, type) {
  if (type.startsWith("image/")) {
    const image = make("img", { alt: "The answer: a picture", src: URL.createObjectURL(await answer.blob()) });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    return image;
  }
  if (type.startsWith("multipart/")) return make("p", { class: "small soft" }, "A stream of pictures, until the client leaves.");
  const words = await beginning(answer);
  const shown = type.includes("json") ? pretty(words) : words;
  return make("pre", { class: "wrap", tabindex: 0 }, shown.length > MOST ? `${shown.slice(0, MOST)}\n…` : shown);
}

// The first part of an answer, which may never end.
async function beginning(answer) {
  const [reader, decoder] = [answer.body.getReader(), new TextDecoder()];
  const isStream = (answer.headers.get("Content-Type") ?? "").includes("stream");
  let words = "";
  while (words.length < MOST * 4 && !(isStream && words)) {
    const { done, value } = await reader.read();
    if (done) break;
    words += decoder.decode(value, { stream: true });
  }
  reader.cancel();
  return words;
}

function pretty(words) {
  try { return JSON.stringify(JSON.parse(words), null, 1); } catch { return words; }
}

async function fill() {
  try {
    const [described, cameras, models] = await Promise.all([get("openapi.json"), get("api/cameras"), get("api/models"), identify()]);
    names = { camera: cameras.map((one) => one.name), model: models };
    draw(described);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return; // the status asks for the token
    main.replaceChildren(make("p", { class: "bad" }, "No answer from edge-daemon."));
  }
}

function draw({ paths, info }) {
  const groups = new Map();
  routes.length = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const tag = described.tags?.[0] ?? "more";
      if (!groups.has(tag)) groups.set(tag, []);
      const route = new Route(path, method, described);
      groups.get(tag).push(route);
      routes.push(route);
    }
  }
  const find = make("input", { type: "search", placeholder: "Find a route", "aria-label": "Find a route", oninput: () => filter(find.value.trim().toLowerCase()) });
  const toc = [...groups].flatMap(([tag, listed]) => [make("b", { "data-tag": tag }, sentence(tag)), ...listed.map((route) => (route.entry = make("a", { href: `docs#${route.id}`, onclick: (event) => jump(event, route) }, `${route.method} ${route.path}`)))]);
  main.replaceChildren(make("div", { class: "docs" }, make("nav", { class: "toc", "aria-label": "Routes" }, ...toc), make("div", { class: "stack l" },
    make("div", { class: "tool" }, make("h1", { tabindex: -1 }, "API"), make("span", { class: "soft small" }, `Version ${info.version}, made from `, make("a", { href: "openapi.json" }, "openapi.json"), ". Examples use this box's address."), make("label", { class: "in grow0 end" }, find)),
    token(),
    ...[...groups].map(([tag, listed]) => make("section", { class: "card", "data-tag": tag }, make("div", { class: "head" }, make("h2", {}, sentence(tag))), ...listed.map((route) => route.element))))));
  use({ "/": () => find.focus() });
}

function token() {
  const title = make("div", { class: "row" }, make("h2", {}, "Token"), me.name ? make("span", { class: "badge good" }, `logged in as ${me.role}`) : make("span", { class: "badge" }, "none is asked for"));
  return make("section", { class: "card pad stack" }, title, make("p", { class: "small" }, "Make one on the box, then send it with every request. This page sends its own."),
    command(`edge-daemon token\ncurl -H "Authorization: Bearer $TOKEN" ${absolute("api/status")}`));
}

function jump(event, route) {
  event.preventDefault();
  route.element.scrollIntoView();
  route.element.querySelector("h3").focus();
}

function filter(words) {
  for (const route of routes) {
    const fits = `${route.method} ${route.path} ${route.described.summary ?? ""}`.toLowerCase().includes(words);
    route.element.hidden = route.entry.hidden = !fits;
  }
  for (const section of main.querySelectorAll("section[data-tag]")) {
    section.hidden = !section.querySelector(".route:not([hidden])");
    main.querySelector(`.toc [data-tag="${section.dataset.tag}"]`).hidden = section.hidden;
  }
}

build(main, fill);
show("api", "API");
listen({ "?": help, ...Object.fromEntries(VIEWS.map(([, , href], index) => [String(index + 1), () => { location.href = href; }])) });
status.start();
fill();
