"""A worker's process: it owns one model and serves one picture, or one batch, at a time."""

import logging
import time
from pathlib import Path

import cv2
import msgspec
import zmq

from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Header, Input, Upload
from edge_daemon.messages.scheduling import BatchStarted, Leaving, ToWorker, WorkerHello
from edge_daemon.messages.status import WorkerReport
from edge_daemon.models.description import description
from edge_daemon.models.memory import give_back, limit_memory
from edge_daemon.models.model import Model
from edge_daemon.runtime.control import Control
from edge_daemon.runtime.cpu_slice import use_long_slices
from edge_daemon.runtime.crash_marker import NOTHING, CrashMarker, FrameId, InHand
from edge_daemon.settings import WorkerSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.peer import Peer
from edge_daemon.transport.shared_memory import Mappings
from edge_daemon.worker.job import Job, work
from edge_daemon.worker.outbox import DELAY_S, STOP_S, Outbox
from edge_daemon.worker.quarantine import REASONS, Quarantine
from edge_daemon.worker.report import filtered

logger = logging.getLogger(__name__)
REST_MS = 1000
"""Time to wait for a picture before looking for commands."""
FADING = 0.99
"""Share of the longest time for a frame that is left of it one frame later."""
BURST = 64


def serve(control: Control) -> None:
    """Serve pictures with one model until the supervisor stops this process."""
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
    """Serves the pictures that arrive at its inbox."""

    def __init__(
        self, control: Control, settings: WorkerSettings, model: Model, context: zmq.Context[zmq.Socket[bytes]]
    ) -> None:
        self._control, self._settings, self._model = control, settings, model
        self._address = zeromq.of_this_process(settings.inbox)  # pictures for an earlier worker must not arrive here
        self._inbox = zeromq.inbox(context, self._address)
        self._mappings = Mappings()
        self._crash_marker = CrashMarker(settings.inbox) if settings.model.batch == 1 else None
        self._peer = Peer(settings.dispatcher, settings.worker)
        self._outbox = Outbox(control, settings, context, self._peer, self._report)
        self._decode_header: Decoder[Header] = Decoder(Header)
        self._from_dispatcher: Decoder[list[ToWorker]] = Decoder(list[ToWorker])
        self._served, self._longest_s = 0, 0.0
        folder = settings.quarantine
        self._described: object = None
        self._quarantine = Quarantine(Path(folder), settings.worker, settings.model) if folder else None

    def run(self) -> None:
        """Serve until the supervisor stops this process."""
        poller = zmq.Poller()
        for waited_for in (self._inbox, self._peer.fileno(), self._control.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        self._describe()
        self._control.ready()
        while not self._control.stopping:
            ready = dict(poller.poll(self._peer.wait_ms(self._control.rest_ms(REST_MS))))
            if self._control.fileno() in ready:
                self._control.commands()
            if self._peer.fileno() in ready:
                self._read_dismissal()
            if self._peer.renewed():
                self._introduce()
            if self._inbox in ready:
                self.step()
            self._control.heartbeat("up", self._report())
        self._leave()

    def step(self) -> None:
        """Serve one picture, or as many as arrive for a batch."""
        began = time.monotonic()
        jobs = self._receive()
        self._decode(jobs)
        self._infer(jobs)
        self._send(jobs)
        self._describe()
        self._longest_s = max(time.monotonic() - began, FADING * self._longest_s)
        if self._outbox.is_due() or time.monotonic() - began >= DELAY_S or not self._inbox.poll(0):
            self._outbox.flush()

    def close(self) -> None:
        """Close the sockets once they have sent what is under way."""
        self._peer.close()
        self._outbox.close()
        self._inbox.close()
        if self._crash_marker:
            self._crash_marker.close()

    def _describe(self) -> None:
        """Leave a description of the model for the web, and another one when a frame has settled how it is read."""
        if self._settings.description is None or self._described is self._model.facts:
            return
        self._described = self._model.facts
        try:
            file = Path(self._settings.description)
            new = file.with_name(f".{file.name}")
            new.write_bytes(msgspec.json.encode(description(self._model, self._settings.model)))
            new.replace(file)
        except OSError as error:
            logger.warning("cannot describe the model: %s", error.strerror)

    def _receive(self) -> list[Job]:
        """Receive the pictures that have arrived, or arrive while a batch may wait."""
        jobs: list[Job] = []
        until = time.monotonic() + self._settings.model.batch_wait_s
        while len(jobs) < self._settings.model.batch:
            if jobs and not self._inbox.poll(max(0, round((until - time.monotonic()) * 1e3))):
                break
            header, *payload = self._inbox.recv_multipart(copy=False)
            try:
                described = self._decode_header(header.buffer)
                shared = self._mappings.data(described.shared) if described.shared else memoryview(b"")
                jobs.append(Job(described, payload[0].buffer if payload else shared))
            except WireError as error:
                logger.warning("dropped a frame: %s", error)
                self._introduce()  # it is ready, and cannot name the frame
                break
        if self._crash_marker is None:
            self._outbox.send_now(BatchStarted(worker=self._settings.worker))
        return jobs

    def _decode(self, jobs: list[Job]) -> None:
        for job in jobs:
            if self._crash_marker:
                self._crash_marker.put(_in_hand(job.header))
            job.decode(self._model)

    def _infer(self, jobs: list[Job]) -> None:
        decoded = [job for job in jobs if not job.failed]
        work(self._model, decoded, self._settings.model, lambda: self._outbox.model_ran(jobs))

    def _send(self, jobs: list[Job]) -> None:
        for job in jobs:
            if self._quarantine and job.failed in REASONS:
                self._quarantine.put(job.header, job.payload, job.failed, job.error)
            self._outbox.add(job, self._found(job))
            if job.header.shared:
                self._mappings.give_back(job.header.shared)
            self._served += 1
        if self._crash_marker:
            self._crash_marker.put(NOTHING)

    def _found(self, job: Job) -> Found:
        if job.failed:
            return Found()
        found = job.report(self._model)
        return filtered(found, job.header.filter) if isinstance(job.header, Upload) else found

    def _report(self) -> WorkerReport:
        rejected = self._decode_header.rejected + self._from_dispatcher.rejected
        longest_s = round(self._longest_s, 3)
        return WorkerReport(
            served=self._served, longest_s=longest_s, provider=self._model.session.provider, rejected=rejected
        )

    def _introduce(self) -> None:
        hello = WorkerHello(
            worker=self._settings.worker,
            model=self._settings.model.name,
            inbox=self._address,
            input=self._input(),
        )
        self._outbox.send_now(hello)

    def _input(self) -> Input | None:
        """Size that is enough of a picture; None for a model that looks at parts of it."""
        if self._settings.model.after is not None:
            return None
        height, width = self._model.size
        recipe = self._model.recipe
        crop = recipe.zoom if recipe.fit == "crop" else None
        return Input(width=width, height=height, stretch=recipe.fit == "stretch", crop=crop)

    def _leave(self) -> None:
        """Serve the pictures that are on their way here, until the dispatcher reports no more, or is gone."""
        poller = zmq.Poller()
        for waited_for in (self._inbox, self._peer.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        self._outbox.send_now(Leaving(worker=self._settings.worker, inbox=self._address))
        while self._peer.connected and (ready := dict(poller.poll(round(STOP_S * 1e3)))):
            if self._inbox in ready:
                self.step()
            elif self._read_dismissal():
                break
        self._outbox.flush()

    def _read_dismissal(self) -> bool:
        """Read the dispatcher's messages; true if it dismisses this worker."""
        for data in self._peer.receive(BURST):
            try:
                if any(message.inbox == self._address for message in self._from_dispatcher(data)):
                    return True
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)
        return False


def _in_hand(header: Header) -> InHand:
    return header.number if isinstance(header, Upload) else FrameId(header.camera, header.epoch, header.seq)
