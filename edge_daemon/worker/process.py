"""A worker's process: it owns one model and serves one picture, or one batch, at a time."""

import logging
import time

import cv2
import zmq

from edge_daemon.messages.scheduling import BatchStarted
from edge_daemon.messages.status import WorkerReport
from edge_daemon.models.memory import give_back, limit_memory
from edge_daemon.models.model import Model
from edge_daemon.runtime.control import Control
from edge_daemon.runtime.cpu_slice import use_long_slices
from edge_daemon.runtime.crash_marker import NOTHING
from edge_daemon.settings import WorkerSettings
from edge_daemon.worker.base import FADING, REST_MS, BaseWorker, in_hand, poller_of
from edge_daemon.worker.job import Job, work
from edge_daemon.worker.outbox import DELAY_S

logger = logging.getLogger(__name__)


def serve(control: Control) -> None:
    """Serve pictures with one model until the supervisor stops this process."""
    settings = control.settings(WorkerSettings)
    cv2.setNumThreads(1)
    limit_memory(provider.name for provider in settings.model.providers)
    if settings.model.remote:
        from edge_daemon.worker.remote import serve_remote  # only workers of such models need it

        serve_remote(control, settings)
        return
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


class Worker(BaseWorker):
    """Serves the pictures that arrive at its inbox with a model of its own."""

    def __init__(
        self, control: Control, settings: WorkerSettings, model: Model, context: zmq.Context[zmq.Socket[bytes]]
    ) -> None:
        super().__init__(control, settings, context, batches=settings.model.batch > 1)
        self._model = model

    def run(self) -> None:
        """Serve until the supervisor stops this process."""
        poller = poller_of(self._inbox, self._peer.fileno(), self._control.fileno())
        self._describe(self._model)
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
        jobs = self._receive_batch()
        for job in jobs:
            self._mark(in_hand(job.header))
            job.decode(self._model)
        decoded = [job for job in jobs if not job.failed and job.tensors is None]
        work(self._model, decoded, self._settings.model, lambda: self._outbox.model_ran(jobs))
        for job in jobs:
            self._send(job)
        self._mark(NOTHING)
        self._describe(self._model)
        self._longest_s = max(time.monotonic() - began, FADING * self._longest_s)
        if self._outbox.is_due() or time.monotonic() - began >= DELAY_S or not self._inbox.poll(0):
            self._outbox.flush()

    def _receive_batch(self) -> list[Job]:
        """Receive the pictures that have arrived, or arrive while a batch may wait."""
        jobs: list[Job] = []
        until = time.monotonic() + self._settings.model.batch_wait_s
        while len(jobs) < self._settings.model.batch:
            if jobs and not self._inbox.poll(max(0, round((until - time.monotonic()) * 1e3))):
                break
            if (job := self._receive()) is None:
                break
            jobs.append(job)
        if self._crash_marker is None:
            self._outbox.send_now(BatchStarted(worker=self._settings.worker))
        return jobs

    def _introduce(self) -> None:
        self._hello(self._input_of(self._model))

    def _report(self) -> WorkerReport:
        return WorkerReport(
            served=self._served,
            longest_s=round(self._longest_s, 3),
            provider=self._model.session.provider,
            rejected=self._rejected,
        )
