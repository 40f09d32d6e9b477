"""The dispatcher's process: its socket, its clock, its loop. No pixels pass through it."""

import logging
import time

import zmq

from edge_daemon import sockets
from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.errors import WireError
from edge_daemon.link import Change, Exited, Link
from edge_daemon.settings import DispatcherSettings
from edge_daemon.wire import Decoder, ToDispatcher, encode

logger = logging.getLogger(__name__)
FLUSH_MS = 200
BURST = 64
"""Messages read before turns are given and orders heard again."""


def serve(link: Link) -> None:
    """Match frames and workers until told to stop."""
    settings = link.settings(DispatcherSettings)
    with zmq.Context() as context, sockets.router(context, settings.bind) as router:
        link.ready()
        Loop(link, router, Dispatcher(settings.cameras, settings.cascades, settings.batches, settings.requests)).run()


class Loop:
    """Feeds the dispatcher with messages and orders, and sends what it says."""

    def __init__(self, link: Link, router: zmq.Socket[bytes], dispatcher: Dispatcher) -> None:
        self._link, self._router, self._dispatcher = link, router, dispatcher
        self._decode: Decoder[ToDispatcher] = Decoder(ToDispatcher)
        self._flushed = 0.0

    def run(self) -> None:
        """Serve until the supervisor says stop; then tell the sink the last that is known."""
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._link.fileno(), zmq.POLLIN)
        while not self._link.stopping:
            ready = dict(poller.poll(FLUSH_MS))
            for order in self._link.orders() if self._link.fileno() in ready else ():
                if isinstance(order, Exited):
                    self._dispatcher.exited(order.process, order.role)
                elif isinstance(order, Change):
                    self._change(order)
            self._receive()
            self._dispatcher.assign(time.monotonic_ns())
            self._flush()
            self._send()
            self._link.beat("up", {"rejected": self._decode.rejected})
        self._receive()
        self._dispatcher.flush()
        self._send()

    def _change(self, order: Change) -> None:
        settings = self._link.changed_settings(order, DispatcherSettings)
        self._dispatcher.change(settings.cameras, settings.cascades, settings.batches, settings.requests, order.anew)
        self._link.changed()

    def _receive(self) -> None:
        for peer, *parts in sockets.receive(self._router, BURST):
            try:
                self._dispatcher.receive(peer.decode(), self._decode(parts[0] if parts else b""))
            except UnicodeDecodeError:
                logger.warning("dropped a message: %s", self._decode.reject(f"{peer!r} is no name of ours"))
            except WireError as error:
                logger.warning("dropped a message from %r: %s", peer, error)

    def _flush(self) -> None:
        now = time.monotonic()
        if now - self._flushed >= FLUSH_MS / 1000:
            self._flushed = now
            self._dispatcher.flush()

    def _send(self) -> None:
        for peer, message in self._dispatcher.outbox:
            sockets.send(self._router, peer.encode(), encode(message))
        self._dispatcher.outbox.clear()
