"""A web server on this machine that serves files, with the faults that a test asks for."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT_S = 30.0


@dataclass
class Files:
    """What is served, how, and who asked.

    `cuts` holds for each answer to come after how many bytes of its body the connection breaks; `statuses` the
    status of each answer to come that is no file. An answer stops half way until `gate` is set.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    tells_length: bool = True
    range_shift: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    half_way: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str) -> str:
        """The address of a file."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    files: Files

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `requests`."""

    def do_CONNECT(self) -> None:
        """Refuse, as a proxy may do."""
        self.server.files.requests.append((self.path, None))
        self.server.files.authorizations.append(self.headers.get("Proxy-Authorization"))
        self._empty(403)

    def do_GET(self) -> None:
        files = self.server.files
        asked = self.headers.get("Range")
        files.requests.append((self.path, asked))
        files.authorizations.append(self.headers.get("Authorization"))
        if files.statuses:
            self._empty(files.statuses.pop(0))
        elif target := files.redirects.get(self.path):
            self._empty(302, Location=target)
        elif (content := files.contents.get(self.path)) is None:
            self._empty(404)
        else:
            self._file(content, asked if files.knows_ranges else None)

    def _empty(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, content: bytes, asked: str | None) -> None:
        files, start = self.server.files, 0
        if asked:
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + files.range_shift
            if start >= len(content):
                self._empty(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        if files.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if files.cuts:
            self.wfile.write(body[: files.cuts.pop(0)])
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        files.half_way.set()
        files.gate.wait(WAIT_S)
        self.wfile.write(body[half:])


@contextmanager
def serving(files: Files, tls: ssl.SSLContext | None = None) -> Iterator[Files]:
    """Serve on a free port of this machine until the end of the block."""
    files.gate.set()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls:
            server.socket, files.scheme = tls.wrap_socket(server.socket, server_side=True), "https"
        server.files, files.port = files, server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="file server")
        thread.start()
        try:
            yield files
        finally:
            files.gate.set()
            server.shutdown()
            thread.join()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
