"""The workers that are connected."""

from collections.abc import Iterable, Mapping

from edge_daemon.dispatcher.outbox import Outbox
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.scheduling import BatchStarted, Credit, Dismissed, Leaving, WorkerHello
from edge_daemon.settings import ModelPlan


class Workers:
    """Worker slots by name, and by model."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._models: Mapping[str, ModelPlan] = {}
        self._slots: dict[str, WorkerSlot] = {}
        self.by_model: dict[str, list[WorkerSlot]] = {}

    def change(self, models: Mapping[str, ModelPlan]) -> None:
        """Switch to other models."""
        self._models = models
        self._keep(slot for slot in self._slots.values() if slot.model in models)

    def _keep(self, slots: Iterable[WorkerSlot]) -> None:
        self._slots = {slot.worker: slot for slot in slots}
        self.by_model = {}
        for slot in self._slots.values():
            self.by_model.setdefault(slot.model, []).append(slot)

    def get(self, worker: str, inbox: str | None = None) -> WorkerSlot | None:
        """The slot of a worker, if it is connected, and reads at `inbox`: another one may have taken its name."""
        slot = self._slots.get(worker)
        return slot if slot and inbox in (None, slot.inbox) else None

    def pop(self, worker: str) -> WorkerSlot | None:
        """Remove a worker and return its slot, if there is one."""
        popped = self._slots.pop(worker, None)
        self._keep(self._slots.values())
        return popped

    def receive(self, message: WorkerHello | BatchStarted | Credit | Leaving) -> None:
        """Take a message of a worker. Its hello replaces the slot of an earlier worker of the same name."""
        match message:
            case WorkerHello():
                if plan := self._models.get(message.model):
                    new = WorkerSlot(
                        message.worker, message.model, message.inbox, plan.batch, message.credit, message.input
                    )
                    self._keep([*self._slots.values(), new])
            case BatchStarted():
                if slot := self.get(message.worker):
                    slot.started = bool(slot.assigned)
            case Credit():
                if slot := self.get(message.worker, message.inbox):
                    slot.credit = message.credit
            case Leaving():
                if slot := self.get(message.worker, message.inbox):
                    slot.leaving = True
                else:
                    self._outbox.send(message.worker, Dismissed(inbox=message.inbox))

    def dismiss(self) -> None:
        """Dismiss the workers that are leaving and have no frame."""
        for slot in [slot for slot in self._slots.values() if slot.leaving and not slot.assigned]:
            self._outbox.send(slot.worker, Dismissed(inbox=slot.inbox))
            self.pop(slot.worker)

    def forget(self, camera: str | None, model: str | None = None) -> None:
        """Forget the assigned frames of a camera, or those for one model: they may never arrive, and others can be
        assigned.
        """
        for slot in self._slots.values():
            if model in (None, slot.model):
                slot.forget(camera)
