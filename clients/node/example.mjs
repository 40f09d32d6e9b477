// Prints every result: npm install && node example.mjs [ADDRESS [CAMERA ...]]
import { Subscriber } from "zeromq"

const [address = "tcp://127.0.0.1:5555", ...cameras] = process.argv.slice(2)
const socket = new Subscriber()
socket.connect(address)
// The slash keeps camera 1 from receiving camera 10; "result/" alone is every camera.
socket.subscribe(...(cameras.length ? cameras.map((camera) => `result/${camera}/`) : ["result/"]))

for await (const [, header] of socket) {
  /** @type {import("./messages.js").Result | import("./messages.js").End} */
  const message = JSON.parse(header.toString())
  if (message.type === "end") {
    console.log(message.camera, "has ended:", message.delivered, "results")
  } else {
    console.log(message.camera, message.seq, ...message.detections.map((found) => found.class_name))
  }
}
