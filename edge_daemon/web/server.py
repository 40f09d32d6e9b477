"""uvicorn's server with limits, of which uvicorn itself has none."""

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator

import uvicorn

from edge_daemon.errors import StartError
from edge_daemon.settings import WebSettings
from edge_daemon.transport.tls import server_context
from edge_daemon.web.acceptor import Acceptor
from edge_daemon.web.connection import Connection
from edge_daemon.web.connections import Connections
from edge_daemon.web.guard import App
from edge_daemon.web.proxies import Proxies
from edge_daemon.web.rejections import Rejections

TICK_S = 1.0
BACKLOG = 256
STOP_S = 2
"""Time limit for the answers that are under way when this process ends."""
MAX_MESSAGE = 64 << 10
"""Largest message that a client may send over a WebSocket, in bytes; pictures are not compressed again."""
MOST_FILES, MOST_CONNECTIONS = 4096, 2048


class Server(uvicorn.Server):
    """Serves `app` to all who connect to `listener`. Wakes up once a second, for deadlines and the date in answers;
    uvicorn's own does ten times, to see if it should end.
    """

    def __init__(
        self,
        app: App,
        listener: socket.socket,
        settings: WebSettings,
        rejections: Rejections,
        *,
        most: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_S,
            )
        )
        most = most or most_connections()
        self._clock = clock
        self._connections: Connections[Connection] = Connections(most, most // 2, Proxies(settings.proxies))
        self._listener, self._settings, self._rejections = listener, settings, rejections
        self._leaving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        self._acceptor = Acceptor(self._listener, self._connection, self._connections, self._rejections)
        self.use_certificate(self._settings)
        self.servers = [self._acceptor]  # type: ignore[list-item]
        self.started = True

    def _connection(self, link: socket.socket, address: str) -> Connection:
        return Connection(self, link, address, self._connections, self._rejections)

    def use_certificate(self, settings: WebSettings) -> None:
        """Use the certificate as it is in its files now, for new connections.

        Raises:
            StartError: it cannot be used.
        """
        if settings.certificate and settings.key:
            self._acceptor.tls = server_context(settings.certificate, settings.key)

    def leave(self) -> None:
        """Stop accepting requests, and end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Run until `leave`; tick number 0 is one that renews the date."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), TICK_S)
            now = self._clock()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.check(now)
            self._rejections.report(now)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the supervisor."""
        yield


def most_connections() -> int:
    """The number of connections for which there are files, after raising this process's limit of them."""
    files, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < MOST_FILES:
        files = MOST_FILES if limit == resource.RLIM_INFINITY else min(MOST_FILES, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, limit))
    return min(MOST_CONNECTIONS, files // 2)


def listening(address: str) -> socket.socket:
    """Open a socket that listens at ADDRESS:PORT.

    Raises:
        StartError: the address is in use, or not one of this machine.
    """
    host, _, port = address.rpartition(":")
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=BACKLOG,
        )
    except OSError as error:
        raise StartError(f"cannot serve the web at {address}: {(error.strerror or str(error)).lower()}") from error
    # Accepted sockets inherit it. asyncio would set it, but does not take a socket of protocol 0 for TCP; without it
    # the body of an answer waits 40 ms for its head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
