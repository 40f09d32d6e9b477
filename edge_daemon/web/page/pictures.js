// Plain pictures of the cameras that are in view, over one WebSocket.
import { absolute } from "./api.js";

const AGAIN_MS = 1000;
const SETTLE_MS = 80;
const WIDTHS = [160, 320, 640, 1280, 1920];

// The width to ask for: of a few sizes, which viewers share. A picture may be enlarged by a quarter.
export function stepped(width) {
  return WIDTHS.find((one) => one * 1.25 >= width) ?? WIDTHS.at(-1);
}

export class Pictures {
  constructor(receive) {
    this.receive = receive;
    this.wish = {};
    document.addEventListener("visibilitychange", () => this.settle());
  }

  // `wish`: width by camera; the whole of what is in view.
  want(wish) {
    this.wish = wish;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), SETTLE_MS);
  }

  settle() {
    const wish = document.hidden ? {} : this.wish;
    const sent = JSON.stringify({ cameras: wish });
    if (!Object.keys(wish).length) {
      this.socket?.close();
      this.socket = null;
      return;
    }
    if (!this.socket) this.open();
    else if (this.socket.readyState === WebSocket.OPEN && this.sent !== sent) {
      this.sent = sent;
      this.socket.send(sent);
    }
  }

  open() {
    const socket = this.socket = new WebSocket(absolute("api/pictures").replace(/^http/, "ws"));
    socket.binaryType = "arraybuffer";
    this.sent = null;
    socket.addEventListener("open", () => { if (this.socket === socket) this.settle(); });
    socket.addEventListener("message", ({ data }) => { if (this.socket === socket && data instanceof ArrayBuffer) this.unpack(data); });
    socket.addEventListener("close", () => {
      if (this.socket !== socket) return;
      this.socket = null;
      setTimeout(() => { if (!this.socket) this.settle(); }, AGAIN_MS);
    });
  }

  unpack(data) {
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    if (!Object.hasOwn(this.wish, header.camera)) return; // sent before another view was opened
    this.receive({ ...header, blob: new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }) });
  }
}
