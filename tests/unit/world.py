"""A daemon without processes: the pure cores connected by queues, so that anything may happen in any order.

Captures and workers are modelled by the few lines that their processes add to the cores; dispatcher and sink are the
real cores. Each queue keeps its order, as a channel does, and is lost with the process that reads it.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from edge_daemon.capture.announcements import Announcements
from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.messages.accounting import SinkHello, StartFrom, StreamState
from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import POISON, Failure
from edge_daemon.messages.findings import Detection, Found
from edge_daemon.messages.frames import Crop, Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.scheduling import (
    Announce,
    BatchStarted,
    CaptureHello,
    Dismissed,
    Ended,
    Introduce,
    Leaving,
    Missing,
    Release,
    Send,
    Sent,
    Skipped,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import NOTHING, FrameId
from edge_daemon.settings import CameraPlan, CaptureSettings, Delivery, ModelPlan
from edge_daemon.sink.collector import Collector
from edge_daemon.sink.reorder_buffer import Arrival

Fate = Literal["offered", "paced", "still", "undecodable"]
WINDOW = 6
REFRESH = 3
KEPT = 8
"""Frames that a live capture keeps for models that come after others."""
POISONOUS = ("file", "b", 5)
"""The frame of this number, camera and model kills the worker that looks at it."""
PERSON = Detection(xyxy=(0, 0, 1, 1), confidence=0.9, class_id=0, class_name="person")
CROP = Crop(index=0, xyxy=(0, 0, 1, 1), confidence=0.9, class_id=0, class_name="person")


def fate_in_file(seq: int) -> Fate:
    """Fate of a file's frame before it is announced."""
    if seq % 3 == 1:
        return "paced"
    if seq % 11 == 3:
        return "undecodable"
    return "still" if seq % 4 == 2 else "offered"


def announcements_of(camera: str, *, live: bool, clock: Callable[[], float] = float) -> Announcements:
    """What a capture queues for the dispatcher, in steps of the world's clock."""
    delivery: Delivery = "live" if live else "lossless"
    settings = CaptureSettings(camera=camera, source="x", delivery=delivery, dispatcher="", announce_s=REFRESH)
    return Announcements(settings, clock)


@dataclass
class Capture:
    """Model of a capture process: it numbers, buffers and announces frames."""

    camera: str
    live: bool
    length: int | None
    generation: int = 0
    epoch: int | None = None
    seq: int = -1
    announcements: Announcements = field(default_factory=lambda: announcements_of("", live=True))
    paced: int = 0
    still: int = 0
    undecodable: int = 0
    held: list[tuple[int, int, int, int]] = field(default_factory=list)
    kept: list[tuple[int, int, int, int]] = field(default_factory=list)
    sent: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    start_at: int = 0
    ended: bool = False
    finished: bool = False
    unsent: list[Message] = field(default_factory=list)

    @property
    def peer(self) -> str:
        return f"capture/{self.camera}/{self.generation}"


@dataclass
class Worker:
    """Model of a worker process: it serves one frame or batch at a time, and reports frames of files by twos."""

    name: str
    model: str
    generation: int = 0
    inbox: deque[Frame] = field(default_factory=deque)
    serving: list[Frame] = field(default_factory=list)
    reported: bool = False
    unsent: list[tuple[WorkerReady, Outcome]] = field(default_factory=list)
    leaves: bool = False
    dismissed: bool = False

    @property
    def address(self) -> str:
        return f"{self.name}#{self.generation}"


