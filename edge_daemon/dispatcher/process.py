"""The dispatcher's process: its lines to all others, its clock, its loop. No pixels pass through it."""

import logging
import time

from edge_daemon import bookmark
from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.errors import WireError
from edge_daemon.lines.hub import Hub
from edge_daemon.link import Change, Exited, Link
from edge_daemon.settings import DispatcherSettings
from edge_daemon.wire import Decoder, Message, ToDispatcher, pack

logger = logging.getLogger(__name__)
FLUSH_MS, REST_MS = 200, 2000
"""How often the sink is told what it has not learned from turns, and how long to wait where nothing is left to tell."""
LOT, PATIENCE_MS = 4, 50
"""What can wait is told so many at a time, or after so long."""


def serve(link: Link) -> None:
    """Match frames and workers until told to stop."""
    settings = link.settings(DispatcherSettings)
    with Hub(settings.bind) as hub:
        link.ready()
        dispatcher = Dispatcher(
            settings.cameras, settings.cascades, settings.batches, settings.requests, bookmark=bookmark.read
        )
        Loop(link, hub, dispatcher).run()


class Loop:
    """Feeds the dispatcher with messages and orders, and sends what it says."""

    def __init__(self, link: Link, hub: Hub, dispatcher: Dispatcher) -> None:
        self._link, self._hub, self._dispatcher = link, hub, dispatcher
        self._decode: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])
        self._flushed = 0.0
        self._lots: dict[str, list[Message]] = {}  # what is to be said, and to whom
        self._patient_until = 0.0  # when what can wait is told

    def run(self) -> None:
        """Serve until the supervisor says stop; then tell the sink the last that is known."""
        orders = self._link.fileno()
        self._hub.watch(orders)
        while not self._link.stopping:
            unhurried = self._dispatcher.unhurried()
            self._hub.hush(unhurried)
            ready = self._hub.wait(self._wait_ms(patient=bool(unhurried)))
            for order in self._link.orders() if orders in ready else ():
                if isinstance(order, Exited):
                    self._dispatcher.exited(order.process, order.role)
                elif isinstance(order, Change):
                    self._change(order)
            self._receive()
            self._dispatcher.assign(time.monotonic_ns())
            self._flush()
            self._send()
            self._link.beat("up", {"rejected": self._decode.rejected})
        while self._hub.has_news():
            self._receive()
        self._dispatcher.flush()
        self._send(all_of_it=True)

    def _wait_ms(self, *, patient: bool) -> int:
        if self._lots or patient:
            return PATIENCE_MS
        return REST_MS if self._dispatcher.rests else FLUSH_MS

    def _change(self, order: Change) -> None:
        settings = self._link.changed_settings(order, DispatcherSettings)
        self._dispatcher.change(settings.cameras, settings.cascades, settings.batches, settings.requests, order.anew)
        self._link.changed()

    def _receive(self) -> None:
        for peer, packet in self._hub.receive():
            try:
                for message in self._decode(packet):
                    self._dispatcher.receive(peer, message)
            except WireError as error:
                logger.warning("dropped a message from %r: %s", peer, error)

    def _flush(self) -> None:
        now = time.monotonic()
        if now - self._flushed >= FLUSH_MS / 1000:
            self._flushed = now
            self._dispatcher.flush()

    def _send(self, *, all_of_it: bool = False) -> None:
        """Say what there is to say, to each in one packet; who hears only what can wait hears it when it is enough."""
        now = time.monotonic()
        if not self._lots:
            self._patient_until = now + PATIENCE_MS / 1e3
        hurried = set()
        for peer, message in self._dispatcher.outbox:
            self._lots.setdefault(peer, []).append(message)
            if not self._dispatcher.can_wait(message):
                hurried.add(peer)
        self._dispatcher.outbox.clear()
        late = all_of_it or now >= self._patient_until
        for peer in [peer for peer, lot in self._lots.items() if late or peer in hurried or len(lot) >= LOT]:
            self._hub.send(peer, pack(self._lots.pop(peer)))
