"""The dispatcher's process: its lines to all others, its clock, its loop. No pixels pass through it."""

import logging
import time
from pathlib import Path

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epoch_file import EpochFile
from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.scheduling import ToDispatcher
from edge_daemon.messages.status import ProcessReport
from edge_daemon.runtime import crash_marker
from edge_daemon.runtime.control import Control, Exited, Reconfigure
from edge_daemon.settings import DispatcherSettings
from edge_daemon.transport.hub import Hub

logger = logging.getLogger(__name__)
FLUSH_MS, REST_MS = 200, 2000
"""How often the sink is told what it has not learned from turns, and how long to wait where nothing is left to tell."""
LOT, PATIENCE_MS = 4, 50
"""What can wait is told so many at a time, or after so long."""


def serve(control: Control) -> None:
    """Match frames and workers until told to stop."""
    settings = control.settings(DispatcherSettings)
    with Hub(settings.bind) as hub:
        control.ready()
        epochs = EpochFile(Path(settings.epochs)) if settings.epochs else None
        dispatcher = Dispatcher(
            settings.cameras,
            settings.cascades,
            settings.batches,
            settings.requests,
            epochs=epochs.load() if epochs else None,
            crash_marker=crash_marker.read,
        )
        Loop(control, hub, dispatcher, epochs).run()


class Loop:
    """Feeds the dispatcher with messages and orders, and sends what it says."""

    def __init__(self, control: Control, hub: Hub, dispatcher: Dispatcher, epochs: EpochFile | None = None) -> None:
        self._control, self._hub, self._dispatcher, self._epochs = control, hub, dispatcher, epochs
        self._decode: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])
        self._flushed = 0.0
        self._lots: dict[str, list[Message]] = {}  # what is to be said, and to whom
        self._patient_until = 0.0  # when what can wait is told

    def run(self) -> None:
        """Serve until the supervisor says stop; then tell the sink the last that is known."""
        orders = self._control.fileno()
        self._hub.watch(orders)
        while not self._control.stopping:
            deferrable_peers = self._dispatcher.deferrable_peers()
            self._hub.mute(deferrable_peers)
            ready = self._hub.wait(self._wait_ms(patient=bool(deferrable_peers)))
            for order in self._control.commands() if orders in ready else ():
                if isinstance(order, Exited):
                    self._dispatcher.exited(order.process, order.role)
                elif isinstance(order, Reconfigure):
                    self._change(order)
            self._receive()
            self._dispatcher.assign(time.monotonic_ns())
            self._flush()
            self._send()
            self._control.heartbeat("up", ProcessReport(rejected=self._decode.rejected))
        while self._hub.has_messages():
            self._receive()
        self._dispatcher.flush()
        self._send(all_of_it=True)

    def _wait_ms(self, *, patient: bool) -> int:
        if self._lots or patient:
            return PATIENCE_MS
        return REST_MS if self._dispatcher.rests else FLUSH_MS

    def _change(self, order: Reconfigure) -> None:
        settings = self._control.new_settings(order, DispatcherSettings)
        self._dispatcher.change(
            settings.cameras, settings.cascades, settings.batches, settings.requests, order.restarted
        )
        self._control.reconfigured()

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
        if self._dispatcher.epochs_changed and self._epochs:
            self._dispatcher.epochs_changed = False
            self._epochs.save(self._dispatcher.epochs)
        now = time.monotonic()
        if not self._lots:
            self._patient_until = now + PATIENCE_MS / 1e3
        hurried = set()
        for peer, message in self._dispatcher.outbox:
            self._lots.setdefault(peer, []).append(message)
            if not self._dispatcher.is_deferrable(message):
                hurried.add(peer)
        self._dispatcher.outbox.clear()
        late = all_of_it or now >= self._patient_until
        for peer in [peer for peer, lot in self._lots.items() if late or peer in hurried or len(lot) >= LOT]:
            self._hub.send(peer, pack(self._lots.pop(peer)))
