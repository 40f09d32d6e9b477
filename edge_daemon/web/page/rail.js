// What needs attention: cameras that are down, stalled or frozen, with reason, remedy and next try.
import { attribute, dot, make, text } from "./dom.js";
import { TROUBLE, explained, kindOf, stateInWords } from "./states.js";
import { cameraAddress } from "./router.js";
import { clock } from "./words.js";

class Trouble {
  constructor(name) {
    this.dot = dot("down");
    this.state = make("span", { class: "end soft tiny nw" });
    this.why = make("p");
    this.next = make("p", { class: "soft tiny" });
    this.element = make("div", { class: "att" },
      make("div", { class: "row" }, this.dot, make("a", { class: "b cut", href: cameraAddress(name) }, name), this.state), this.why, this.next);
  }

  update(camera, status) {
    const kind = kindOf(camera);
    attribute(this.dot, "class", `dot ${kind}`);
    attribute(this.element, "class", kind === "down" ? "att" : "att warn0");
    const { why, next } = explained(camera);
    text(this.state, stateInWords(camera, status.lost === null ? status.now : Date.parse(status.value.at)));
    text(this.why, why);
    text(this.next, status.lost === null ? next : `State of ${clock(status.seen)}`);
  }
}

export class Rail {
  constructor() {
    this.title = make("h2");
    this.number = make("span", { class: "badge bad end" });
    this.list = make("div", { class: "attwrap" });
    this.element = make("aside", { class: "rail", "aria-label": "Now", hidden: true },
      make("section", { class: "card" }, make("div", { class: "head" }, this.title, this.number), this.list));
    this.troubles = new Map();
  }

  update(status) {
    const troubled = Object.entries(status.value.cameras).filter(([, camera]) => TROUBLE.includes(kindOf(camera)));
    troubled.sort((a, b) => TROUBLE.indexOf(kindOf(a[1])) - TROUBLE.indexOf(kindOf(b[1])));
    const names = new Set(troubled.map(([name]) => name));
    for (const [name, one] of this.troubles) {
      if (names.has(name)) continue;
      one.element.remove();
      this.troubles.delete(name);
    }
    for (const [name, camera] of troubled) {
      if (!this.troubles.has(name)) {
        const one = new Trouble(name);
        this.troubles.set(name, one);
        this.list.append(one.element);
      }
      this.troubles.get(name).update(camera, status);
    }
    this.element.hidden = !troubled.length;
    text(this.title, status.lost === null ? "Needs attention" : `At ${clock(status.seen)}`);
    text(this.number, String(troubled.length));
    this.number.classList.toggle("bad", status.lost === null);
  }
}
