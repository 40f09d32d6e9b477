"""The sink's process: its clock and its loop, between what it receives and what it publishes."""

import logging
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import msgspec
import zmq

from edge_daemon.errors import StartError, WireError
from edge_daemon.messages.accounting import Acks, SinkHello, StreamKey, StreamState, ToSink, Watched
from edge_daemon.messages.codec import Decoder, pack
from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.published import End, Result, utc
from edge_daemon.messages.recording import Record
from edge_daemon.messages.status import BRIDGE, CameraStatus, ProcessStatus, SinkReport, Status, camera_statuses
from edge_daemon.messages.topics import OfCamera
from edge_daemon.messages.tracks import Track
from edge_daemon.runtime import switches
from edge_daemon.runtime.control import Control, Processes, Reconfigure
from edge_daemon.settings import SinkSettings
from edge_daemon.sink.ack_batcher import AckBatcher
from edge_daemon.sink.checkpoint import Checkpoint
from edge_daemon.sink.collector import Collector, Item
from edge_daemon.sink.files import Files
from edge_daemon.sink.inbox import Inbox
from edge_daemon.sink.outbox import Outbox
from edge_daemon.sink.publisher import Publisher
from edge_daemon.sink.state_file import StateFile
from edge_daemon.transport.coalescer import Moderator
from edge_daemon.transport.peer import Peer

if TYPE_CHECKING:
    from edge_daemon.sink.analyses import Analyses

logger = logging.getLogger(__name__)
POLL_MS = 200
BUSY_S, BUSY_MS = 0.05, 50
"""After two results within this time the next is about to arrive."""
DENSE_S, PAUSE_S = 0.0005, 0.002
"""If a result arrives within the first time, those of the second arrive together."""
STATUS_S = 1.0
LATE_S = 2.0
"""Age of the supervisor's table, which it sends once a second, beyond which its figures are not those of now."""
BURST = 64
DRAIN_MS = 100
"""At the end: time without a message after which none is expected any more."""
STORING_S = 3.0
"""At the end: longest time that the recorder may take to store what was made last."""


def serve(control: Control) -> None:
    """Publish until the supervisor stops this process."""
    settings = control.settings(SinkSettings)
    files = Files(settings)
    with zmq.Context() as context:
        sink = Sink(control, settings, files, context)
        try:
            sink.run()
        finally:
            sink.close()
            files.close()


