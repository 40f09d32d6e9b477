"""Uploaded pictures on their way to the models: each waits until it is assigned, and is never replaced."""

from collections.abc import Mapping

from edge_daemon.dispatcher.competitor import Competitor
from edge_daemon.dispatcher.outbox import WEB, Outbox
from edge_daemon.dispatcher.scheduler import Scheduler
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.scheduling import ModelInput, Request, Returned, SendUpload, WebHello, Withdraw, WorkerHello
from edge_daemon.runtime.crash_marker import InHand
from edge_daemon.settings import ModelPlan


class RequestQueue(Competitor):
    """Requests for one model by number, oldest first, and the workers that have them.

    A request does not end when its worker is done: the answer may be lost with that. The web withdraws it when it has
    the answer.
    """

    camera, live, reports_to = None, True, WEB

    def __init__(self, model: str) -> None:
        self.model = model
        self._pending: dict[int, int] = {}  # numbers of requests, and of workers that died with them
        self._assigned: dict[int, str] = {}

    def add(self, number: int, deaths: int) -> None:
        """Add a request, with which `deaths` workers have died."""
        if number not in self._assigned:
            self._pending.setdefault(number, deaths)

    def withdraw(self, number: int) -> None:
        """Remove a request that needs no answer any more. A worker that has it is not interrupted."""
        self._assigned.pop(number, None)
        self._pending.pop(number, None)

    def clear(self) -> None:
        """Drop all requests: the web has ended."""
        self._pending.clear()
        self._assigned.clear()

    @property
    def is_waiting(self) -> bool:
        """True if a request waits."""
        return bool(self._pending)

    @property
    def is_suspect(self) -> bool:
        """True if a worker has died with the next request."""
        return bool(next(iter(self._pending.values()), 0))

    def expire(self, now_ns: int) -> None:
        """Do nothing: the web withdraws requests that have waited too long."""

    def assign(self, slot: WorkerSlot) -> tuple[SendUpload, list[Returned]]:
        """Assign the oldest request to a worker."""
        number, deaths = next(iter(self._pending.items()))
        del self._pending[number]
        self._assigned[number] = slot.worker
        slot.assign(number, alone=deaths > 0)
        return SendUpload(model=self.model, worker=slot.worker, inbox=slot.inbox, number=number), []

    def worker_lost(self, slot: WorkerSlot, marker: InHand | None = None) -> list[Returned]:
        """Return the requests of a worker that died to the web, which counts the deaths."""
        lost = [number for number, worker in self._assigned.items() if worker == slot.worker]
        for number in lost:
            del self._assigned[number]
        return [Returned(model=self.model, number=number) for number in lost]


class RequestQueues:
    """The request queues of all models to which pictures can be uploaded."""

    def __init__(self, outbox: Outbox, scheduler: Scheduler) -> None:
        self._outbox, self._scheduler = outbox, scheduler
        self.queues: dict[str, RequestQueue] = {}
        self._inputs: dict[str, ModelInput] = {}

    def change(self, models: Mapping[str, ModelPlan]) -> None:
        """Switch to other models."""
        weights = {name: plan.requests for name, plan in models.items() if plan.requests}
        self.queues = {name: self.queues.get(name) or RequestQueue(name) for name in weights}
        for name, queue in self.queues.items():
            queue.weight = weights[name]

    def worker_hello(self, hello: WorkerHello) -> None:
        """A worker is there: the web may send smaller pictures."""
        self._inputs[hello.model] = needed = ModelInput(model=hello.model, input=hello.input)
        if hello.model in self.queues:
            self._outbox.send(WEB, needed)

    def receive(self, message: WebHello | Request | Withdraw) -> None:
        """Take a message of the web."""
        match message:
            case WebHello():
                self._outbox.send(WEB, *self._inputs.values())
                for model, number, deaths in message.requests:
                    self._add(model, number, deaths)
            case Request():
                self._add(message.model, message.number, message.deaths)
            case Withdraw() if message.model in self.queues:
                self.queues[message.model].withdraw(message.number)

    def _add(self, model: str, number: int, deaths: int) -> None:
        if queue := self.queues.get(model):
            queue.add(number, deaths)
            self._scheduler.wake((queue,))
        else:
            self._outbox.send(WEB, Returned(model=model, number=number))

    def clear(self) -> None:
        """Drop the requests of all models: the web has ended."""
        for queue in self.queues.values():
            queue.clear()
