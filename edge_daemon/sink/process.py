"""The sink's process: its sockets, its clock, its loop."""

import logging
import time
from collections.abc import Container
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import zmq

from edge_daemon.errors import StartError, WireError
from edge_daemon.imaging.header import read_header
from edge_daemon.messages.accounting import Acks, SinkHello, ToSink, Watched
from edge_daemon.messages.codec import Decoder, pack
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.published import End, Result, topic, utc
from edge_daemon.messages.status import ProcessStatus, SinkReport, Status, camera_statuses
from edge_daemon.runtime.control import Control, Processes, Reconfigure
from edge_daemon.settings import SinkSettings
from edge_daemon.sink.ack_batcher import AckBatcher
from edge_daemon.sink.checkpoint import Checkpoint
from edge_daemon.sink.collector import Collector
from edge_daemon.sink.reorder_buffer import Arrival
from edge_daemon.sink.result_file import ResultFile
from edge_daemon.sink.subscriptions import Subscriptions
from edge_daemon.transport import zeromq
from edge_daemon.transport.curve import Authenticator
from edge_daemon.transport.hub import Hub
from edge_daemon.transport.peer import Peer

if TYPE_CHECKING:
    from edge_daemon.sink.annotator import Annotator

logger = logging.getLogger(__name__)
POLL_MS = 200
BUSY_S, BUSY_MS = 0.05, 50
"""When the last two results came within this time, the next is about to."""
DENSE_S, REST_S = 0.0005, 0.002
"""Where messages come at such intervals, some are let come together: it costs more to wake up for each."""
STATUS_S = 1.0
NEVER = -1.0
BURST = 64
SETTLED_S = 0.2
"""How long subscribers that a run waits for have to be connected: their subscriptions follow at once."""
DRAIN_MS = 100
"""At the end: how long nothing more has to come."""


def serve(control: Control) -> None:
    """Publish until told to stop."""
    settings = control.settings(SinkSettings)
    results = ResultFile(settings.results) if settings.results else None
    with zmq.Context() as context:
        sink = Sink(control, settings, results, context)
        try:
            sink.run()
        finally:
            sink.close()
            if results:
                results.close()