class Sink:
    """Moves messages between the collector and the sockets."""

    def __init__(
        self,
        control: Control,
        settings: SinkSettings,
        files: Files,
        context: zmq.Context[zmq.Socket[bytes]],
    ) -> None:
        self._control, self._settings, self._files = control, settings, files
        self._checkpoint = Checkpoint(Path(settings.checkpoint)) if settings.checkpoint else None
        if self._checkpoint:
            files.take_back(self._checkpoint.lengths, _streams(settings))
            self._checkpoint.note([], {}, files.lengths)
        left = self._checkpoint.records if self._checkpoint else []
        self._outbox = self._new_outbox(settings, left)
        self._attentive = zmq.Poller()
        self._memory = StateFile(Path(settings.memory)) if settings.memory else None
        states = self._checkpoint.states if self._checkpoint else []
        kept = switches.read(Path(settings.state) if settings.state else None)
        self._switches = kept.at(utc(time.time_ns()), settings.modes)
        self._collector = Collector(settings.cameras, states, self._analyses(settings))
        self._moderator = Moderator(busy_s=BUSY_S, dense_s=DENSE_S)
        self._inbox = Inbox(context, settings.bind, settings.pictures, self._moderator)
        self._publisher = Publisher(context, settings)
        self._peer = Peer(settings.dispatcher, "sink")
        self._from_dispatcher: Decoder[list[ToSink]] = Decoder(list[ToSink])
        self._hello_due = False
        self._watched = self._publisher.watched  # as sent to the dispatcher
        self._acks = AckBatcher(settings.cameras)
        self._processes: list[ProcessStatus] = []
        self._processes_at = 0.0
        self._status_at = time.monotonic() + STATUS_S

    def run(self) -> None:
        """Serve until the supervisor stops this process; then receive and publish what is still under way.

        While results arrive in quick succession, the dispatcher's messages are read with them: alone they would wake
        this process for nothing.
        """
        attentive, busy = self._attentive, zmq.Poller()
        for waited_for in (*self._inbox.sources, *self._publisher.sources, self._control.fileno()):
            attentive.register(waited_for, zmq.POLLIN)
            busy.register(waited_for, zmq.POLLIN)
        attentive.register(self._peer.fileno(), zmq.POLLIN)
        if self._outbox:
            attentive.register(self._outbox.fileno(), zmq.POLLIN)
        self._control.ready()
        while not self._control.stopping:
            self._moderator.waits()
            if self._peer.connected and self._moderator.is_busy:
                ready = dict(busy.poll(BUSY_MS))
            else:
                ready = dict(attentive.poll(self._peer.wait_ms(self._wait_ms)))
            self._moderator.wakes()
            if self._control.fileno() in ready:
                self._follow_commands()
            self.step(ready)
            self._report()
            if self._moderator.is_dense:
                time.sleep(PAUSE_S)
        attentive.unregister(self._control.fileno())
        while ready := dict(attentive.poll(DRAIN_MS)):
            self.step(ready)
        self._publish(self._collector.close(time.monotonic_ns()))
        self._report(now=True)
        self._store_the_last()

    def step(self, ready: Container[object]) -> None:
        """Receive what has arrived, publish what is complete."""
        self._connect(ready)
        self._receive(ready)
        self._publish(self._collector.release(time.monotonic_ns()))
        self._acknowledge()
        self._store()
        self._publisher.flush()

    def close(self) -> None:
        """Close the sockets once they have sent what is under way."""
        self._peer.close()
        if self._outbox:
            self._outbox.close()
        self._publisher.close()
        self._inbox.close()
        if self._checkpoint:
            self._checkpoint.close()
        if self._memory and (analyses := self._collector.analyses):
            self._memory.close(analyses.kept_states())

    @property
    def _wait_ms(self) -> int:
        most = ceil(1e3 * self._acks.wait_s(max(0.0, self._status_at - time.monotonic())))
        return most if self._collector.is_idle and not self._publisher.is_waiting else min(most, POLL_MS)

    def _connect(self, ready: Container[object]) -> None:
        """Follow subscribers, and introduce this sink to the dispatcher, which assigns no frame before."""
        self._publisher.receive(ready)
        if self._watched is not self._publisher.watched:
            self._watched = self._publisher.watched
            self._peer.send(pack([Watched(cameras=self._watched)]))
        self._hello_due |= self._peer.renewed()
        if self._hello_due and not self._publisher.is_waiting:
            self._hello_due = False
            self._acks.clear()
            self._peer.send(pack([SinkHello(streams=self._collector.suspend(), watched=self._watched)]))

    def _receive(self, ready: Container[object]) -> None:
        """Read messages; those of the dispatcher first, which announces a result before it arrives."""
        for data in self._peer.receive(BURST):
            try:
                for message in self._from_dispatcher(data):
                    self._collector.receive(message)
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)
        for arrival in self._inbox.receive(ready):
            if not self._collector.add(arrival):
                self._moderator.interrupt()  # the dispatcher's message is needed now

    def _publish(self, items: Iterable[Item]) -> None:
        for message, arrival in items:
            body = msgspec.json.encode(message)
            self._publisher.publish(message, body)
            self._files.write(message, body)
            if self._outbox and _is_stored(message):
                precious = isinstance(message, Event) and message.alert
                self._outbox.add((message.camera, message.model), body, precious=precious)
            if isinstance(message, End):
                self._publisher.end(message.camera, message.model)
            elif arrival and isinstance(message, Result):
                self._publisher.publish_frame(message, arrival)
        self._files.flush()  # before it is acknowledged: acknowledged results are not sent again

    def _acknowledge(self) -> None:
        """Send how far streams have come. Results of lossless sources have to be written before."""
        if acks := self._collector.take_acks(lossless=not self._files.waits):
            self._note(acks.streams)
            self._acks.add(acks.streams)
        if due := self._acks.take_due():
            self._peer.send(pack([Acks(streams=due)]))

    def _note(self, streams: Sequence[StreamState] = ()) -> None:
        """Leave the states of these streams, and of all that something was made of, to the next sink."""
        if self._checkpoint is None:
            return
        states: dict[StreamKey, bytes] = {}
        if analyses := self._collector.analyses:
            made = () if self._files.waits else analyses.made
            states = analyses.states({*(state.key for state in streams), *made})
        records, kept = (self._outbox.take(states), self._outbox.kept) if self._outbox else ([], 0)
        self._checkpoint.note(streams, states, self._files.lengths, records, kept)

    def _store(self) -> None:
        """Exchange messages with the recorder."""
        for body in self._outbox.exchange() if self._outbox else ():
            self._publisher.publish(msgspec.json.decode(body, type=Event), body)

    def _store_the_last(self) -> None:
        """Have the recorder store what was made last."""
        if self._outbox is None:
            return
        self._outbox.take()
        until = time.monotonic() + STORING_S
        while not self._outbox.is_empty and time.monotonic() < until:
            self._store()
            zmq.select([self._outbox], [], [], DRAIN_MS / 1e3)

    def _analyses(self, settings: SinkSettings) -> "Analyses | None":
        """Analyses as the settings ask for them, from the states that the previous sink left."""
        if not settings.analyses:
            return None
        from edge_daemon.sink.analyses import Analyses  # not before it is needed: it loads NumPy

        checkpoint = self._checkpoint.analyses if self._checkpoint else None
        analyses = Analyses(settings.analyses, checkpoint, self._memory.states if self._memory else None)
        analyses.switch(self._switches)
        return analyses

    def _pass_time(self, cameras: dict[str, CameraStatus]) -> None:
        """Let time pass in what is made of results, and keep its state for the next run of the service."""
        analyses = self._collector.analyses
        if analyses is None:
            return
        # Together, as they came: a camera that is switched on was down before only because it was off.
        analyses.switch(self._switches)
        analyses.note(cameras, self._troubles(), self._collector.dropped())
        self._publish((message, None) for message in analyses.pass_time(time.monotonic_ns()))
        if analyses.made and not self._files.waits:
            self._note()
        if self._memory and self._memory.is_due:
            self._memory.write(analyses.kept_states())

    def _troubles(self) -> Iterator[str]:
        """What is wrong with this machine, for rules about it."""
        if self._files.trouble:
            yield "disk"
        states = [(process.role, process.state) for process in self._processes]
        if any(role == BRIDGE and state.startswith("away") for role, state in states):
            yield "receiver"

    def _follow_commands(self) -> None:
        for command in self._control.commands():
            if isinstance(command, Processes):
                self._processes, self._processes_at = command.processes, time.monotonic()
                self._switches = command.switches
            elif isinstance(command, Reconfigure):
                self._reconfigure(self._control.new_settings(command, SinkSettings))

    def _reconfigure(self, settings: SinkSettings) -> None:
        """Apply new cameras, models and addresses; connected subscribers stay."""
        try:
            self._publisher.move(settings)
        except StartError as error:
            self._control.reconfigured(str(error))
            return
        self._publish(self._collector.change(settings.cameras, time.monotonic_ns()))
        if self._collector.analyses:
            self._collector.analyses.change(settings.analyses)
        else:
            self._collector.analyses = self._analyses(settings)
        self._publisher.flush()
        self._publisher.change(settings)
        self._acks.change(settings.cameras)
        self._files.change(settings)
        self._change_outbox(settings)
        self._settings = settings
        self._control.reconfigured()

    def _change_outbox(self, settings: SinkSettings) -> None:
        """Send what was made of streams that are gone, and begin or cease to have things stored."""
        if self._outbox:
            self._outbox.take(_streams(self._settings) - _streams(settings))
        if settings.recorder == self._settings.recorder:
            return
        if self._outbox:
            self._attentive.unregister(self._outbox.fileno())
            self._outbox.close()
        self._outbox = self._new_outbox(settings)
        if self._outbox:
            self._attentive.register(self._outbox.fileno(), zmq.POLLIN)

    def _new_outbox(self, settings: SinkSettings, left: Sequence[Record] = ()) -> Outbox | None:
        """An outbox with the records that are `left`, if anything is to be stored."""
        last = self._checkpoint.last_record if self._checkpoint else 0
        return Outbox(settings.recorder, left, last) if settings.recorder else None

    def _report(self, *, now: bool = False) -> None:
        """Once a second, publish the status, and report the counts to the supervisor."""
        if not now and time.monotonic() < self._status_at:
            return
        self._status_at = time.monotonic() + STATUS_S
        streams = self._collector.counts(time.monotonic_ns())
        cameras = camera_statuses(streams, self._processes)
        age_s = time.monotonic() - self._processes_at
        if age_s > LATE_S:  # the supervisor is stuck
            processes = [msgspec.structs.replace(row, silent_s=row.silent_s + age_s) for row in self._processes]
        else:
            processes = self._processes
        at = utc(time.time_ns())
        status = Status(at=at, cameras=cameras, processes=processes, switches=self._switches)
        self._publisher.publish_status(status)
        self._pass_time(cameras)
        trouble = self._files.trouble
        state = f"cannot write {trouble}" if trouble else "up"
        rejected = (
            self._from_dispatcher.rejected + self._inbox.rejected + (self._outbox.rejected if self._outbox else 0)
        )
        self._control.report(state, SinkReport(streams=streams, waits_for_disk=bool(trouble), rejected=rejected))


def _is_stored(message: OfCamera) -> TypeGuard[Track | Event | CountsReport]:
    """True if the recorder stores it: events, counts, and tracks once they have ended."""
    return isinstance(message, Event | CountsReport) or (
        isinstance(message, Track) and message.phase in ("end", "rename")
    )


def _streams(settings: SinkSettings) -> set[StreamKey]:
    """Camera and model of each stream."""
    return {(camera, model) for camera, plan in settings.cameras.items() for model in plan.models}
