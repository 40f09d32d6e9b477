"""Everything that a worker sends: to the dispatcher that it is ready, to the sink and the web what it found."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import zmq

from edge_daemon.messages.codec import MAX_BYTES, Message, encode, pack
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Frame, Upload
from edge_daemon.messages.outcomes import Outcome, UploadOutcome
from edge_daemon.messages.scheduling import UploadDone, WorkerReady
from edge_daemon.messages.status import WorkerReport
from edge_daemon.runtime.control import Control
from edge_daemon.settings import WorkerSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.channel import pieces
from edge_daemon.transport.coalescer import Coalescer
from edge_daemon.transport.peer import Peer
from edge_daemon.worker.job import Job
from edge_daemon.worker.report import crops_of

logger = logging.getLogger(__name__)
COUNT, DELAY_S = 2, 0.05
"""Frames of a file that are reported together, and how long the first may wait for the other."""
POLL_MS = 500
"""Time to wait for room at the sink or the web before looking for commands."""
STOP_S = 2.0
"""Time that a worker which is to stop waits for a sink that is away."""


class Outbox:
    """Sends the outcome of each job. Messages about a file's frames wait for the next ones; `flush` sends them."""

    def __init__(
        self,
        control: Control,
        settings: WorkerSettings,
        context: zmq.Context[zmq.Socket[bytes]],
        dispatcher: Peer,
        report: Callable[[], WorkerReport],
    ) -> None:
        self._control, self._settings, self._context = control, settings, context
        self._dispatcher, self._report = dispatcher, report
        self._sink = Peer(settings.sink, f"{settings.worker}/{os.getpid()}")
        self._pictures = zeromq.pictures(context, zeromq.of_this_process(settings.pictures))
        self._replies: dict[str, zmq.Socket[bytes]] = {}  # by address: the web's
        self._to_dispatcher: Coalescer[WorkerReady | UploadDone] = Coalescer(count=COUNT, delay_s=DELAY_S)
        self._to_sink: Coalescer[Outcome] = Coalescer(count=COUNT, delay_s=DELAY_S)

    def send_now(self, message: Message) -> None:
        """Send the dispatcher a message that does not wait."""
        self._dispatcher.send(pack([message]))

    def model_ran(self, jobs: Iterable[Job]) -> None:
        """Report ready for live cameras' frames, so that the next ones arrive while the results of these are sent."""
        for job in jobs:
            header = job.header
            if isinstance(header, Frame) and not (job.failed or header.deferrable or header.share):
                self._report_ready(job, header)
        if self._to_dispatcher.is_due():
            self.flush()

    def add(self, job: Job, found: Found) -> None:
        """Send the outcome of a job, and the annotated picture if one was requested."""
        header = job.header
        if isinstance(header, Upload):
            self._answer(job, header, found)
            return
        self._report_ready(job, header, found=crops_of(found) if header.share and not job.failed else None)
        outcome = self._outcome(
            header,
            found=found,
            after=self._settings.model.after,
            timing_ms=job.timing,
            failed=job.failed,
            served_by=job.served_by,
        )
        if header.annotate is None or job.failed or not self._send_picture(job, outcome):
            self._to_sink.add(outcome, urgent=not header.deferrable)

    def is_due(self) -> bool:
        """True if messages wait that are to be sent now."""
        return self._to_dispatcher.is_due() or self._to_sink.is_due()

    def flush(self) -> None:
        """Send all messages that wait. While the sink is away, wait for it."""
        if ready := self._to_dispatcher.take():
            self._dispatcher.send(pack(ready))
        for data in self._packed(self._to_sink.take()):
            packet = list(pieces(data))
            while not self._reaches_sink(packet):
                continue  # the sink went away during the packet: send the next sink the whole packet

    def close(self) -> None:
        """Close the sockets once they have sent what is under way."""
        self._sink.close()
        for socket in self._replies.values():
            socket.close()
        self._pictures.close()

    def _report_ready(self, job: Job, frame: Frame, **found: Any) -> None:
        if not job.reported:
            job.reported = True
            ready = WorkerReady(
                worker=self._settings.worker,
                camera=frame.camera,
                epoch=frame.epoch,
                seq=frame.seq,
                failed=None if job.failed == "unknown-class" else job.failed,  # only uploads fail so
                **found,
            )
            self._to_dispatcher.add(ready, urgent=not frame.deferrable)

    def _outcome(self, frame: Frame, **made: Any) -> Outcome:
        return Outcome(frame=frame, model=self._settings.model.name, worker=self._settings.worker, **made)

    def _packed(self, outcomes: list[Outcome]) -> Iterator[bytes]:
        """Pack all outcomes together if the sink takes that much; one that is too long by itself is a failure."""
        if not outcomes:
            return
        data = pack(outcomes)
        if len(data) <= MAX_BYTES:
            yield data
        elif len(outcomes) > 1:
            for outcome in outcomes:
                yield from self._packed([outcome])
        else:
            logger.warning("%s: %s", outcomes[0].frame.title, _too_long(data))
            yield pack([self._outcome(outcomes[0].frame, failed="model-error")])

    def _reaches_sink(self, packet: list[bytes]) -> bool:
        """True if the whole packet went to one sink, or cannot be sent because this process has to end."""
        for piece in packet:
            if not self._wait(self._sink.has_room):
                return True
            if not self._sink.send_piece(piece):
                return False
        return True

    def _send_picture(self, job: Job, outcome: Outcome) -> bool:
        """Draw, and send the outcome with the picture; false if there is none, or the outcome is too long."""
        if not outcome.frame.deferrable:
            self.flush()  # before drawing, so that the next frame arrives soon
        picture = job.annotated(outcome.found)
        if picture is None or len(encoded := encode(outcome)) > MAX_BYTES:
            return False
        if self._wait(self._picture_has_room):
            self._pictures.send_multipart([encoded, picture], copy=False)
        return True

    def _picture_has_room(self, wait_ms: int) -> bool:
        """True if the sink takes a picture. It connects to those workers whose channel to it is open."""
        for _ in self._sink.receive(1):  # shows that it is gone, if it is
            pass
        return self._sink.has_room(wait_ms) and bool(self._pictures.poll(wait_ms, zmq.POLLOUT))

    def _wait(self, has_room: Callable[[int], bool]) -> bool:
        """Wait for the sink while it is away, so that no result is lost; false if this process has to end."""
        until = time.monotonic() + STOP_S
        while not has_room(self._control.rest_ms(POLL_MS)):
            self._control.commands()
            self._control.heartbeat("waiting for the sink", self._report())
            if self._control.stopping and time.monotonic() > until:
                return False
        return True

    def _answer(self, job: Job, upload: Upload, found: Found) -> None:
        """Send the web the outcome of an upload; a web that is gone by now is not waited for."""
        self._to_dispatcher.add(UploadDone(worker=self._settings.worker, number=upload.number), urgent=True)
        self.flush()
        outcome = UploadOutcome(
            number=upload.number,
            model=self._settings.model.name,
            worker=self._settings.worker,
            found=found,
            timing_ms=job.timing,
            failed=job.failed,
            error=job.error,
            tensors=job.tensors,
            served_by=job.served_by,
        )
        picture = None if job.failed else job.annotated(found)
        if job.tensors is not None:
            picture = memoryview(job.blob)
        encoded = encode(outcome)
        if len(encoded) > MAX_BYTES:
            logger.warning("%s: %s", upload.title, _too_long(encoded))
            failure = msgspec.structs.replace(outcome, found=Found(), failed="model-error", error=_too_long(encoded))
            encoded, picture = encode(failure), None
        if socket := self._reply_socket(upload.reply):
            socket.send_multipart([encoded] if picture is None else [encoded, picture], copy=False)

    def _reply_socket(self, address: str) -> zmq.Socket[bytes] | None:
        """Socket to the web at `address` that takes a message now; None if that web is gone."""
        if address not in self._replies:
            self._close_replies()
            try:
                self._replies[address] = zeromq.outcomes(self._context, address)
            except zmq.ZMQError:  # it is no address
                return None
        socket = self._replies[address]
        while zeromq.is_there(address) and not self._control.stopping:
            if socket.poll(self._control.rest_ms(POLL_MS), zmq.POLLOUT):
                return socket
            self._control.commands()
            self._control.heartbeat("waiting for the web", self._report())
        self._close_replies()
        return None

    def _close_replies(self) -> None:
        for socket in self._replies.values():
            socket.close(0)
        self._replies.clear()


def _too_long(data: bytes) -> str:
    return f"{len(data)} bytes of findings are too many"
