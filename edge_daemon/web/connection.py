"""uvicorn's HTTP connection, with limits on what surrounds a body, and on the slowness of clients."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from edge_daemon.web.connections import ANSWER, BODY, HEAD, Connections, Pace, Phase
from edge_daemon.web.guard import ABANDON
from edge_daemon.web.rejections import Rejections

if TYPE_CHECKING:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_HEAD = 32 << 10
"""Maximum size of a request's head, and of all that surrounds the chunks of its body, in bytes."""
MAX_FIELDS = 100
MAX_PIPELINED = 16
PIECE = 8 << 10
BYTES_ACKED = struct.Struct("=120xQ")
"""In tcp_info (linux/tcp.h): bytes that the client's system has confirmed."""


class _RejectedError(Exception):
    """A request that cannot be parsed or has too much besides its body; `status` is the HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Connection(HttpToolsProtocol):
    """A connection to the client at the other end of `link`, among all `connections`."""

    def __init__(
        self,
        server: uvicorn.Server,
        link: socket.socket,
        address: str,
        connections: Connections["Connection"],
        rejections: Rejections,
    ) -> None:
        super().__init__(server.config, server.server_state, server.lifespan.state)
        self.opening: asyncio.Task[None] | None = None
        """The task that opens this connection, which takes as long as TLS's handshake."""
        self._link, self._address = link, address
        self._connections, self._rejections = connections, rejections
        self._pace = Pace()
        self._socket: WebSocketsSansIOProtocol | None = None
        """The WebSocket that this connection has become."""
        self._requests = 0
        self._in_head = True
        self._received = self._head = self._fields = self._body = 0
        """Of this request: bytes received, bytes of its head, fields of its head, bytes of its body."""

    def check(self, now: float) -> None:
        """Close the connection of a client that is too slow."""
        phase = self._phase()
        if not self._pace.is_late(phase, self._requests, self._progress(phase), now):
            return
        if phase is HEAD and not self._received:  # nothing but waiting: browsers open connections in advance
            self.abort()
        elif phase:
            self._rejections.add(f"slow {phase.name}", self._address)
            self._reject(phase.status, phase.why)

    def abort(self) -> None:
        """Close the connection at once."""
        if self.cycle:
            self.cycle.disconnected = True
        if self.transport:
            self.transport.abort()
        elif self.opening:
            self.opening.cancel()
            with contextlib.suppress(OSError):  # uvloop would wait until the client ends TLS
                self._link.shutdown(socket.SHUT_RDWR)
            self._link.close()

    def _phase(self) -> Phase | None:
        """The phase in which the client is waited for; None if it is not."""
        if self.transport.is_closing() or self.flow.write_paused:
            return ANSWER
        if self._socket:
            return None
        if self.cycle is None or self.cycle.response_complete:
            return HEAD
        if self.cycle.more_body and not self.flow.read_paused and not self.cycle.waiting_for_100_continue:
            return BODY
        return None

    def _progress(self, phase: Phase | None) -> int:
        """Bytes that the client has sent or taken."""
        if phase is not ANSWER:
            return self._body
        try:
            info = self._link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED.size)
        except OSError:  # closed by now
            return 0
        (acknowledged,) = BYTES_ACKED.unpack(info)
        return int(acknowledged)

    def _reject(self, status: int, why: str) -> None:
        """Answer that the request is rejected, if it can still be answered, and close the connection."""
        is_answering = self.pipeline or (
            self.cycle and self.cycle.response_started and not self.cycle.response_complete
        )
        if not status or is_answering or self.transport.is_closing():
            self.abort()
            return
        body = json.dumps({"detail": why}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    # what the transport reports

    def connection_lost(self, exc: Exception | None) -> None:
        """Release what the connection holds."""
        self._connections.close(self)
        if self._socket:
            self._socket.connection_lost(exc)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to take what is sent."""
        super().pause_writing()
        if self._socket:
            self._socket.pause_writing()

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        if self._socket:
            self._socket.resume_writing()

    def shutdown(self) -> None:
        """End, since the server does."""
        if self._socket:
            self._socket.shutdown()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse bytes. A client that asks for an upgrade to anything but a WebSocket is answered as if it did not."""
        if self._socket:
            self._socket.data_received(data)
            return
        self._unset_keepalive_if_required()
        try:
            for piece in self._pieces(memoryview(data)):
                self._parse(piece)
        except (httptools.HttpParserError, _RejectedError) as error:
            cause = error if isinstance(error, _RejectedError) else error.__context__
            if not isinstance(cause, _RejectedError):
                cause = _RejectedError(400, "this is not an HTTP request")
            self._rejections.add("malformed request" if cause.status == 400 else "oversized head", self._address)
            self._reject(cause.status, str(cause))

    def _parse(self, piece: memoryview) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket. This object stays the transport's protocol, for the limits that it imposes."""
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol  # on first use

        if self.cycle and not self.cycle.response_complete:
            raise _RejectedError(400, "a WebSocket cannot be opened while another request is answered")
        socket = WebSocketsSansIOProtocol(self.config, self.server_state, self.app_state | {ABANDON: self.abort})
        socket.connections = set()  # this object is listed
        socket.connection_made(self.transport)
        lines = [b"GET %b HTTP/1.1" % self.url, *(b"%b: %b" % field for field in self.headers), b"", b""]
        if self.scope["method"] == "GET":
            socket.data_received(b"\r\n".join(lines))
        if not socket.handshake_initiated:
            raise _RejectedError(400, "this is not the beginning of a WebSocket (RFC 6455)")
        self._socket = socket

    def _pieces(self, view: memoryview) -> Iterator[memoryview]:
        """Small pieces until the head is complete, since the parser keeps incomplete fields, and then the rest."""
        while view and not self.transport.is_closing():
            size = PIECE if self._in_head else len(view)
            self._received += min(size, len(view))
            yield view[:size]
            if self._received - self._body > MAX_HEAD + PIECE + self._body // 4:
                raise _oversized()
            view = view[size:]

    # what the parser reports

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][ABANDON] = self.abort
        self._received = self._head = self._fields = self._body = 0

    def on_url(self, url: bytes) -> None:
        """Take in a part of the address."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a field of the head, or one that follows a body."""
        self._fields += 1
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def _grow(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD or self._fields > MAX_FIELDS:
            raise _oversized()

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RejectedError(400, f"more than {MAX_PIPELINED} requests wait on this connection")
        self._in_head = False
        self._requests += 1
        self._connections.work(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next request's head, which may follow at once."""
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, if there is one."""
        super().on_response_complete()
        if not self.pipeline:
            self._connections.wait(self)


def _oversized() -> _RejectedError:
    return _RejectedError(431, f"the request has more than {MAX_HEAD} bytes or {MAX_FIELDS} fields besides its body")
