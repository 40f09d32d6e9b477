"""The dispatcher's decisions, without sockets or clock: messages in, messages out."""

from collections.abc import Callable, Collection, Mapping

from edge_daemon.dispatcher.cameras import Cameras
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.dispatcher.outbox import SINK, WEB, Outbox
from edge_daemon.dispatcher.request_queue import RequestQueues
from edge_daemon.dispatcher.scheduler import Scheduler
from edge_daemon.dispatcher.workers import Workers
from edge_daemon.messages.accounting import Acks, Assigned, SinkHello, Watched
from edge_daemon.messages.codec import Message
from edge_daemon.messages.scheduling import (
    Announce,
    BatchStarted,
    CaptureHello,
    Credit,
    Ended,
    Leaving,
    Missing,
    Release,
    Request,
    Sent,
    Skipped,
    ToDispatcher,
    UploadDone,
    WebHello,
    Withdraw,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import InHand
from edge_daemon.settings import CameraPlan, ModelPlan


class Dispatcher:
    """Matches workers with frames that wait.

    Messages to others are left in `outbox`. No camera's frame is assigned while the sink is away, because nothing
    would receive its result; live frames are then replaced, lossless sources wait. `crash_marker` returns the frame
    that the worker of an inbox had in hand when it died.
    """

    def __init__(
        self,
        cameras: Mapping[str, CameraPlan],
        models: Mapping[str, ModelPlan],
        *,
        epochs: Epochs | None = None,
        crash_marker: Callable[[str], InHand | None] = lambda inbox: None,
    ) -> None:
        self.outbox = Outbox()
        self._crash_marker = crash_marker
        self._scheduler = Scheduler()
        self._workers = Workers(self.outbox)
        self._requests = RequestQueues(self.outbox, self._scheduler)
        self._cameras = Cameras(self.outbox, self._scheduler, self._workers, epochs or Epochs())
        self._away = {SINK}
        self.change(cameras, models)

    def change(
        self, cameras: Mapping[str, CameraPlan], models: Mapping[str, ModelPlan], restarted: Collection[str] = ()
    ) -> None:
        """Switch to other cameras and models. The captures of the cameras `restarted` are replaced.

        The sink must already know the new cameras and models, and have closed the streams that are removed.
        """
        self._workers.change(models)
        self._requests.change(models)
        self._cameras.change(cameras, models, restarted)
        self._scheduler.change(models, [*self._cameras.streams, *self._requests.queues.values()])
        self._cameras.touch_all()

    def receive(self, peer: str, message: ToDispatcher) -> None:
        """Take a message of `peer`."""
        match message:
            case Announce() | Sent() | Skipped() | Missing() | Ended() | CaptureHello():
                self._cameras.receive(peer, message)
            case WorkerReady():
                if slot := self._workers.get(message.worker):
                    self._cameras.served(slot, message)
            case UploadDone():
                if slot := self._workers.get(message.worker):
                    slot.done(message.number)
            case SinkHello():
                self._away.discard(SINK)
                self._cameras.sink_hello(message)
            case Acks():
                self._cameras.acknowledge(message.streams)
            case Watched():
                self._cameras.watch(message.cameras)
            case WorkerHello():
                known = self._workers.get(message.worker)
                if known and known.inbox != message.inbox:
                    self._worker_lost(message.worker)
                self._workers.receive(message)
                self._requests.worker_hello(message)
            case BatchStarted() | Credit() | Leaving():
                self._workers.receive(message)
            case WebHello() | Request() | Withdraw():
                self._requests.receive(message)

    def disconnected(self, peer: str) -> None:
        """Handle a closed channel. A worker serves the frames it has, and gets no others before its next hello."""
        if slot := self._workers.get(peer):
            slot.connected = False

    def exited(self, process: str, role: str) -> None:
        """Handle the end of a process."""
        match role:
            case "worker":
                self._worker_lost(process)
            case "capture":
                self._cameras.capture_exited(process)
            case "sink":
                self._away.add(SINK)
            case "web":
                self._requests.clear()
                self._workers.forget(None)

    def assign(self, now_ns: int) -> None:
        """Assign the frames that wait to workers, fairly; dismiss workers that are leaving and have none."""
        self._workers.dismiss()
        for slot, competitor in self._scheduler.matches(self._workers.by_model, now_ns, self._away):
            send, reports = competitor.assign(slot)
            self.outbox.send(competitor.reports_to, *reports)
            if competitor.camera is None:
                self.outbox.send(WEB, send)
            else:
                self._cameras.send(competitor.camera, send)

    def flush(self) -> None:
        """Report to the sink what it does not know from assignments."""
        if SINK not in self._away:
            self._cameras.flush()

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to do before the next message."""
        return self._cameras.is_idle

    def is_deferrable(self, message: Message) -> bool:
        """True if a message may be sent a moment later: files and their results may be late."""
        if isinstance(message, Assigned):
            return self._cameras.is_lossless(message.camera)
        return isinstance(message, Release) and not message.finished

    def deferrable_peers(self) -> Collection[str]:
        """Peers whose messages are of no use before a worker is ready: captures of files, if no worker has credit."""
        captures = self._cameras.lossless_captures()
        return [] if captures and self._scheduler.has_credit(self._workers.by_model) else captures

    def _worker_lost(self, worker: str) -> None:
        if slot := self._workers.pop(worker):
            marker = self._crash_marker(slot.inbox)
            for competitor in self._scheduler.competitors(slot.model):
                self.outbox.send(competitor.reports_to, *competitor.worker_lost(slot, marker))
            self._cameras.touch_all()
