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
from edge_daemon.capture.http_auth import answer, challenges
from edge_daemon.capture.rtsp import challenge_headers, connect_rtsp, describe
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


class RtspGateway:
    """Passes an RTSP session on to the server of `url`, and answers its question for the password: FFmpeg knows no
    SHA-256. Over TLS if `url` is rtsps, and then only if the certificate is accepted.
    """

    def __init__(self, url: Url, trust: Trust, timeout_s: float) -> None:
        self._url, self._trust, self._timeout_s = url, trust, timeout_s
        self._gateway = Gateway(self._serve)
        self.close, self.address = self._gateway.close, self._gateway.address

    def _serve(self, line: socket.socket) -> None:
        url = self._url
        with connect_rtsp(url, self._trust, self._timeout_s) as camera:
            _, head = describe(camera, url)
            offered = challenges(challenge_headers(head))
            count = 0

            def passed_on(request: bytes) -> bytes:
                nonlocal count
                first, _, rest = request.partition(b"\r\n")
                method, target, version = first.split(b" ", 2)
                target = target.replace(b"rtsp://" + self.address.encode(), url.server.encode())
                count += 1
                given = answer(offered, method.decode(), target.decode(), url.user or "", url.password, count)
                told = f"Authorization: {given}\r\n".encode() if given and url.user is not None else b""
                return b" ".join((method, target, version)) + b"\r\n" + told + rest

            pump(line, camera, Requests(passed_on).feed)


class Requests:
    """Splits what an RTSP client sends into requests, each of which `changed` changes, and binary data (RFC 2326,
    section 10.12).
    """

    def __init__(self, changed: Callable[[bytes], bytes]) -> None:
        self._changed, self._buffer = changed, b""

    def feed(self, data: bytes) -> bytes:
        """Take in bytes, and give those that are to be sent."""
        self._buffer += data
        given = b""
        while self._buffer:
            binary = self._buffer.startswith(b"$")
            end = 4 + int.from_bytes(self._buffer[2:4], "big") if binary else self._buffer.find(b"\r\n\r\n") + 4
            if end < 4 or len(self._buffer) < max(end, 4):
                break
            part, self._buffer = self._buffer[:end], self._buffer[end:]
            given += part if binary else self._changed(part)
        return given


def pump(one: socket.socket, other: socket.socket, changed: Callable[[bytes], bytes] = lambda data: data) -> None:
    """Pass bytes on in both directions, those of `one` as `changed`, until one side ends."""
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
                target.sendall(changed(data) if source is one else data)
                if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                    break
