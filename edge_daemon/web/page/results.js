// Results as they come, of all cameras or of one.

const AGAIN_MS = 2000;

export class Results {
  constructor(receive) {
    this.receive = receive;
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
    const source = this.source = new EventSource(`api/results${this.query}`);
    source.addEventListener("message", (event) => {
      const result = JSON.parse(event.data);
      if (result.type === "result") this.receive(result);
    });
    source.addEventListener("error", () => {
      if (source !== this.source || source.readyState !== EventSource.CLOSED) return; // the browser tries again itself
      this.close();
      this.timer = setTimeout(() => this.open(), AGAIN_MS);
    });
  }
}
