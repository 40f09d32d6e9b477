"""The way to a camera for FFmpeg, which connects wherever a playlist or a redirect leads, and accepts any certificate.

FFmpeg connects to this process instead, which connects to the camera alone.
"""

import logging
import os
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from edge_daemon.capture.http import Url
from edge_daemon.capture.tls import Trust

logger = logging.getLogger(__name__)
CHUNK, MAX_HEAD = 1 << 16, 1 << 16
_REQUEST = re.compile(rb"([A-Z]{1,20}) (\S+) (HTTP/1\.[01]\r\n)")
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONNECTED = b"HTTP/1.1 200 Connected\r\n\r\n"


class Gateway:
    """Accepts connections on the loopback interface, each of which is passed on by `serve` in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lines: set[socket.socket] = set()
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, name="gateway", daemon=True).start()

    def close(self) -> None:
        """Accept no more, and end all connections."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                threading.Thread(target=self._handle, args=(line,), name="gateway", daemon=True).start()

    def _handle(self, line: socket.socket) -> None:
        self._lines.add(line)
        with line, suppress(OSError):
            self._serve(line)
        self._lines.discard(line)


class HttpGateway:
    """An HTTP proxy to the server of `url` alone. Requests for it are made over TLS if `url` is https."""

    def __init__(self, url: Url, trust: Trust, timeout_s: float) -> None:
        self._url, self._trust, self._timeout_s = url, trust, timeout_s
        os.environ.pop("no_proxy", None)  # by which FFmpeg would pass it by
        self._gateway = Gateway(self._serve)
        self.close = self._gateway.close
        self.proxy = f"http://{self._gateway.address}"

    def _serve(self, line: socket.socket) -> None:
        line.settimeout(self._timeout_s)
        head = b""
        while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
            if not (some := line.recv(CHUNK)):
                return
            head += some
        request = _REQUEST.match(head)
        if request is None:
            return
        method, target = request[1], request[2].decode("latin-1")
        tunnel = method == b"CONNECT"
        to = Url(f"http://{target}" if tunnel else target)
        own = self._trust == Trust() or not tunnel
        if (to.host, to.port) != (self._url.host, self._url.port) or not own:
            logger.warning("the camera refers to %s:%d, another server, which is not asked", to.host, to.port)
            line.sendall(_REFUSED)
            return
        with self._connect(plain=tunnel) as camera:
            if tunnel:
                line.sendall(_CONNECTED)
            else:
                camera.sendall(b"%s %s %s" % (method, to.target.encode("latin-1"), request[3]) + head[request.end() :])
            pump(line, camera)

    def _connect(self, *, plain: bool) -> socket.socket:
        host, port = self._url.host, self._url.port
        if self._url.scheme == "https" and not plain:
            return self._trust.connect(host, port, self._timeout_s)
        return socket.create_connection((host, port), self._timeout_s)


class TlsGateway:
    """Passes all bytes on to a server over TLS, if its certificate is accepted."""

    def __init__(self, host: str, port: int, trust: Trust, timeout_s: float) -> None:
        self._gateway = Gateway(lambda line: self._serve(line, host, port, trust, timeout_s))
        self.close, self.address = self._gateway.close, self._gateway.address

    @staticmethod
    def _serve(line: socket.socket, host: str, port: int, trust: Trust, timeout_s: float) -> None:
        with trust.connect(host, port, timeout_s) as camera:
            pump(line, camera)


def pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on in both directions until one side ends."""
    poller = select.poll()
    for line in (one, other):
        line.settimeout(None)
        poller.register(line, select.POLLIN)
    pairs = {one.fileno(): (one, other), other.fileno(): (other, one)}
    while True:
        for fd, _ in poller.poll():
            source, target = pairs[fd]
            while True:
                if not (data := source.recv(CHUNK)):
                    return
                target.sendall(data)
                if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                    break
