"""A small inference server (Open Inference Protocol over HTTP) that runs an ONNX file, and can misbehave.

`python -m tests.inference_server MODEL.onnx PORT [DELAY_MS]` serves until it is ended; port 0 takes any free one.
It is a server of its own, from the protocol's description: it shares no code with edge-daemon.
"""

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

KINDS = {"tensor(float)": ("FP32", "<f4"), "tensor(uint8)": ("UINT8", "u1"), "tensor(int64)": ("INT64", "<i8")}
LENGTH = "Inference-Header-Content-Length"


@dataclass
class Behaviour:
    """What the server does besides answering: changed by tests while it runs."""

    version: str = "1"
    delay_s: float = 0.0
    """Time before each answer, as of a slow model; requests wait for one another."""
    distance_s: float = 0.0
    """Time before each answer, as of a distant network; requests do not wait for one another."""
    error: str = ""
    """Answer to each request instead of outputs."""
    spoil: Callable[[str, NDArray[Any]], NDArray[Any]] = lambda name, array: array
    token: str | None = None
    asked: list[float] = field(default_factory=list)


class InferenceServer:
    """Serves the model in a file, called `name`, at a free port of this machine."""

    def __init__(self, path: Path, name: str = "m", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.name, self.behaviour = name, Behaviour()
        self._busy = threading.Lock()
        self._lines: set[socket.socket] = set()
        self.load(path)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                pass

            def setup(self) -> None:
                super().setup()
                server._lines.add(self.connection)

            def do_GET(self) -> None:
                server.get(self)

            def do_POST(self) -> None:
                server.post(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may go at any time
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self.port}/{self.name}"

    def load(self, path: Path) -> None:
        """Serve another file."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def close(self) -> None:
        """End as if it were killed."""
        self._http.shutdown()
        self._http.server_close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def metadata(self) -> dict[str, Any]:
        def listed(tensors: Any) -> list[dict[str, Any]]:
            return [
                {
                    "name": one.name,
                    "datatype": KINDS[one.type][0],
                    "shape": [axis if isinstance(axis, int) else -1 for axis in one.shape],
                }
                for one in tensors
            ]

        inputs, outputs = listed(self._session.get_inputs()), listed(self._session.get_outputs())
        return {"name": self.name, "versions": [self.behaviour.version], "inputs": inputs, "outputs": outputs}

    def run(self, feeds: dict[str, NDArray[Any]], wanted: list[str] | None) -> dict[str, NDArray[Any]]:
        self.behaviour.asked.append(time.monotonic())
        names = wanted or [one.name for one in self._session.get_outputs()]
        with self._busy:
            time.sleep(self.behaviour.delay_s)
            made = self._session.run(names, feeds)
        time.sleep(self.behaviour.distance_s)
        return {name: self.behaviour.spoil(name, array) for name, array in zip(names, made, strict=True)}

    def get(self, request: BaseHTTPRequestHandler) -> None:
        time.sleep(self.behaviour.distance_s)
        if not self._may(request):
            return self._send(request, 401, {"error": "token needed"})
        if request.path == f"/v2/models/{self.name}":
            return self._send(request, 200, self.metadata())
        if request.path == f"/v2/models/{self.name}/ready":
            return self._send(request, 200, {})
        return self._send(request, 404, {"error": f"unknown: {request.path}"})

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if not self._may(request):
            return self._send(request, 401, {"error": "token needed"})
        if self.behaviour.error:
            return self._send(request, 500, {"error": self.behaviour.error})
        at = int(request.headers.get(LENGTH, len(body)))
        head, feeds = json.loads(body[:at]), {}
        for one in head["inputs"]:
            size, kind = one["parameters"]["binary_data_size"], dict(KINDS.values())[one["datatype"]]
            feeds[one["name"]] = np.frombuffer(body[at : at + size], kind).reshape(one["shape"])
            at += size
        try:
            outputs = self.run(feeds, [one["name"] for one in head.get("outputs", [])])
        except Exception as error:
            return self._send(request, 400, {"error": str(error)})
        kinds = {np.dtype(dtype): kind for kind, dtype in KINDS.values()}
        listed = [
            {
                "name": name,
                "datatype": kinds[array.dtype],
                "shape": array.shape,
                "parameters": {"binary_data_size": array.nbytes},
            }
            for name, array in outputs.items()
        ]
        answer = {"model_name": self.name, "model_version": self.behaviour.version, "outputs": listed}
        return self._send(request, 200, answer, b"".join(array.tobytes() for array in outputs.values()))

    def _may(self, request: BaseHTTPRequestHandler) -> bool:
        token = self.behaviour.token
        return token is None or request.headers.get("Authorization") == f"Bearer {token}"

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, answer: object, blobs: bytes = b"") -> None:
        head = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(head) + len(blobs)))
        if blobs:
            request.send_header(LENGTH, str(len(head)))
        request.end_headers()
        request.wfile.write(head + blobs)


@contextmanager
def serving(path: Path, name: str = "m", **more: Any) -> Iterator[InferenceServer]:
    """A server while the block runs."""
    server = InferenceServer(path, name, **more)
    try:
        yield server
    finally:
        server.close()


if __name__ == "__main__":
    running = InferenceServer(Path(sys.argv[1]), port=int(sys.argv[2]))
    running.behaviour.delay_s = float(sys.argv[3]) / 1e3 if sys.argv[3:] else 0.0
    print(running.url, flush=True)
    threading.Event().wait()
