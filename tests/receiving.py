"""A receiver on this machine: a web server that keeps what it is sent, and answers as a test asks for."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import msgspec


@dataclass(frozen=True)
class Received:
    """A request; the names of its headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def parts(self) -> dict[str, tuple[str, Any, str | None]]:
        """The parts of a form, in order: media type, content and name of the file."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        found = message_from_bytes(head + self.body, policy=policy.HTTP)
        return {
            str(part.get_param("name", header="content-disposition")): (
                part.get_content_type(),
                part.get_payload(decode=True),
                part.get_filename(),
            )
            for part in found.iter_parts()
        }


@dataclass
class Answering:
    """How a receiver answers: status, headers and body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Judge = Callable[[Received], Answering]


def _accept(_: Received) -> Answering:
    return Answering()


class HttpReceiver:
    """Listens at a port, and keeps all requests; `judge` answers them. What was answered by 2xx is `accepted`. With a
    `context` it speaks TLS.
    """

    def __init__(self, judge: Judge = _accept, context: ssl.SSLContext | None = None) -> None:
        self.judge, self._context = judge, context
        self.requests: list[Received] = []
        self.accepted: list[Received] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # the connection was cut
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.take(Received(self.path, headers, body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_PUT = do_POST

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            connections: ClassVar[set[Any]] = set()

            def process_request(self, request: Any, client_address: Any) -> None:
                self.connections.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request: Any) -> None:
                self.connections.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that leaves early is no error here."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self._context:
            self._server.socket = self._context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and cut all connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            for connection in list(self._server.connections):  # type: ignore[attr-defined]
                with suppress(OSError):  # it is closed already
                    connection.shutdown(socket.SHUT_RDWR)
            self._server = None

    def take(self, request: Received) -> Answering:
        answer = self.judge(request)
        with self._lock:
            self.requests.append(request)
            if 200 <= answer.status < 300:
                self.accepted.append(request)
        return answer


@contextmanager
def receiving(judge: Judge = _accept) -> Iterator[HttpReceiver]:
    """A receiver that listens."""
    receiver = HttpReceiver(judge)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
