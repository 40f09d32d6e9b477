"""A worker's process: it owns one model and serves one frame, or one batch, at a time."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import zmq

from edge_daemon.errors import WireError
from edge_daemon.messages.codec import MAX_BYTES, Decoder, encode, pack
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Frame, Input
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.scheduling import BatchStarted, Leaving, ToWorker, WorkerHello, WorkerReady
from edge_daemon.messages.status import WorkerReport
from edge_daemon.models.memory import give_back, limit_memory
from edge_daemon.models.model import Model
from edge_daemon.runtime.control import Control
from edge_daemon.runtime.cpu_slice import use_long_slices
from edge_daemon.runtime.crash_marker import CrashMarker
from edge_daemon.settings import WorkerSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.channel import pieces
from edge_daemon.transport.peer import Peer
from edge_daemon.transport.shared_memory import Mappings
from edge_daemon.worker.job import Job, work
from edge_daemon.worker.quarantine import REASONS, Quarantine
from edge_daemon.worker.report import crops_of, filtered

logger = logging.getLogger(__name__)
REST_MS, POLL_MS = 2000, 500
"""How long to wait for a frame, and for somebody to take what came of it, before looking at what else there is."""
BURST = 64
LOT, PATIENCE_S = 2, 0.05
"""So many frames of a file are told of at once, if that does not take longer than this."""
STOP_S = 2.0
"""How long a worker that is to stop waits for a sink or a dispatcher that is away."""


def serve(control: Control) -> None:
    """Serve frames with one model until told to stop."""
    settings = control.settings(WorkerSettings)
    cv2.setNumThreads(1)
    limit_memory(provider.name for provider in settings.model.providers)
    model = Model(settings.model, state=settings.readings)
    give_back()
    if settings.trial:
        control.finished()
        return
    logger.info("%s", model.describe())
    if settings.worker == f"{settings.model.name}-0":  # once, however many workers there are
        for note in model.notes:
            logger.info("model %s: %s", settings.model.name, note)
    use_long_slices()
    with zmq.Context() as context:
        worker = Worker(control, settings, model, context)
        try:
            worker.run()
        finally:
            worker.close()


class Worker:
    """Serves the frames that come, and draws what was found when somebody watches."""

    def __init__(
        self, control: Control, settings: WorkerSettings, model: Model, context: zmq.Context[zmq.Socket[bytes]]
    ) -> None:
        self._control, self._settings, self._model, self._context = control, settings, model, context
        self._replies: dict[str, zmq.Socket[bytes]] = {}
        self._address = zeromq.of_this_process(settings.inbox)  # what was meant for one before must not come here
        self._inbox = zeromq.inbox(context, self._address)
        self._mappings = Mappings()
        self._crash_marker = CrashMarker(settings.inbox) if settings.model.batch == 1 else None
        self._pictures = zeromq.outcomes(context, settings.pictures)
        self._sink = Peer(settings.sink, f"{settings.worker}/{os.getpid()}")
        self._peer = Peer(settings.dispatcher, settings.worker)
        self._ready: list[WorkerReady] = []  # what is to be told to the dispatcher,
        self._outcomes: list[Outcome] = []  # and to the sink
        self._decode: Decoder[Frame] = Decoder(Frame)
        self._from_dispatcher: Decoder[list[ToWorker]] = Decoder(list[ToWorker])
        self._served = 0
        self._quarantine = (
            Quarantine(Path(settings.quarantine), settings.worker, settings.model) if settings.quarantine else None
        )

    def run(self) -> None:
        """Serve until told to stop."""
        poller = zmq.Poller()
        for waited_for in (self._inbox, self._peer.fileno(), self._control.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        self._control.ready()
        while not self._control.stopping:
            ready = dict(poller.poll(self._peer.wait_ms(self._control.rest_ms(REST_MS))))
            if self._control.fileno() in ready:
                self._control.commands()
            if self._peer.fileno() in ready:
                self._is_dismissed()
            if self._peer.renewed():
                self._greet()
            if self._inbox in ready:
                self.step()
            self._control.heartbeat("up", self._report())
        self._leave()

    def _report(self) -> WorkerReport:
        rejected = self._decode.rejected + self._from_dispatcher.rejected
        return WorkerReport(served=self._served, provider=self._model.session.provider, rejected=rejected)

    def _leave(self) -> None:
        """Serve what is on its way here, for as long as the dispatcher is there to say that there is more."""
        poller = zmq.Poller()
        for waited_for in (self._inbox, self._peer.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        self._peer.send(pack([Leaving(worker=self._settings.worker, inbox=self._address)]))
        while self._peer.connected and (ready := dict(poller.poll(round(STOP_S * 1e3)))):
            if self._inbox in ready:
                self.step()
            elif self._is_dismissed():
                break
        self._hand_over()

    def _is_dismissed(self) -> bool:
        """Whether the dispatcher says so; it says nothing else to a worker."""
        for data in self._peer.receive(BURST):
            try:
                if any(message.inbox == self._address for message in self._from_dispatcher(data)):
                    return True
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)
        return False

    def close(self) -> None:
        """Let go of the sockets once they have sent what is under way."""
        self._peer.close()
        self._sink.close()
        for socket in self._replies.values():
            socket.close()
        self._pictures.close()
        self._inbox.close()
        if self._crash_marker:
            self._crash_marker.close()

    def step(self) -> None:
        """Serve one frame, or as many as come for a batch; of files, tell of two at a time."""
        began = time.monotonic()
        jobs = self._gather()
        if self._crash_marker is None:
            self._peer.send(pack([BatchStarted(worker=self._settings.worker)]))
        for job in jobs:
            if self._crash_marker:
                self._crash_marker.put(job.frame.camera, job.frame.epoch, job.frame.seq)
            job.decode(self._model)
        work(
            self._model, [job for job in jobs if not job.failed], self._settings.model, lambda: self._ask_for_more(jobs)
        )
        for job in jobs:
            self._tell(job)
            if job.frame.shared:
                self._mappings.give_back(job.frame.shared)
            self._served += 1
        waits = len(self._ready) < LOT and time.monotonic() - began < PATIENCE_S
        if not (waits and all(job.frame.deferrable for job in jobs) and self._inbox.poll(0)):
            self._hand_over()

    def _ask_for_more(self, jobs: list[Job]) -> None:
        """The model has run: a live camera's next frame may come while this one's findings are told."""
        asking = [
            job
            for job in jobs
            if not (job.failed or job.freed or job.frame.deferrable or job.frame.share or job.frame.reply)
        ]
        for job in asking:
            job.freed = True
            self._free(job.frame)
        if asking:
            self._hand_over()

    def _gather(self) -> list[Job]:
        """The frames that are here, or come while a batch may wait."""
        jobs: list[Job] = []
        until = time.monotonic() + self._settings.model.batch_wait_s
        while len(jobs) < self._settings.model.batch:
            if jobs and not self._inbox.poll(max(0, round((until - time.monotonic()) * 1e3))):
                break
            header, *payload = self._inbox.recv_multipart(copy=False)
            try:
                frame = self._decode(header.buffer)
                shared = self._mappings.data(frame.shared) if frame.shared else memoryview(b"")
                jobs.append(Job(frame, payload[0].buffer if payload else shared))
            except WireError as error:
                logger.warning("dropped a frame: %s", error)
                self._greet()  # it is free, and of which frame cannot be said
                break
        return jobs

    def _tell(self, job: Job) -> None:
        """Have it told that a frame is done, and what came of it, with the picture if it is filtered."""
        frame = job.frame
        if frame.reply:
            self._answer(job, frame.reply)
            return
        if job.failed:
            if not job.freed:
                self._free(frame, failed=job.failed)
            self._set_aside(job)
            self._outcomes.append(self._outcome(frame, failed=job.failed))
            return
        found = job.report(self._model)
        if not job.freed:
            self._free(frame, found=crops_of(found) if frame.share else None)
        outcome = self._outcome(frame, found=found, after=self._settings.model.after, timing_ms=job.timing)
        if frame.annotate is None:
            self._outcomes.append(outcome)
            return
        if not frame.deferrable:
            self._hand_over()  # before drawing, so that the next frame is soon here
        if (picture := job.annotated(found)) and len(encoded := encode(outcome)) <= MAX_BYTES:
            self._deliver([encoded, picture])
        else:
            self._outcomes.append(outcome)

    def _answer(self, job: Job, address: str) -> None:
        """Tell whoever sent a picture in what came of it; somebody who is gone by now is not waited for."""
        frame = job.frame
        self._free(frame)
        self._hand_over()
        self._set_aside(job)
        found = Found() if job.failed else filtered(job.report(self._model), frame.filter)
        outcome = encode(self._outcome(frame, found=found, timing_ms=job.timing, failed=job.failed, error=job.error))
        picture = [] if job.failed or not (made := job.annotated(found)) else [made]
        if address not in self._replies:
            self._forget_replies()
            self._replies[address] = zeromq.outcomes(self._context, address)
        replies = self._replies[address]
        while not replies.poll(self._control.rest_ms(POLL_MS), zmq.POLLOUT):
            self._control.commands()
            self._control.heartbeat("waiting for the web", self._report())
            if self._control.stopping or not zeromq.is_there(address):
                self._forget_replies()
                return
        replies.send_multipart([outcome, *picture], copy=False)

    def _forget_replies(self) -> None:
        for socket in self._replies.values():
            socket.close(0)
        self._replies.clear()

    def _set_aside(self, job: Job) -> None:
        if self._quarantine and job.failed in REASONS:
            self._quarantine.put(job.frame, job.payload, job.failed, job.error)

    def _greet(self) -> None:
        hello = WorkerHello(
            worker=self._settings.worker,
            model=self._settings.model.name,
            inbox=self._address,
            input=self._input(),
        )
        self._peer.send(pack([hello]))

    def _input(self) -> Input | None:
        """What is enough of a frame; models that are shown parts of it, or cut it, need it whole."""
        height, width = self._model.size
        fit = self._model.recipe.fit
        whole = fit == "crop" or self._settings.model.after is not None
        return None if whole else Input(width=width, height=height, stretch=fit == "stretch")

    def _free(self, frame: Frame, **news: Any) -> None:
        free = WorkerReady(worker=self._settings.worker, camera=frame.camera, epoch=frame.epoch, seq=frame.seq, **news)
        self._ready.append(free)

    def _hand_over(self) -> None:
        """Tell of all frames that are done."""
        if self._ready:
            self._peer.send(pack(self._ready))
            self._ready.clear()
        outcomes, self._outcomes = self._outcomes, []
        for data in self._packed(outcomes):
            packet = list(pieces(data))
            while not self._reaches_sink(packet):  # it went while this was told: the next one has to know
                continue

    def _packed(self, outcomes: list[Outcome]) -> Iterator[bytes]:
        """All outcomes at once, if the sink takes so much; one that is too long by itself is a failure of the model."""
        if not outcomes:
            return
        data = pack(outcomes)
        if len(data) <= MAX_BYTES:
            yield data
        elif len(outcomes) > 1:
            for outcome in outcomes:
                yield from self._packed([outcome])
        else:
            frame = outcomes[0].frame
            logger.warning("frame %d of %s: %d bytes of findings are too many", frame.seq, frame.camera, len(data))
            yield pack([self._outcome(frame, failed="model-error")])

    def _reaches_sink(self, packet: list[bytes]) -> bool:
        """Whether the whole packet went to one sink, or cannot, since we have to end."""
        for piece in packet:
            if not self._wait(self._sink.has_room):
                return True
            if not self._sink.send_piece(piece):
                return False
        return True

    def _outcome(self, frame: Frame, **made: Any) -> Outcome:
        return Outcome(frame=frame, model=self._settings.model.name, worker=self._settings.worker, **made)

    def _deliver(self, parts: list[bytes | memoryview]) -> None:
        """Hand an outcome with its picture to the sink."""
        if self._wait(lambda wait_ms: bool(self._pictures.poll(wait_ms, zmq.POLLOUT))):
            self._pictures.send_multipart(parts, copy=False)

    def _wait(self, has_room: Callable[[int], bool]) -> bool:
        """Wait for the sink while it is away: a result is not to be lost for that, but when we have to end."""
        patience = time.monotonic() + STOP_S
        while not has_room(self._control.rest_ms(POLL_MS)):
            self._control.commands()
            self._control.heartbeat("waiting for the sink", self._report())
            if self._control.stopping and time.monotonic() > patience:
                return False
        return True
