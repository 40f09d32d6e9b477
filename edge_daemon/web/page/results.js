// Messages as they come, of all cameras or of one: results, unless other kinds are asked for.

const AGAIN_MS = 2000;

export class Results {
  // `receive`: functions by kind of message (`message` for results).
  constructor(receive, path = "api/results") {
    [this.receive, this.path] = [receive, path];
    this.query = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
  }

  // `cameras`: names; null for all.
  watch(cameras) {
    const query = cameras ? `?${cameras.map((name) => `camera=${encodeURIComponent(name)}`).join("&")}` : "";
    if (query === this.query && this.source) return;
    this.query = query;
    this.close();
    this.open();
  }

  stop() {
    this.query = null;
    this.close();
  }

  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
  }

  open() {
    if (this.query === null || this.source || document.hidden) return;
    const source = this.source = new EventSource(this.path + this.query);
    for (const [kind, receive] of Object.entries(this.receive)) source.addEventListener(kind, (event) => receive(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (source !== this.source || source.readyState !== EventSource.CLOSED) return; // the browser tries again itself
      this.close();
      this.timer = setTimeout(() => this.open(), AGAIN_MS);
    });
  }
}