class Sink:
    """Moves messages between the collector and the sockets."""

    def __init__(
        self,
        control: Control,
        settings: SinkSettings,
        results: ResultFile | None,
        context: zmq.Context[zmq.Socket[bytes]],
    ) -> None:
        self._control, self._settings, self._results = control, settings, results
        file = Path(settings.results) if settings.results and settings.results != "-" else None
        self._checkpoint = Checkpoint(Path(settings.checkpoint), file) if settings.checkpoint else None
        self._collector = Collector(settings.cameras, self._checkpoint.states if self._checkpoint else [])
        self._subscriptions = Subscriptions()
        self._annotator: Annotator | None = None
        self._pictures: dict[str, tuple[Result, Arrival, bytes | memoryview]] = {}
        self._hub = Hub(settings.bind)
        self._pictured = zeromq.collector(context, settings.pictures)
        self._door = Authenticator(context, settings.clients) if settings.secret_key else None
        self._publisher = zeromq.publisher(context, settings.publish, settings.secret_key)
        self._connections = zeromq.ConnectionCount(self._publisher) if settings.wait_for else None
        self._peer = Peer(settings.dispatcher, "sink")
        if not self._connections:
            self._open_locally()
        self._hello_due = False
        self._acks = AckBatcher(settings.cameras)
        self._came = NEVER, NEVER  # when workers said something, the last two times
        self._is_dense = False  # whether we waited for nothing, the last time
        self._watched: list[str] = []
        self._watched_anew = True
        self._processes: list[ProcessStatus] = []
        self._status_at = time.monotonic() + STATUS_S
        self._from_dispatcher: Decoder[list[ToSink]] = Decoder(list[ToSink])
        self._from_worker: Decoder[list[Outcome]] = Decoder(list[Outcome])
        self._with_picture: Decoder[Outcome] = Decoder(Outcome)

    def run(self) -> None:
        """Serve until told to stop; then take in what is still under way and close the books.

        While results come in quick succession, and after their turns, what the dispatcher says is read with them: it
        would wake us up for nothing.
        """
        attentive, busy = zmq.Poller(), zmq.Poller()
        for waited_for in (self._hub.fileno(), self._pictured, self._publisher, self._control.fileno()):
            attentive.register(waited_for, zmq.POLLIN)
            busy.register(waited_for, zmq.POLLIN)
        attentive.register(self._peer.fileno(), zmq.POLLIN)
        self._control.ready()
        while not self._control.stopping:
            began = time.monotonic()
            if self._is_busy:
                ready = dict(busy.poll(BUSY_MS))
            else:
                ready = dict(attentive.poll(self._peer.wait_ms(self._wait_ms)))
            self._is_dense = time.monotonic() - began < DENSE_S
            for order in self._control.commands() if self._control.fileno() in ready else ():
                if isinstance(order, Processes):
                    self._processes = order.processes
                elif isinstance(order, Reconfigure):
                    self._change(self._control.new_settings(order, SinkSettings))
            self.step(ready)
            self._tell_status()
            if self._is_dense:
                time.sleep(REST_S)
        attentive.unregister(self._control.fileno())
        while ready := dict(attentive.poll(DRAIN_MS)):
            self.step(ready)
        self._publish(self._collector.close(time.monotonic_ns()))
        self._tell_status(now=True)

    @property
    def _wait_ms(self) -> int:
        most = ceil(1e3 * self._acks.wait_s(max(0.0, self._status_at - time.monotonic())))
        return most if self._collector.rests and not self._connections else min(most, POLL_MS)

    @property
    def _is_busy(self) -> bool:
        return self._peer.connected and time.monotonic() - self._came[0] < BUSY_S

    def _change(self, settings: SinkSettings) -> None:
        """Go on with other cameras and models, and publish elsewhere; subscribers stay where they are."""
        if settings.secret_key != self._settings.secret_key:
            self._control.reconfigured("another publish.secret_key needs a restart")
            return
        try:
            zeromq.move(self._publisher, self._settings.publish, settings.publish, guarded=self._door is not None)
        except StartError as error:
            self._control.reconfigured(str(error))
            return
        self._publish(self._collector.change(settings.cameras, time.monotonic_ns()))
        self._publish_pictures()
        if settings.quality != self._settings.quality:
            self._annotator = None
        if settings.local and not self._settings.local and not self._connections:
            zeromq.open_locally(self._publisher, settings.local)
        if self._door:
            self._door.clients = frozenset(settings.clients)
        self._settings, self._watched_anew = settings, True
        self._acks.change(settings.cameras)
        self._control.reconfigured()

    def step(self, ready: Container[object]) -> None:
        """Take in what has come, publish what can be published."""
        self._listen(ready)
        self._greet()
        self._take_in(ready)
        self._publish(self._collector.release(time.monotonic_ns()))
        if self._results:
            self._results.flush()  # before it is acknowledged: a sink that is killed must not lose what nobody repeats
        now = time.monotonic()
        # What is not written is not acknowledged where nothing may be lost, so that those sources wait for the disk.
        if acks := self._collector.acks(lossless=not (self._results and self._results.waits)):
            if self._checkpoint:
                self._checkpoint.note(acks, self._results.length if self._results else -1)
            self._acks.add(acks.streams, now)
        if states := self._acks.due(now):
            self._peer.send(pack([Acks(streams=states)]))
        self._publish_pictures()

    def close(self) -> None:
        """Let go of the sockets once they have sent what is under way."""
        self._peer.close()
        if self._connections:
            self._connections.close()
        self._publisher.close()
        if self._door:
            self._door.close()
        self._hub.close()
        self._pictured.close()
        if self._checkpoint:
            self._checkpoint.close()

    def _listen(self, ready: Container[object]) -> None:
        """Learn who subscribes to what, and tell the dispatcher whose frames are watched."""
        for parts in zeromq.receive(self._publisher, BURST if self._publisher in ready else 0):
            self._subscriptions.heard(parts[0])
            self._watched_anew = True
        if not self._watched_anew:
            return
        self._watched_anew = False
        watched = [camera for camera in self._settings.cameras if self._subscriptions.wants("frame", camera)]
        if watched != self._watched:
            self._watched = watched
            self._peer.send(pack([Watched(cameras=watched)]))

    def _greet(self) -> None:
        """Say hello to the dispatcher, who hands out nothing before: here a run waits for its subscribers."""
        self._hello_due |= self._peer.renewed()
        if self._connections and self._connections.settled(self._settings.wait_for, SETTLED_S):
            self._connections.close()
            self._connections = None
            self._open_locally()
        if self._hello_due and not self._connections:
            self._hello_due = False
            self._acks.clear()
            self._peer.send(pack([SinkHello(streams=self._collector.hello(), watched=self._watched)]))

    def _open_locally(self) -> None:
        """Let our own processes listen as well: not while guests are counted, for they are none."""
        if self._settings.local:
            zeromq.open_locally(self._publisher, self._settings.local)

    def _take_in(self, ready: Container[object]) -> None:
        """Read what the dispatcher and the workers sent; the dispatcher first, who tells a turn before its result."""
        for data in self._peer.receive(BURST):
            try:
                for message in self._from_dispatcher(data):
                    self._collector.tell(message)
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)
        if self._hub.fileno() in ready and self._hub.has_messages():
            self._came = self._came[1], time.monotonic()
            for worker, packet in self._hub.receive(BURST if self._is_dense else 1):
                try:
                    for outcome in self._from_worker(packet):
                        self._arrived(Arrival(outcome, None, time.monotonic_ns()))
                except WireError as error:
                    logger.warning("dropped a message from %s: %s", worker, error)
        for _ in range(BURST if self._pictured in ready else 0):
            if not self._pictured.poll(0):
                break
            header, *picture = self._pictured.recv_multipart(copy=False)
            try:
                outcome = self._with_picture(header.buffer)
                self._arrived(Arrival(outcome, self._picture(outcome.frame, picture), time.monotonic_ns()))
            except WireError as error:
                logger.warning("dropped a picture from a worker: %s", error)

    def _arrived(self, arrival: Arrival) -> None:
        if not self._collector.arrived(arrival):  # the dispatcher is about to tell of it
            self._came = NEVER, self._came[1]

    def _picture(self, frame: Frame, parts: list[zmq.Frame]) -> memoryview | None:
        """The annotated picture beside an outcome, which has to be what was asked for, and as large as its frame."""
        if not parts:
            return None
        picture = parts[0].buffer
        if frame.annotate == "jpeg":
            fits = read_header(picture) == ("jpeg", frame.width, frame.height)
        else:
            fits = len(picture) == frame.width * frame.height * 3
        if not fits:
            raise self._with_picture.reject(f"{len(picture)} bytes are no picture of {frame.width}x{frame.height}")
        return picture

    def _publish(self, items: Any) -> None:
        for message, arrival in items:
            body = msgspec.json.encode(message)
            zeromq.send(self._publisher, topic("result", message.camera), body)
            if isinstance(message, End):
                continue
            if self._results:
                self._results.write(body, keep=self._settings.cameras[message.camera].delivery == "lossless")
            if self._watched and arrival is not None:
                self._show(message, arrival)

    def _show(self, result: Result, arrival: Arrival) -> None:
        """Publish the annotated frame: every one where all count, else the newest when there is time."""
        if len(self._settings.cameras[result.camera].models) > 1:
            self._drawn_together.note(arrival)
        if arrival.picture is None:
            return
        if self._settings.cameras[result.camera].delivery == "lossless":
            self._publish_picture(result, arrival, arrival.picture)
        else:
            self._pictures[result.camera] = result, arrival, arrival.picture

    @property
    def _drawn_together(self) -> "Annotator":
        if self._annotator is None:
            from edge_daemon.sink.annotator import Annotator  # not before it is needed: it loads OpenCV

            self._annotator = Annotator(self._settings.quality)
        return self._annotator

    def _publish_pictures(self) -> None:
        for result, arrival, picture in self._pictures.values():
            self._publish_picture(result, arrival, picture)
        self._pictures.clear()

    def _publish_picture(self, result: Result, arrival: Arrival, jpeg: bytes | memoryview) -> None:
        if arrival.outcome.frame.annotate == "raw":
            others = [model for model in self._settings.cameras[result.camera].models if model != result.model]
            jpeg = self._drawn_together.jpeg(arrival, others)
        header = msgspec.json.encode(msgspec.structs.replace(result, type="frame", encoding="jpeg"))
        self._publisher.send_multipart([topic("frame", result.camera), header, jpeg], copy=False)

    def _tell_status(self, *, now: bool = False) -> None:
        """Once a second, publish the status, and report the counts to the supervisor."""
        if not now and time.monotonic() < self._status_at:
            return
        self._status_at = time.monotonic() + STATUS_S
        streams = self._collector.counts(time.monotonic_ns())
        cameras = camera_statuses(streams, self._processes)
        status = Status(at=utc(time.time_ns()), cameras=cameras, processes=self._processes)
        self._publisher.send_multipart([topic("status"), msgspec.json.encode(status)])
        trouble = self._results.trouble if self._results else None
        state = f"cannot write results ({trouble.strerror})" if trouble else "up"
        rejected = sum(d.rejected for d in (self._from_dispatcher, self._from_worker, self._with_picture))
        report = SinkReport(streams=streams, waits_for_disk=trouble is not None, rejected=rejected)
        self._control.report(state, report)
