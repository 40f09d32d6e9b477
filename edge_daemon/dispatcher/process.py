"""The dispatcher's process: its channels to all others, its clock, its loop. No pixels pass through it."""

import logging
import time
from pathlib import Path

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epoch_file import EpochFile
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.scheduling import ToDispatcher
from edge_daemon.messages.status import ProcessReport
from edge_daemon.runtime import crash_marker
from edge_daemon.runtime.control import Control, Exited, Reconfigure
from edge_daemon.settings import DispatcherSettings
from edge_daemon.transport.hub import Hub

logger = logging.getLogger(__name__)
FLUSH_MS, IDLE_MS = 200, 2000
"""Interval between reports of what the sink does not know from assignments, and the wait if there is nothing to report.
"""
COUNT, DELAY_MS = 4, 50
"""Deferrable messages are sent to a peer when it has this many, or after this time."""


def serve(control: Control) -> None:
    """Match frames and workers until a Stop message arrives."""
    settings = control.settings(DispatcherSettings)
    with Hub(settings.bind) as hub:
        control.ready()
        file = EpochFile(Path(settings.epochs)) if settings.epochs else None
        Loop(control, hub, settings, file).run()


class Loop:
    """Feeds the dispatcher with messages and the supervisor's commands, and sends its messages."""

    def __init__(self, control: Control, hub: Hub, settings: DispatcherSettings, epoch_file: EpochFile | None) -> None:
        self._control, self._hub, self._epoch_file = control, hub, epoch_file
        self._epochs = Epochs(epoch_file.load() if epoch_file else None)
        self._dispatcher = Dispatcher(
            settings.cameras, settings.models, epochs=self._epochs, crash_marker=crash_marker.read
        )
        hub.on_disconnect = self._dispatcher.disconnected
        self._decode: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])
        self._flushed = 0.0
        self._packets: dict[str, list[Message]] = {}  # by peer; those of deferrable messages are held
        self._deferred_until = 0.0

    def run(self) -> None:
        """Serve until a Stop message arrives; then report the last that is known to the sink."""
        commands = self._control.fileno()
        self._hub.watch(commands)
        while not self._control.stopping:
            deferrable = self._dispatcher.deferrable_peers()
            self._hub.mute(deferrable)
            ready = self._hub.wait(self._wait_ms(is_deferring=bool(deferrable)))
            for command in self._control.commands() if commands in ready else ():
                if isinstance(command, Exited):
                    self._dispatcher.exited(command.process, command.role)
                elif isinstance(command, Reconfigure):
                    self._reconfigure(command)
            self._receive()
            self._dispatcher.assign(time.monotonic_ns())
            self._flush()
            self._send()
            self._control.heartbeat("up", ProcessReport(rejected=self._decode.rejected))
        while self._hub.has_messages():
            self._receive()
        self._dispatcher.flush()
        self._send(everything=True)

    def _wait_ms(self, *, is_deferring: bool) -> int:
        if self._packets or is_deferring:
            return DELAY_MS
        return IDLE_MS if self._dispatcher.is_idle else FLUSH_MS

    def _reconfigure(self, command: Reconfigure) -> None:
        settings = self._control.new_settings(command, DispatcherSettings)
        self._dispatcher.change(settings.cameras, settings.models, command.restarted)
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
        if now - self._flushed >= FLUSH_MS / 1e3:
            self._flushed = now
            self._dispatcher.flush()

    def _send(self, *, everything: bool = False) -> None:
        """Send the dispatcher's messages, to each peer in one packet; a peer with only deferrable ones may wait."""
        if self._epochs.changed and self._epoch_file:
            self._epochs.changed = False
            self._epoch_file.save(self._epochs.highest)
        now = time.monotonic()
        if not self._packets:
            self._deferred_until = now + DELAY_MS / 1e3
        urgent = set()
        for peer, message in self._dispatcher.outbox:
            self._packets.setdefault(peer, []).append(message)
            if not self._dispatcher.is_deferrable(message):
                urgent.add(peer)
        self._dispatcher.outbox.clear()
        late = everything or now >= self._deferred_until
        for peer in [peer for peer, held in self._packets.items() if late or peer in urgent or len(held) >= COUNT]:
            self._hub.send(peer, pack(self._packets.pop(peer)))
