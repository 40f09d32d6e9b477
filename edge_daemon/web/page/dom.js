// Makes elements. Values become text or attributes: nothing is ever parsed as HTML.

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  return drawn("svg", { class: "i", "aria-hidden": "true" }, drawn("use", { href: `page/icons.svg#${name}` }));
}

// A button with an icon; `words` are only spoken, or `shown` beside it where there is room.
export function button(name, words, act, { shown = false, ...attributes } = {}) {
  const label = shown && make("span", { class: "hide-s" }, words);
  return make("button", { type: "button", class: shown ? "btn" : "btn icon", "aria-label": words, title: shown ? null : words, onclick: act, ...attributes }, icon(name), label);
}

export function dot(kind) {
  return make("i", { class: `dot ${kind}`, "aria-hidden": "true" });
}

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function attribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// Replaces the children of an element, but only if what they show has changed.
export function renew(element, shown, children) {
  const key = JSON.stringify(shown);
  if (element.dataset.shown === key) return false;
  element.dataset.shown = key;
  element.replaceChildren(...children());
  return true;
}

// One button of a group is pressed; `choose` receives its value.
export function choice(label, options, chosen, choose, attributes = {}) {
  const group = make("span", { class: "seg", role: "group", "aria-label": label, ...attributes });
  const press = (value) => {
    for (const one of group.children) one.setAttribute("aria-pressed", String(one.dataset.value === value));
  };
  for (const [value, ...content] of options) {
    group.append(make("button", { type: "button", "data-value": value, onclick: () => { press(value); choose(value); } }, ...content));
  }
  group.press = press;
  press(chosen);
  return group;
}

// An empty state: a title and a sentence where there is nothing to show; `level` is the level of its heading.
export function blank(level, name, title, sentence, ...more) {
  return make("div", { class: "card blankslate" }, icon(name), make(level, { class: "title", tabindex: level === "h1" ? -1 : null }, title), make("p", { class: "small soft" }, sentence), ...more);
}

export function note(sentence, kind = "") {
  return make("div", { class: `note ${kind}` }, icon(kind === "good" ? "check" : "warn"), make("span", {}, ...[sentence].flat()));
}

export function card(title, ...content) {
  return make("section", { class: "card" }, make("div", { class: "head" }, make("h2", {}, ...[title].flat())), ...content);
}

// A choice that the browser remembers.
export const memory = {
  get(name, otherwise = null) {
    try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* private windows keep nothing */ }
  },
};
