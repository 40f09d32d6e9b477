"""Uploaded pictures on their way to the models: each waits until it is assigned, none is replaced."""

from collections import deque
from collections.abc import Mapping

from edge_daemon.dispatcher.outbox import WEB, Outbox
from edge_daemon.dispatcher.scheduler import Scheduler
from edge_daemon.dispatcher.source import Source
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.scheduling import Request, Returned, Send, WebHello, Withdraw
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import ModelPlan


class RequestQueue(Source):
    """Requests for one model by number, oldest first, and the workers that have them.

    A request does not end when its worker is done: the answer may be lost with that. The web withdraws it when it has
    the answer.
    """

    camera, epoch, reports_to, is_urgent = None, 0, WEB, True

    def __init__(self, model: str) -> None:
        self.model = model
        self._pending: deque[tuple[int, int]] = deque()
        self._assigned: dict[int, str] = {}

    def add(self, seq: int, deaths: int) -> None:
        """A request waits; `deaths` workers died with it."""
        if seq not in self._assigned and all(seq != pending for pending, _ in self._pending):
            self._pending.append((seq, deaths))

    def withdraw(self, seq: int) -> None:
        """The request needs no answer any more. If a worker has it, that is not interrupted."""
        self._assigned.pop(seq, None)
        self._pending = deque(pending for pending in self._pending if pending[0] != seq)

    def clear(self) -> None:
        """The web is gone, with all pictures."""
        self._pending.clear()
        self._assigned.clear()

    @property
    def is_waiting(self) -> bool:
        """True if a request waits."""
        return bool(self._pending)

    @property
    def is_suspect(self) -> bool:
        """True if a worker has died with the next request."""
        return bool(self._pending and self._pending[0][1])

    def assign(self, slot: WorkerSlot) -> tuple[Send, list[Returned]]:
        """Assign the oldest request to a worker."""
        seq, deaths = self._pending.popleft()
        self._assigned[seq] = slot.worker
        return Send(model=self.model, worker=slot.worker, inbox=slot.inbox, seq=seq, deaths=deaths), []

    def worker_lost(self, slot: WorkerSlot, marker: FrameId | None = None) -> list[Returned]:
        """A worker died: return its requests to the web, which counts the deaths."""
        lost = [seq for seq, worker in self._assigned.items() if worker == slot.worker]
        for seq in lost:
            del self._assigned[seq]
        return [Returned(model=self.model, seq=seq) for seq in lost]


class Requests:
    """The request queues of all models to which pictures can be uploaded."""

    def __init__(self, outbox: Outbox, scheduler: Scheduler) -> None:
        self._outbox, self._scheduler = outbox, scheduler
        self.queues: dict[str, RequestQueue] = {}

    def change(self, models: Mapping[str, ModelPlan]) -> None:
        """Go on with other models."""
        served = [name for name, plan in models.items() if plan.requests]
        self.queues = {name: self.queues.get(name) or RequestQueue(name) for name in served}

    def receive(self, message: WebHello | Request | Withdraw) -> None:
        """Take a message of the web."""
        match message:
            case WebHello():
                for model, seq, deaths in message.requests:
                    self._add(model, seq, deaths)
            case Request():
                self._add(message.model, message.seq, message.deaths)
            case Withdraw() if message.model in self.queues:
                self.queues[message.model].withdraw(message.seq)

    def _add(self, model: str, seq: int, deaths: int) -> None:
        if queue := self.queues.get(model):
            queue.add(seq, deaths)
            self._scheduler.wake(queue)
        else:
            self._outbox.send(WEB, Returned(model=model, seq=seq))

    def clear(self) -> None:
        """The web is gone."""
        for queue in self.queues.values():
            queue.clear()
