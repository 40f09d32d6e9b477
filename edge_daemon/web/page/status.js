// Asks for the status once a second, and says when no answer has come for too long.
import { Refused, get } from "./api.js";

const EVERY_MS = 1000;
const LOST_MS = 3000;
const LOST_EVERY_MS = 2000;
const TICK_MS = 250;

class Status {
  constructor() {
    this.value = null; // the newest status
    this.lost = null; // seconds without an answer, once they are too many
    this.seen = new Date();
    this.isRefused = false;
    this.listeners = new Set();
    this.answered = performance.now();
    this.watched = 0; // when the page was brought to the front: before, it asked rarely
    this.due = 0;
  }

  // `listener` is called for each status, and each second while there is none.
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start() {
    this.poll();
    setInterval(() => this.tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => {
      this.watched = performance.now();
      if (!document.hidden) this.tryNow();
    });
  }

  // The time of the daemon's clock now, in ms.
  get now() {
    const at = Date.parse(this.value?.at);
    return Number.isFinite(at) ? at + performance.now() - this.answered : Date.now();
  }

  // Seconds until the next attempt; null while one is under way.
  get next() {
    return this.asking ? null : Math.max(0, Math.ceil((this.due - performance.now()) / 1000));
  }

  tryNow() {
    if (this.asking) return;
    clearTimeout(this.timer);
    this.poll();
  }

  async poll() {
    this.asking = true;
    try {
      const value = await get("api/status");
      this.isRefused = false;
      // A status that does not change comes from a daemon whose sink has stopped.
      if (value.at !== this.value?.at) {
        [this.answered, this.seen, this.value] = [performance.now(), new Date(), value];
        this.settle();
      }
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        this.answered = performance.now();
        this.isRefused = true;
        this.settle();
      }
    }
    this.asking = false;
    const wait = document.hidden ? EVERY_MS * 10 : this.lost === null ? EVERY_MS : LOST_EVERY_MS;
    this.due = performance.now() + wait;
    this.timer = setTimeout(() => this.poll(), wait);
  }

  settle() {
    const was = this.lost;
    this.lost = null;
    this.tell(was);
  }

  tick() {
    const now = performance.now();
    const isLost = !document.hidden && now - Math.max(this.answered, this.watched) > LOST_MS;
    const lost = isLost ? Math.round((now - this.answered) / 1000) : null;
    const shown = `${lost} ${this.next}`;
    if (lost === null || shown === this.shown) return;
    [this.lost, this.shown] = [lost, shown];
    this.tell(null);
  }

  tell(back) {
    for (const listener of [...this.listeners]) listener(this, back);
  }
}

export const status = new Status();
