"""A worker whose model runs on other machines: several pictures are under way to servers, and while none of them
answers, a model on this machine stands in.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass, field

import zmq

from edge_daemon.errors import ModelError
from edge_daemon.messages.frames import Frame, Input, Upload
from edge_daemon.messages.scheduling import Credit
from edge_daemon.messages.status import WorkerReport
from edge_daemon.models.detections import Findings
from edge_daemon.models.memory import give_back
from edge_daemon.models.model import Begun, Model
from edge_daemon.models.model import Timing as Took
from edge_daemon.models.remote.fleet import Back, Done, Fleet, Refused
from edge_daemon.models.remote.opening import stand_in, with_deadline
from edge_daemon.models.remote.server import ERRORS
from edge_daemon.runtime.control import Control
from edge_daemon.runtime.crash_marker import NOTHING
from edge_daemon.settings import WorkerSettings
from edge_daemon.worker.base import FADING, REST_MS, BaseWorker, in_hand, poller_of
from edge_daemon.worker.job import Job, Part, work

logger = logging.getLogger(__name__)
STEP_MS = 100
"""Interval at which servers that are down are tried, if they are due."""
MORE = 1
"""Pictures that are prepared while the servers are busy."""


def serve_remote(control: Control, settings: WorkerSettings) -> None:
    """Serve pictures with a model on other machines until the supervisor stops this process."""
    local = stand_in(settings.model, settings.readings)
    fleet: Fleet[Lot] = Fleet(settings.model, local.copy if local else None, settings.readings)
    with_deadline(fleet, must=local is None)
    give_back()
    if settings.trial:
        control.finished()
        return
    with zmq.Context() as context:
        worker = RemoteWorker(control, settings, fleet, local.model if local else None, context)
        try:
            worker.run()
        finally:
            worker.close()
            fleet.close()


@dataclass(eq=False)
class Task:
    """A job on its way: its parts, and what was found in them so far. Parts go `alone` once one with others failed."""

    job: Job
    parts: list[Part]
    found: dict[int, list[Findings]] = field(default_factory=dict)
    alone: bool = False
    refused: int = 0
    prepare_ms: float = 0.0
    infer_ms: float = 0.0
    read_ms: float = 0.0
    over: bool = False

    @property
    def is_lossless(self) -> bool:
        """True if it waits until somebody can look at it."""
        return isinstance(self.job.header, Frame) and self.job.header.deferrable


Place = tuple[Task, int]
"""A part of a task, by its number."""


@dataclass(frozen=True, eq=False)
class Lot:
    """Parts that one request holds, prepared for a model."""

    places: list[Place]
    model: Model
    begun: Begun


class RemoteWorker(BaseWorker):
    """Serves the pictures that arrive with the servers of a `fleet`, or with the model `here` while none is up."""

    def __init__(
        self,
        control: Control,
        settings: WorkerSettings,
        fleet: "Fleet[Lot]",
        here: Model | None,
        context: zmq.Context[zmq.Socket[bytes]],
    ) -> None:
        super().__init__(control, settings, context, batches=False)
        self._fleet, self._here = fleet, here
        self._sources.append(fleet.fileno())
        self._waiting: deque[Place] = deque()
        self._tasks: set[Task] = set()
        self._served_here = self._credit = 0
        self._needed: Input | None = None
        self._is_introduced = False
        self._facts: object = None

    def run(self) -> None:
        """Serve until the supervisor stops this process."""
        poller = poller_of(*self._sources, self._peer.fileno(), self._control.fileno())
        self._use_model()
        self._control.ready()
        while not self._control.stopping:
            rest_ms = STEP_MS if self._tasks or not self._fleet.is_up else self._control.rest_ms(REST_MS)
            ready = dict(poller.poll(self._peer.wait_ms(rest_ms)))
            if self._control.fileno() in ready:
                self._control.commands()
            if self._peer.fileno() in ready:
                self._read_dismissal()
            if self._peer.renewed():
                self._is_introduced = False
            self._step(arrived=self._inbox in ready)
            self._control.heartbeat(self._state, self._report())
        self._leave()

    def step(self) -> None:
        """Take what has arrived, and go on with what is under way."""
        self._step(arrived=bool(self._inbox.poll(0)))

    @property
    def _state(self) -> str:
        return "up" if self._fleet.is_up or self._here else f"down ({self._fleet.reason})"

    def _step(self, *, arrived: bool) -> None:
        self._fleet.try_servers()
        for event in self._fleet.events():
            match event:
                case Done():
                    self._done(event)
                case Back():
                    self._put_back(event.what)
                case Refused():
                    self._failed(event.what, event.error)
        self._use_model()
        if arrived:
            self._take()
        self._send_waiting()
        self._offer()
        if self._outbox.is_due() or not self._tasks:
            self._outbox.flush()

    def _use_model(self) -> None:
        """Use the model as it was read last, or the one that stands in; introduce this worker once there is any."""
        model = self._model
        if model is None or not self._peer.connected:
            return
        needed = self._input()
        if not self._is_introduced or needed != self._needed:
            self._is_introduced, self._needed, self._credit = True, needed, self._wanted_credit()
            self._introduce()
        if self._facts is not model.facts:
            self._facts = model.facts
            logger.info("%s", model.describe())
            for note in model.notes:
                logger.info("model %s: %s", self._settings.model.name, note)
        self._describe(model)

    @property
    def _model(self) -> Model | None:
        return self._fleet.model or self._here

    def _offer(self) -> None:
        """Send the dispatcher how many pictures this worker takes, if that has changed."""
        credit = self._wanted_credit()
        if self._is_introduced and credit != self._credit:
            self._credit = credit
            self._outbox.send_now(Credit(worker=self._settings.worker, inbox=self._address, credit=credit))

    def _wanted_credit(self) -> int:
        if self._fleet.is_up and self._fleet.model:
            return (self._fleet.limit + MORE) * self._fleet.model.batch
        return 1 if self._here else 0

    def _take(self) -> None:
        """Decode the pictures that have arrived."""
        while self._inbox.poll(0):
            if job := self._receive():
                self._begin(job)

    def _begin(self, job: Job) -> None:
        if (model := self._model) is None:
            job.failed, job.error = "server-lost", f"no server answers ({self._fleet.reason})"
            self._send(job)
            return
        if isinstance(job.header, Upload) and job.header.tensors is not None:
            job.fail("model-error", "this model runs on other machines: send them its tensors")
            self._send(job)
            return
        self._mark(in_hand(job.header))
        job.decode(model)
        self._mark(NOTHING)
        task = Task(job, [] if job.failed else job.parts(self._settings.model.margin))
        job.looked = model
        self._tasks.add(task)
        self._waiting += [(task, number) for number in range(len(task.parts))]
        if not task.parts:
            self._finish(task)

    def _send_waiting(self) -> None:
        """Send what waits to servers; to none that is up, let the model here look at one picture, or give up."""
        while self._waiting and self._fleet.has_room and (model := self._fleet.model):
            self._send_lot(self._next(model.batch), model)
        if self._fleet.is_up:
            return
        for task in list(dict.fromkeys(task for task, _ in self._waiting)):
            if self._here:
                self._look_here(task, self._here)
                return
            if not task.is_lossless:
                task.job.failed, task.job.error = "server-lost", f"no server answers ({self._fleet.reason})"
                self._finish(task)

    def _next(self, most: int) -> list[Place]:
        """The next parts to be sent together."""
        places = [self._waiting.popleft()]
        while self._waiting and len(places) < most and not (places[0][0].alone or self._waiting[0][0].alone):
            places.append(self._waiting.popleft())
        return places

    def _send_lot(self, places: list[Place], model: Model) -> None:
        began = time.perf_counter()
        parts = [task.parts[number] for task, number in places]
        self._mark(in_hand(places[0][0].job.header))
        begun = model.begin([part.bgr for part in parts], [part.size for part in parts])
        self._mark(NOTHING)
        for task, _ in places:
            task.prepare_ms += 1e3 * (time.perf_counter() - began) / len(places)
        if not self._fleet.send(lot := Lot(places, model, begun), begun.feeds, model.session.names):
            self._put_back(lot)

    def _done(self, event: "Done[Lot]") -> None:
        """Read the outputs for the parts of a request."""
        began, lot = time.perf_counter(), event.what
        self._longest_s = max(event.took_s, FADING * self._longest_s)
        jobs = [task.job for task, _ in lot.places if not task.over]
        if not jobs:
            return
        self._outbox.model_ran([job for job in jobs if len(job.header.crops or ()) <= 1])
        self._mark(in_hand(jobs[0].header))
        try:
            seek = any(job.header.camera is None for job in jobs)
            findings = lot.model.finish(lot.begun, event.arrays, seek=seek)
        except ModelError as error:
            self._failed(lot, error)
            return
        finally:
            self._mark(NOTHING)
        if findings is None:
            self._put_back(lot)
            return
        for (task, number), found in zip(lot.places, findings, strict=True):
            part = task.parts[number]
            task.found[number] = [found.moved(part.left, part.top)]
            task.infer_ms = max(task.infer_ms, 1e3 * event.took_s)
            task.read_ms += 1e3 * (time.perf_counter() - began) / len(lot.places)
            task.job.served_by, task.job.looked = event.server, lot.model
            if len(task.found) == len(task.parts) and not task.over:
                ordered = [one for at in range(len(task.parts)) for one in task.found[at]]
                task.job.done(ordered, Took(task.prepare_ms, task.infer_ms, task.read_ms))
                self._finish(task)

    def _put_back(self, lot: Lot) -> None:
        """Have parts wait again, ahead of others."""
        self._waiting.extendleft(reversed([(task, number) for task, number in lot.places if not task.over]))

    def _failed(self, lot: Lot, error: ModelError) -> None:
        """Give up a picture on which the model failed; of several in a request, one may be to blame."""
        tasks = list(dict.fromkeys(task for task, _ in lot.places if not task.over))
        if len(tasks) > 1:
            for task in tasks:
                task.alone = True
            self._put_back(lot)
            return
        for task in tasks:
            task.refused += 1
            if task.is_lossless and task.refused <= ERRORS:  # the server may have another model by now
                self._put_back(lot)
            else:
                task.job.fail("model-error", error)
                self._finish(task)

    def _look_here(self, task: Task, model: Model) -> None:
        """Have the model on this machine look at a picture."""
        self._mark(in_hand(task.job.header))
        task.job.served_by = None
        work(model, [task.job], self._settings.model, lambda: self._outbox.model_ran([task.job]))
        self._served_here += 1
        self._finish(task)

    def _finish(self, task: Task) -> None:
        """Send the outcome of a job."""
        task.over = True
        self._tasks.discard(task)
        self._waiting = deque(place for place in self._waiting if not place[0].over)
        self._send(task.job)

    def _introduce(self) -> None:
        self._hello(self._needed, self._credit)

    def _input(self) -> Input | None:
        """Size that is enough of a picture for the model, and for the one that stands in."""
        models = [model for model in (self._fleet.model, self._here) if model]
        needed = {self._input_of(model) for model in models}
        return needed.pop() if len(needed) == 1 else None

    def _report(self) -> WorkerReport:
        here = f"{self._here.session.provider} (no server: {self._fleet.reason})" if self._here else ""
        provider = self._fleet.summary or here
        return WorkerReport(
            served=self._served,
            longest_s=round(self._longest_s, 3),
            provider=provider,
            rejected=self._rejected,
            servers=self._fleet.reports(),
            served_here=self._served_here,
        )
