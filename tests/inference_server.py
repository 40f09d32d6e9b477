"""A small inference server (Open Inference Protocol over HTTP or gRPC) that runs an ONNX file, and can misbehave.

    python -m tests.inference_server MODEL.onnx [--port PORT] [--grpc] [--tls FOLDER] [--delay MS] [--all]

prints its address and serves until it is ended; each line that it reads is another delay. With --all it
listens at all addresses. It shares no code with edge-daemon: over gRPC it speaks the messages that tritonclient brings.
"""

import argparse
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

KINDS = {"tensor(float)": ("FP32", "<f4"), "tensor(uint8)": ("UINT8", "u1"), "tensor(int64)": ("INT64", "<i8")}
DATATYPES = {np.dtype(dtype): kind for kind, dtype in KINDS.values()}
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
    """Serves the model in a file, called `name`, over HTTP at a free port of this machine (`host`); with TLS if a
    folder has cert.pem and key.pem, and then only clients whose certificate is that of another folder.
    """

    def __init__(
        self,
        path: Path,
        name: str = "m",
        port: int = 0,
        tls: Path | None = None,
        clients: Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.name, self.behaviour, self._host = name, Behaviour(), host
        self._busy = threading.Lock()
        self._lines: list[socket.socket] = []
        self.load(path)
        self._open(port, tls, clients)

    def _open(self, port: int, tls: Path | None, clients: Path | None) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server.get(self)

            def do_POST(self) -> None:
                server.post(self)

        class Listener(ThreadingHTTPServer):
            def get_request(self) -> tuple[socket.socket, Any]:
                line, address = super().get_request()
                server._lines.append(line)  # here and not in its thread: close() must know each that was accepted
                return line, address

        self._http = Listener((self._host, port), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may go at any time
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients / "cert.pem")
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port = int(self._http.server_address[1])
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/{self.name}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def load(self, path: Path) -> None:
        """Serve another file."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def close(self) -> None:
        """End at once, as a process that is killed."""
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
        listed = [
            {
                "name": name,
                "datatype": DATATYPES[array.dtype],
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


class GrpcInferenceServer(InferenceServer):
    """The same over gRPC."""

    def _open(self, port: int, tls: Path | None, clients: Path | None) -> None:
        import grpc
        from tritonclient.grpc import service_pb2 as messages
        from tritonclient.grpc import service_pb2_grpc as services

        server = self

        class Servicer(services.GRPCInferenceServiceServicer):  # type: ignore[misc]
            def ModelReady(self, asked: Any, context: Any) -> Any:
                return messages.ModelReadyResponse(ready=asked.name == server.name)

            def ModelMetadata(self, asked: Any, context: Any) -> Any:
                if asked.name != server.name:
                    context.abort(grpc.StatusCode.NOT_FOUND, f"unknown: {asked.name}")
                return messages.ModelMetadataResponse(**server.metadata())

            def ModelInfer(self, asked: Any, context: Any) -> Any:
                if server.behaviour.error:
                    context.abort(grpc.StatusCode.INTERNAL, server.behaviour.error)
                kinds = dict(KINDS.values())
                feeds = {
                    one.name: np.frombuffer(raw, kinds[one.datatype]).reshape(one.shape)
                    for one, raw in zip(asked.inputs, asked.raw_input_contents, strict=True)
                }
                try:
                    outputs = server.run(feeds, [one.name for one in asked.outputs])
                except Exception as error:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
                made = messages.ModelInferResponse(model_name=server.name, model_version=server.behaviour.version)
                for name, array in outputs.items():
                    made.outputs.add(name=name, datatype=DATATYPES[array.dtype], shape=array.shape)
                    made.raw_output_contents.append(array.tobytes())
                return made

        options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        self._grpc = grpc.server(ThreadPoolExecutor(16), options=options)
        services.add_GRPCInferenceServiceServicer_to_server(Servicer(), self._grpc)
        place = f"{self._host}:{port}"
        if tls:
            pair = (tls / "key.pem").read_bytes(), (tls / "cert.pem").read_bytes()
            roots = (clients / "cert.pem").read_bytes() if clients else None
            credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=clients is not None)
            self.port = self._grpc.add_secure_port(place, credentials)
        else:
            self.port = self._grpc.add_insecure_port(place)
        self.url = f"{'grpcs' if tls else 'grpc'}://localhost:{self.port}/{self.name}"
        self._grpc.start()

    def close(self) -> None:
        """End at once, as a process that is killed."""
        self._grpc.stop(None).wait()


@contextmanager
def serving(
    path: Path, name: str = "m", kind: type[InferenceServer] = InferenceServer, **more: Any
) -> Iterator[InferenceServer]:
    """A server while the block runs."""
    server = kind(path, name, **more)
    try:
        yield server
    finally:
        server.close()


class Spawned:
    """A server in a process of its own, at a port that it keeps when it is started again; in another network if
    `inside` leads there.
    """

    def __init__(
        self,
        model: Path | str,
        *,
        delay_ms: float = 0.0,
        tls: Path | None = None,
        grpc: bool = False,
        inside: Sequence[str] = (),
    ) -> None:
        self._grpc, self._inside, self.port = grpc, inside, 0
        self.start(model, delay_ms=delay_ms, tls=tls)

    def start(self, model: Path | str, *, delay_ms: float = 0.0, tls: Path | None = None) -> None:
        """Start it, once it has been killed, maybe with another model or another certificate."""
        command = [*self._inside, sys.executable, "-m", "tests.inference_server", str(model), "--port", str(self.port)]
        command += ["--delay", str(delay_ms)] + ["--grpc"] * self._grpc + ["--all"] * bool(self._inside)
        command += ["--tls", str(tls)] if tls else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def delay(self, ms: float) -> None:
        """Have it take longer for each answer."""
        assert self.process.stdin
        print(ms, file=self.process.stdin, flush=True)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.communicate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--grpc", action="store_true")
    parser.add_argument("--tls", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    host = "0.0.0.0" if asked.all else "127.0.0.1"
    kind = GrpcInferenceServer if asked.grpc else InferenceServer
    running = kind(asked.model, port=asked.port, tls=asked.tls, host=host)
    running.behaviour.delay_s = asked.delay / 1e3
    print(running.url, flush=True)
    for line in sys.stdin:
        running.behaviour.delay_s = float(line) / 1e3
    threading.Event().wait()
