"""An HTTP camera on this machine, as it behaves and misbehaves."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf

import cv2
import numpy as np


def jpeg(value: int, width: int = 160, height: int = 120) -> bytes:
    """A picture of one grey."""
    return bytes(cv2.imencode(".jpg", np.full((height, width, 3), value, np.uint8))[1])


@dataclass
class HttpCamera:
    """Sends `pictures` over and over, `pause_s` apart, until `gone`; with `lengths` it tells how long each is.

    `user` and `password` are asked for if there are any; `status` is answered instead of pictures if it is not 200.
    `viewers` is how many look at the moment.
    After `silent_after` pictures it leaves the connection open and sends no more.
    """

    pictures: list[bytes]
    lengths: bool = True
    pause_s: float = 0.02
    credentials: str = ""
    status: int = 200
    kind: str = "multipart/x-mixed-replace; boundary=frame"
    silent_after: float = inf
    gone: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    viewers: int = 0

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials}{'@' if credentials else ''}127.0.0.1:{self.port}/video"


@contextmanager
def serving(camera: HttpCamera) -> Iterator[HttpCamera]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = "Basic " + base64.b64encode(camera.credentials.encode()).decode()
            if camera.credentials and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(camera.status)
            self.send_header("Content-Type", camera.kind)
            self.end_headers()
            number = 0
            camera.viewers += 1
            try:
                while camera.status == 200 and not camera.gone.wait(camera.pause_s):
                    if number >= camera.silent_after:
                        continue
                    picture = camera.pictures[number % len(camera.pictures)]
                    number += 1
                    length = f"Content-Length: {len(picture)}\r\n" if camera.lengths else ""
                    self.wfile.write(
                        f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + picture + b"\r\n"
                    )
            except OSError:
                return
            finally:
                camera.viewers -= 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", camera.port), Handler)
    camera.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield camera
    finally:
        camera.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
