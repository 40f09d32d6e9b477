"""Accepts connections within limits that already hold while TLS shakes hands."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable

from edge_daemon.web.connection import Connection
from edge_daemon.web.connections import Connections
from edge_daemon.web.rejections import Rejections

logger = logging.getLogger(__name__)
HANDSHAKE_S = 10.0
"""Time limit for the beginning and for the end of TLS on a connection."""
BURST = 64
"""Connections accepted at once, before others are served."""
REST_S = 0.1
"""Pause if the system has no files or memory left."""
CROWDED = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
Make = Callable[[socket.socket, str], Connection]


class Acceptor:
    """Opens what `make` makes for each client of `listener`; stands in for asyncio's own server."""

    def __init__(
        self,
        listener: socket.socket,
        make: Make,
        connections: Connections[Connection],
        rejections: Rejections,
    ) -> None:
        self.tls: ssl.SSLContext | None = None
        """For new connections."""
        self._listener, self._make, self._connections, self._rejections = listener, make, connections, rejections
        self._loop = asyncio.get_running_loop()
        self._opening: set[Connection] = set()
        listener.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Stop accepting."""
        self._loop.remove_reader(self._listener)
        for connection in self._opening:
            connection.abort()

    async def wait_closed(self) -> None:
        """Do nothing: `close` has closed it."""

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(BURST):
            try:
                link, (address, *_rest) = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("cannot accept a connection: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(REST_S, self._resume)
                return
            self._admit(link, address)

    def _admit(self, link: socket.socket, address: str) -> None:
        link.setblocking(False)
        connection = self._make(link, address)
        for closed in self._connections.open(connection, address):
            self._rejections.add("too many connections", address)
            if closed is connection:
                with contextlib.suppress(OSError):
                    link.send(CROWDED if self.tls is None else b"")
                link.close()
                return
            closed.abort()
        connection.opening = self._loop.create_task(self._open(connection, link))
        self._opening.add(connection)
        connection.opening.add_done_callback(lambda _: self._opening.discard(connection))

    async def _open(self, connection: Connection, link: socket.socket) -> None:
        limit = HANDSHAKE_S if self.tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, link, ssl=self.tls, ssl_handshake_timeout=limit, ssl_shutdown_timeout=limit
            )
        except (OSError, asyncio.CancelledError):  # hung up, no TLS, too slow, or made room for another
            self._connections.close(connection)
