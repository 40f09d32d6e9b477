"""The dispatcher's process: its lines to all others, its clock, its loop. No pixels pass through it."""

import logging
import time

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.errors import WireError
from edge_daemon.hub import Hub
from edge_daemon.link import Change, Exited, Link
from edge_daemon.settings import DispatcherSettings
from edge_daemon.wire import Decoder, ToDispatcher, encode

logger = logging.getLogger(__name__)
FLUSH_MS = 200
BURST = 16
"""Messages of each peer read before turns are given and orders heard again."""


def serve(link: Link) -> None:
    """Match frames and workers until told to stop."""
    settings = link.settings(DispatcherSettings)
    with Hub(settings.bind) as hub:
        link.ready()
        Loop(link, hub, Dispatcher(settings.cameras, settings.cascades, settings.batches, settings.requests)).run()


class Loop:
    """Feeds the dispatcher with messages and orders, and sends what it says."""

    def __init__(self, link: Link, hub: Hub, dispatcher: Dispatcher) -> None:
        self._link, self._hub, self._dispatcher = link, hub, dispatcher
        self._decode: Decoder[ToDispatcher] = Decoder(ToDispatcher)
        self._flushed = 0.0

    def run(self) -> None:
        """Serve until the supervisor says stop; then tell the sink the last that is known."""
        self._hub.watch(self._link.fileno())
        while not self._link.stopping:
            ordered = self._link.fileno() in self._hub.wait(FLUSH_MS)
            for order in self._link.orders() if ordered else ():
                if isinstance(order, Exited):
                    self._dispatcher.exited(order.process, order.role)
                elif isinstance(order, Change):
                    self._change(order)
            self._receive()
            self._dispatcher.assign(time.monotonic_ns())
            self._flush()
            self._send()
            self._link.beat("up", {"rejected": self._decode.rejected})
        self._hub.wait(0)
        self._receive()
        self._dispatcher.flush()
        self._send()

    def _change(self, order: Change) -> None:
        settings = self._link.changed_settings(order, DispatcherSettings)
        self._dispatcher.change(settings.cameras, settings.cascades, settings.batches, settings.requests, order.anew)
        self._link.changed()

    def _receive(self) -> None:
        for peer, message in self._hub.receive(BURST):
            try:
                self._dispatcher.receive(peer, self._decode(message))
            except WireError as error:
                logger.warning("dropped a message from %r: %s", peer, error)

    def _flush(self) -> None:
        now = time.monotonic()
        if now - self._flushed >= FLUSH_MS / 1000:
            self._flushed = now
            self._dispatcher.flush()

    def _send(self) -> None:
        for peer, message in self._dispatcher.outbox:
            self._hub.send(peer, encode(message))
        self._dispatcher.outbox.clear()