class World:
    """All processes and the queues between them."""

    def __init__(
        self,
        cameras: dict[str, CameraPlan],
        workers: dict[str, str],
        length: int,
        models: dict[str, ModelPlan],
    ) -> None:
        self.cameras, self.now, self.length = cameras, 1, length
        self.restarted: list[str] | None = None  # set after the sink has changed and before the dispatcher has
        self.cameras_of_dispatcher = cameras
        self.models = models
        self.followed = {model.after for model in models.values() if model.after}
        self.captures = {camera: self.new_capture(camera) for camera in cameras}
        self.workers = {name: Worker(name, model) for name, model in workers.items()}
        self.generations: dict[str, int] = {}
        self.queues: dict[tuple[str, str], deque[Message]] = {}
        self.published: dict[tuple[str, str], list[Result | End]] = {}
        self.deaths: Counter[tuple[str, str, int]] = Counter()  # of workers that had a frame: camera, model, number
        self.checkpoint: dict[tuple[str, str], StreamState] = {}
        self.crash_markers: dict[str, FrameId] = {}
        self.start_dispatcher()
        self.start_sink()
        for camera in cameras:
            self.capture_hello(camera)
        for name in workers:
            self.worker_hello(name)

    def new_capture(self, camera: str, generation: int = 0) -> Capture:
        live = self.cameras[camera].delivery == "live"
        announcements = announcements_of(camera, live=live, clock=lambda: self.now)
        return Capture(camera, live, None if live else self.length, generation, announcements=announcements)

    # queues

    def put(self, source: str, target: str, message: Message) -> None:
        self.queues.setdefault((source, target), deque()).append(message)

    def lose(self, process: str) -> None:
        """Messages on their way to `process` are lost."""
        for (_, target), queue in self.queues.items():
            if target == process:
                queue.clear()

    def busy_queues(self) -> list[tuple[str, str]]:
        return sorted(key for key, queue in self.queues.items() if queue)

    def carry(self, source: str, target: str) -> None:
        """Deliver the oldest message of one queue."""
        message = self.queues[source, target].popleft()
        if target == "dispatcher":
            self.dispatcher.receive(source, message)  # type: ignore[arg-type]
            self.assign()
        elif target == "sink" and isinstance(message, Outcome):
            self.collector.add(Arrival(message, None, self.now))
            self.release()
        elif target == "sink":
            self._started |= isinstance(message, StartFrom)
            self.collector.receive(message)  # type: ignore[arg-type]
            self.release()
        elif target in self.workers:
            if isinstance(message, Frame):
                self.workers[target].inbox.append(message)
            else:
                assert isinstance(message, Dismissed)
                self.workers[target].dismissed |= message.inbox == self.workers[target].address
                self.end_if_dismissed(target)
        else:
            capture = self.captures.get(target.split("/")[1])
            if capture and capture.peer == target:
                self.capture_receives(capture, message)
                self.announce_what_is_due(capture)

    # dispatcher and sink

    def start_dispatcher(self) -> None:
        self.dispatcher = Dispatcher(
            self.cameras_of_dispatcher,
            self.models,
            epochs=Epochs(wall=lambda: self.now),
            crash_marker=self.crash_markers.get,
        )

    def start_sink(self) -> None:
        self.collector = Collector(self.cameras, list(self.checkpoint.values()))
        self._started = False
        self.sink_hello()

    @property
    def sink_has_started(self) -> bool:
        """True if the sink knows from the dispatcher where to start."""
        return bool(self._started)

    def assign(self) -> None:
        self.dispatcher.assign(self.now)
        for peer, message in self.dispatcher.outbox:
            self.put("dispatcher", peer, message)
        self.dispatcher.outbox.clear()

    def flush(self) -> None:
        self.dispatcher.flush()
        self.assign()

    def sink_hello(self) -> None:
        self.put("sink", "dispatcher", SinkHello(streams=self.collector.suspend(), watched=[]))

    def release(self) -> None:
        for message, _ in self.collector.release(self.now):
            if isinstance(message, Result | End):
                self.published.setdefault((message.camera, message.model), []).append(message)
        if acks := self.collector.take_acks():
            self.checkpoint |= {(state.camera, state.model): state for state in acks.streams}
            self.put("sink", "dispatcher", acks)

    # captures

    def send(self, capture: Capture, *messages: Message) -> None:
        """A capture sends the dispatcher the messages that could wait, and these."""
        for message in (*capture.unsent, *messages):
            self.put(capture.peer, "dispatcher", message)
        capture.unsent.clear()

    def capture_hello(self, camera: str) -> None:
        capture = self.captures[camera]
        capture.unsent.clear()
        self.announce(capture)
        held = capture.held if capture.epoch is not None else []
        ended = capture.seq + 1 if capture.ended else None
        self.send(
            capture,
            CaptureHello(
                camera=camera,
                epoch=capture.epoch,
                buffered=list(held),
                ended=ended,
                still=capture.still if capture.ended else 0,
                undecodable=capture.undecodable if capture.ended else 0,
            ),
        )

    def can_read(self, camera: str) -> bool:
        capture = self.captures[camera]
        room = capture.live or len(capture.held) < WINDOW
        return capture.epoch is not None and not capture.ended and room

    def read_frame(self, camera: str, *, fate: Fate = "offered") -> None:
        """The source gives a frame, or ends; the `fate` of a live one is to be offered or skipped."""
        capture = self.captures[camera]
        assert capture.epoch is not None
        if capture.length is not None and capture.seq + 1 >= capture.length:
            self.announce(capture)
            capture.ended = True
            self.send(
                capture,
                Ended(
                    camera=camera,
                    epoch=capture.epoch,
                    captured=capture.seq + 1,
                    paced=capture.paced,
                    still=capture.still,
                    undecodable=capture.undecodable,
                ),
            )
            return
        capture.seq += 1
        if capture.seq < capture.start_at:
            return
        if capture.length is not None:  # a file's pictures and times are the same when it is read again
            fate = fate_in_file(capture.seq)
        if fate != "offered":
            capture.paced += fate == "paced"
            capture.still += fate == "still"
            capture.undecodable += fate == "undecodable"
            return
        if capture.live:
            capture.held.clear()
        capture.held.append((capture.seq, self.now, capture.still, capture.undecodable))
        message = Announce(
            camera=camera,
            epoch=capture.epoch,
            seq=capture.seq,
            captured_ns=self.now,
            paced=capture.paced,
            still=capture.still,
            undecodable=capture.undecodable,
        )
        capture.announcements.add(message)
        capture.paced = capture.still = capture.undecodable = 0
        self.announce_what_is_due(capture)

    def announce_what_is_due(self, capture: Capture) -> None:
        if capture.announcements.is_due():
            self.announce(capture)

    def announce(self, capture: Capture, up_to: int | None = None) -> None:
        for message in capture.announcements.take(up_to) if capture.epoch is not None else ():
            self.send(capture, message)

    def report_skipped(self, camera: str) -> None:
        """A live capture reports frames that it skipped, before one is offered."""
        capture = self.captures[camera]
        if capture.epoch is not None and capture.live and (capture.paced or capture.still or capture.undecodable):
            skipped = Skipped(
                camera=camera,
                epoch=capture.epoch,
                seq=capture.seq,
                paced=capture.paced,
                still=capture.still,
                undecodable=capture.undecodable,
            )
            capture.announcements.add(skipped)
            capture.paced = capture.still = capture.undecodable = 0
            self.announce_what_is_due(capture)

    def capture_receives(self, capture: Capture, message: Message) -> None:
        match message:
            case Introduce():
                self.capture_hello(capture.camera)
            case Welcome() if capture.epoch is None:
                capture.epoch, capture.start_at = message.epoch, message.next_seq
            case Release() if message.finished and capture.epoch in (None, message.epoch):
                capture.finished = True
            case Release() if message.epoch == capture.epoch:
                capture.held = [held for held in capture.held if held[0] > message.seq]
                capture.announcements.passed(message.seq)
            case Send():
                self.send_frame(capture, message)

    def send_frame(self, capture: Capture, order: Send) -> None:
        if capture.live and order.deaths >= POISON:
            held = next((held for held in capture.sent.values() if held[0] == order.seq), None)
        elif order.crops is None:
            held = next((held for held in capture.held if held[0] >= order.seq), None)
        else:
            held = next((held for held in (*capture.kept, *capture.held) if held[0] == order.seq), None)
        if capture.epoch is None:
            return
        if held is None:
            missing = Missing(
                camera=capture.camera, epoch=capture.epoch, model=order.model, worker=order.worker, seq=order.seq
            )
            self.send(capture, missing)
            return
        if order.keep and capture.live:
            capture.kept = [*capture.kept, held][-KEPT:]
        seq, captured_ns, *_ = capture.sent[order.worker] = held
        self.announce(capture, up_to=seq)
        capture.announcements.passed(seq)
        frame = Frame(
            camera=capture.camera,
            epoch=capture.epoch,
            seq=seq,
            captured_ns=captured_ns,
            captured_at="",
            width=1,
            height=1,
            codec="raw",
            crops=order.crops,
            deaths=order.deaths,
            deferrable=not capture.live,
            share=order.keep,
        )
        if order.inbox == self.workers[order.worker].address:
            self.put(f"{capture.peer}>", order.worker, frame)
        sent = Sent(
            camera=capture.camera,
            epoch=capture.epoch,
            model=order.model,
            worker=order.worker,
            inbox=order.inbox,
            seq=seq,
        )
        capture.unsent.append(sent)
        if not capture.live:
            self.send(capture)

    # workers

    def worker_hello(self, name: str) -> None:
        worker = self.workers[name]
        hello = WorkerHello(worker=name, model=worker.model, inbox=worker.address)
        self.put(name, "dispatcher", hello)

    def work(self, name: str) -> None:
        """A worker begins a frame, or is done with the one in hand."""
        worker = self.workers[name]
        plan = self.models[worker.model]
        if not worker.serving:
            while worker.inbox and len(worker.serving) < plan.batch:
                worker.serving.append(worker.inbox.popleft())
            if worker.serving and plan.batch > 1:
                self.put(name, "dispatcher", BatchStarted(worker=name))
            elif worker.serving:
                frame = worker.serving[0]
                self.crash_markers[worker.address] = FrameId(frame.camera, frame.epoch, frame.seq)
            return
        if any((f.camera, worker.model, f.seq) == POISONOUS and f.deaths < POISON for f in worker.serving):
            self.kill_worker(name)
            return
        if not worker.reported and all(not frame.deferrable and not frame.share for frame in worker.serving):
            worker.reported = True  # a live camera's next frame may arrive while this one's result is sent
            for frame in worker.serving:
                self.put(
                    name, "dispatcher", WorkerReady(worker=name, camera=frame.camera, epoch=frame.epoch, seq=frame.seq)
                )
            return
        for frame in worker.serving:
            failed = self.failure(worker, frame)
            found = Found(detections=[PERSON] * (frame.seq % 3))
            crops = [CROP] * len(found.detections) if worker.model in self.followed else None
            free = WorkerReady(
                worker=name,
                camera=frame.camera,
                epoch=frame.epoch,
                seq=frame.seq,
                found=None if failed else crops,
                failed=failed,
            )
            outcome = Outcome(frame=frame, model=worker.model, worker=name, found=found, failed=failed)
            if plan.after:
                assert frame.crops is not None, "it has to know where to look"
                assert len(frame.crops) == min(frame.seq % 3, plan.max_crops)
            worker.unsent.append((free, outcome))
        waits = len(worker.unsent) < 2 and all(frame.deferrable for frame in worker.serving)
        if not (waits and worker.inbox and plan.batch == 1):
            for free, outcome in worker.unsent:
                if not worker.reported:
                    self.put(name, "dispatcher", free)
                self.put(f"{name}>", "sink", outcome)
            worker.unsent.clear()
        worker.serving, worker.reported = [], False
        if plan.batch == 1:
            self.crash_markers[worker.address] = NOTHING
        self.end_if_dismissed(name)

    def failure(self, worker: Worker, frame: Frame) -> Failure | None:
        """Why there is no result: too many workers died of it, or (live) a model that others follow fails on it."""
        if frame.deaths >= POISON:
            return "poison"
        capture = self.captures.get(frame.camera)
        fails = frame.seq % 5 == 4 and worker.model in self.followed and capture is not None and capture.live
        return "model-error" if fails else None

    # deaths, each followed by a new process

    def kill_worker(self, name: str) -> None:
        worker = self.workers[name]
        coming = [frame for (_, target), queue in self.queues.items() if target == name for frame in queue]
        for frame in (*worker.serving, *worker.inbox, *coming):
            if isinstance(frame, Frame):
                self.deaths[frame.camera, worker.model, frame.seq] += 1
        self.lose(name)
        self.dispatcher.disconnected(name)
        self.assign()
        self.workers[name] = Worker(name, worker.model, worker.generation + 1)
        self.dispatcher.exited(name, "worker")
        self.assign()
        self.worker_hello(name)

    def kill_capture(self, camera: str, *, cut_off: bool = False) -> None:
        """With `cut_off`, what the capture was sending is lost, although its report may have arrived."""
        old = self.captures[camera]
        if cut_off:
            for (source, _), queue in self.queues.items():
                if source == f"{old.peer}>":
                    queue.clear()
        self.lose(old.peer)
        self.captures[camera] = self.new_capture(camera, old.generation + 1)
        self.dispatcher.exited(camera, "capture")
        self.assign()
        self.settle(old.peer, "dispatcher")  # its last messages may arrive after the report of its end
        self.capture_hello(camera)

    def kill_sink(self) -> None:
        for source in (
            "sink",
            *self.workers,
        ):  # a new process takes a while: what was sent before has arrived by then
            self.settle(source, "dispatcher")
        self.lose("sink")
        self.dispatcher.exited("sink", "sink")
        self.assign()
        self.start_sink()

    def kill_dispatcher(self) -> None:
        self.lose("dispatcher")
        for (source, _), queue in self.queues.items():
            if source == "dispatcher":
                queue.clear()
        self.start_dispatcher()
        self.sink_hello()
        for camera in self.captures:
            self.capture_hello(camera)
        for name in self.workers:
            self.worker_hello(name)

    def kill_both(self) -> None:
        """Sink and dispatcher die together."""
        self.lose("sink")
        self.start_sink()
        self.kill_dispatcher()

    def settle(self, source: str, target: str) -> None:
        """Deliver all of one queue: only one process is lost at a time."""
        while self.queues.get((source, target)):
            self.carry(source, target)

    # reload, in the supervisor's order: the sink, captures that go, the dispatcher, captures that come

    def change_sink(self, cameras: dict[str, CameraPlan], restarted: list[str]) -> None:
        before, self.cameras, self.restarted = self.cameras, cameras, restarted
        for message, _ in self.collector.change(cameras, self.now):
            if isinstance(message, Result | End):
                self.published.setdefault((message.camera, message.model), []).append(message)
        self.gone = [camera for camera in before if camera not in cameras]
        for camera in [*restarted, *self.gone]:
            self.stop_capture(camera)

    def stop_capture(self, camera: str) -> None:
        old = self.captures.pop(camera)
        self.generations[camera] = old.generation
        self.send(old)
        self.settle(old.peer, "dispatcher")
        self.lose(old.peer)
        self.dispatcher.exited(camera, "capture")
        self.assign()

    def change_dispatcher(self) -> None:
        assert self.restarted is not None
        self.cameras_of_dispatcher = self.cameras
        self.dispatcher.change(self.cameras, self.models, self.restarted)
        self.assign()
        self.restarted = None
        for camera in self.cameras:
            if camera not in self.captures:
                self.captures[camera] = self.new_capture(camera, self.generations.get(camera, 0) + 1)
                self.capture_hello(camera)

    def leave(self, name: str) -> None:
        """A worker is to stop, and is replaced when it has."""
        worker = self.workers[name]
        if not worker.leaves:
            worker.leaves = True
            self.put(name, "dispatcher", Leaving(worker=name, inbox=worker.address))

    def end_if_dismissed(self, name: str) -> None:
        """End a worker that was dismissed and has served all its frames."""
        worker = self.workers[name]
        if worker.dismissed and not worker.serving and not worker.inbox:
            self.settle(name, "dispatcher")
            self.kill_worker(name)

    # the end

    def run_out(self, steps: int = 500) -> None:
        """Go on without disturbance until nothing happens any more."""
        for _ in range(steps):
            self.now += 1
            for camera, capture in self.captures.items():
                if capture.length is not None and self.can_read(camera):
                    self.read_frame(camera)
                self.send(capture)
            self.flush()
            for name in self.workers:
                self.work(name)
            for _ in range(8):
                for source, target in self.busy_queues():
                    self.carry(source, target)
            self.release()
            if all(capture.finished for capture in self.captures.values() if not capture.live):
                return
