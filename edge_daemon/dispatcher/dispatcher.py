"""The dispatcher's decisions, without sockets or clock: messages in, messages out."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from edge_daemon.dispatcher.request_queue import RequestQueue
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.dispatcher.stride_scheduler import StrideScheduler
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.accounting import Acks, Assigned, Joined, SinkHello, StartFrom, Watched
from edge_daemon.messages.codec import Message
from edge_daemon.messages.frames import Annotation, Crop
from edge_daemon.messages.scheduling import (
    Announce,
    BatchStarted,
    CaptureHello,
    Dismissed,
    Ended,
    FromCapture,
    Introduce,
    Leaving,
    Missing,
    ModelInput,
    Release,
    Request,
    Returned,
    Send,
    SendUpload,
    Sent,
    Skipped,
    ToDispatcher,
    UploadDone,
    WebHello,
    Welcome,
    Withdraw,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import FrameId, InHand
from edge_daemon.settings import CameraPlan, Cascade

logger = logging.getLogger(__name__)
SINK = "sink"
WEB = "web"
REQUESTS = "/web"
"""Stands for a camera's name where requests are scheduled beside cameras."""
AHEAD = 2
"""Frames that a worker holds beside what it is at, so that it never waits, where none of them gets stale by that: it
tells of two at a time.
"""


class Dispatcher:
    """Matches free workers with frames that wait.

    What it wants said is left in `outbox` as (peer, message), in order. Nothing is given out while the sink is away,
    for there would be nobody to take the result; live frames are then replaced, lossless sources wait. `crash_marker`
    gives the frame that the worker of an inbox had in hand when it died. A new epoch is above the one in `epochs`.
    """

    def __init__(
        self,
        cameras: dict[str, CameraPlan],
        cascades: Mapping[str, Cascade] | None = None,
        batches: Mapping[str, int] | None = None,
        requests: Mapping[str, float] | None = None,
        *,
        epochs: Mapping[str, int] | None = None,
        wall: Callable[[], float] = time.time,
        crash_marker: Callable[[str], InHand | None] = lambda inbox: None,
    ) -> None:
        self._wall, self._crash_marker = wall, crash_marker
        self.outbox: list[tuple[str, Message]] = []
        self._streams: dict[tuple[str, str], Stream] = {}
        self._by_camera: dict[str, list[Stream]] = {}  # those that follow others after these
        self._awake: dict[str, dict[str, Stream]] = {}  # by model and camera: who may have a frame for a worker,
        self._coming: dict[str, dict[str, Stream]] = {}  # and who may have one soon
        self._dirty: dict[str, None] = {}  # cameras of which the sink may not know all
        self._schedulers: dict[str, StrideScheduler] = {}
        self._joining: set[Stream] = set()  # of models that are new to a camera
        self.epochs = dict(epochs or {})  # the highest of each camera, which keeps it when it is away
        self.epochs_changed = False  # to be saved before the outbox is sent
        self._restarted: set[str] = set()  # cameras whose next capture begins an epoch, whatever the last one left
        self._queues: dict[str, RequestQueue] = {}  # of pictures that people sent in, by model
        self._workers: dict[str, WorkerSlot] = {}
        self._captures: dict[str, str] = {}  # by camera, the peer that speaks for it
        self._heard: dict[str, str] = {}  # and the one whose hello was heard since it is known where to go on
        self._watched: set[str] = set()
        self._sink_seen = self._sink_here = False
        self.change(cameras, cascades or {}, batches or {}, requests or {})

    def change(
        self,
        cameras: dict[str, CameraPlan],
        cascades: Mapping[str, Cascade],
        batches: Mapping[str, int],
        requests: Mapping[str, float],
        restarted: Iterable[str] = (),
    ) -> None:
        """Go on with other cameras and models. The captures of the cameras `restarted` are replaced. `requests` are the
        models to which pictures can be uploaded, and the weight of these beside the cameras.

        The sink has to know of new cameras and models by now, and those that are gone are over for it.
        """
        self._cameras, self._cascades, self._batches = cameras, cascades, batches
        before, self._streams = self._streams, {}
        for camera, turn in cameras.items():
            for model in sorted(turn.models, key=self._depth):
                self._streams[camera, model] = self._stream(camera, model, turn, before.get((camera, model)))
        self._by_camera = {camera: [] for camera in cameras}
        for stream in self._streams.values():
            self._by_camera[stream.camera].append(stream)
        self._remove([stream for key, stream in before.items() if self._streams.get(key) is not stream])
        models = dict.fromkeys(chain(*(turn.models for turn in cameras.values()), requests))
        weights = {m: {camera: turn.weight for camera, turn in cameras.items() if m in turn.models} for m in models}
        for model, weight in requests.items():
            weights[model][REQUESTS] = weight
        self._awake, self._coming = {model: {} for model in models}, {model: {} for model in models}
        self._queues = {model: self._queues.get(model) or RequestQueue() for model in requests}
        self._schedulers = {model: self._schedulers.get(model) or StrideScheduler(weights[model]) for model in models}
        for model, scheduler in self._schedulers.items():
            scheduler.change(weights[model])
        self._files = [camera for camera, turn in cameras.items() if turn.delivery == "lossless"]
        self._fresh = {m for turn in cameras.values() if turn.delivery == "live" for m in turn.models} | {*requests}
        self._workers = {worker: slot for worker, slot in self._workers.items() if slot.model in self._schedulers}
        for camera in restarted:
            self._restarted.add(camera)
            self._capture_gone(camera, for_good=True)
        for (camera, model), stream in self._streams.items():
            turn = cameras[camera]
            stream.change(live=turn.delivery == "live", max_age_ns=int(turn.max_age_s * 1e9))
            if camera in self._heard and (camera, model) not in before:
                self._joining.add(stream)
                self._tell_capture(camera, Introduce())
        self._wake(*cameras)
        for camera in (
            self._cameras.keys() - self._restarted
        ):  # what it holds may have been for a model alone that is gone
            self._release(camera)

    def _stream(self, camera: str, model: str, turn: CameraPlan, known: Stream | None) -> Stream:
        """The stream as it is, or a new one."""
        cascade = self._cascades.get(model)
        after = self._streams[camera, cascade.after] if cascade else None
        if known and known.after is after:
            return known
        return Stream(camera, model, live=turn.delivery == "live", max_age_ns=int(turn.max_age_s * 1e9), after=after)

    def _remove(self, streams: list[Stream]) -> None:
        for stream in streams:
            stream.leave()
            for slot in self._workers.values():
                if slot.model == stream.model:
                    slot.forget(stream.camera)

    def receive(self, peer: str, message: ToDispatcher) -> None:
        """Take in what `peer` (as its socket is named) says."""
        match message:
            case Announce() | Sent() | Skipped() | Missing() | Ended() | CaptureHello() if (
                message.camera in self._cameras
            ):
                if isinstance(message, CaptureHello):
                    self._captures[message.camera] = peer
                    if self._sink_seen:
                        self._heard[message.camera] = peer
                if self._heard.get(message.camera) == peer == self._captures.get(message.camera):
                    self._from_capture(peer, message)
            case WorkerReady():
                self._worker_free(message)
            case SinkHello():
                self._sink_hello(message)
            case Acks():
                self._settle(message)
            case Watched():
                self._watched = set(message.cameras)
            case WorkerHello():
                self._worker_hello(message)
            case BatchStarted():
                if slot := self._workers.get(message.worker):
                    slot.begun = bool(slot.given)
            case WebHello():
                for slot in self._workers.values():
                    self._say(WEB, ModelInput(model=slot.model, input=slot.input))
                for model, seq, deaths in message.requests:
                    self._add_request(model, seq, deaths)
            case Request():
                self._add_request(message.model, message.number, message.deaths)
            case Withdraw():
                if message.model in self._queues:
                    self._queues[message.model].withdraw(message.number)
            case UploadDone():
                if slot := self._workers.get(message.worker):
                    slot.done(REQUESTS, 0, message.number, newer=False)
            case Leaving():
                if (slot := self._workers.get(message.worker)) and slot.inbox == message.inbox:
                    slot.leaves = True
                else:
                    self._say(message.worker, Dismissed(inbox=message.inbox))
            case _:
                logger.warning("ignored a message about camera %s, which is not configured", message.camera)

    def exited(self, process: str, role: str) -> None:
        """The supervisor saw a process end."""
        if role == "worker":
            self._worker_gone(process)
        elif role == "capture":
            self._captures.pop(process, None)
            self._capture_gone(process)
        elif role == SINK:
            self._sink_here = False
        elif role == WEB:
            for queue in self._queues.values():
                queue.clear()
            for slot in self._workers.values():
                slot.forget(REQUESTS)

    def is_deferrable(self, message: Message) -> bool:
        """Whether a message need not be heard at once: files and their results may be a moment late."""
        if isinstance(message, Assigned):
            return self._cameras[message.camera].delivery == "lossless"
        return isinstance(message, Release) and not message.finished

    def deferrable_peers(self) -> Collection[str]:
        """The peers whose word is of no use before a worker is done: captures of files, if no worker lacks a frame."""
        slots = self._workers.values()
        if not self._files or any(slot.has_room(0 if slot.model in self._fresh else AHEAD) for slot in slots):
            return ()
        return [self._captures[camera] for camera in self._files if camera in self._captures]

    def assign(self, now_ns: int) -> None:
        """Give free workers the frames that wait, fairly; those that leave and have none may go."""
        for worker in [worker for worker, slot in self._workers.items() if slot.leaves and not slot.given]:
            self._say(worker, Dismissed(inbox=self._workers.pop(worker).inbox))
        for ahead in range(AHEAD + 1 if self._files else 1):  # whoever has nothing to do comes first
            satisfied = set(self._fresh) if ahead else set()  # models that have nothing more for their workers
            for worker, slot in self._workers.items():
                while slot.model not in satisfied and slot.has_room(ahead):
                    camera = self._next_for(slot, now_ns)
                    if camera is None:
                        if not slot.given:  # one that has a frame is not shown what another would be
                            satisfied.add(slot.model)
                        break
                    if camera == REQUESTS:
                        self._give_request(worker, slot)
                    else:
                        self._give(self._streams[camera, slot.model], worker, slot)

    def _next_for(self, slot: WorkerSlot, now_ns: int) -> str | None:
        """Whose frame this worker gets. While the sink is away only those get an answer that it does not go through."""
        awake, queue = self._awake[slot.model] if self._sink_here else {}, self._queues.get(slot.model)
        if not awake and not queue:
            return None
        offering = []
        for camera, stream in list(awake.items()):
            if stream.has_turn(now_ns):
                if not (stream.suspect and slot.given):
                    offering.append(camera)
            elif not stream.holds:
                del awake[camera]
        if queue and not (queue.suspect and slot.given):
            offering.append(REQUESTS)
        if not offering:
            return None
        scheduler = self._schedulers[slot.model]
        expected = self._expected(slot.model, now_ns) if self._sink_here and scheduler.anybody_is_owed() else ()
        ages = {camera: awake[camera].age_ns(now_ns) for camera in offering if camera in awake and awake[camera].live}
        return scheduler.next(offering, expected, ages)

    def _expected(self, model: str, now_ns: int) -> list[str]:
        """The cameras that have nothing to offer, and will have in a moment."""
        awake, coming = self._awake[model], self._coming[model]
        for camera in [camera for camera, stream in coming.items() if not stream.is_expected(now_ns)]:
            del coming[camera]
        return [camera for camera in coming if camera not in awake]

    def _add_request(self, model: str, seq: int, deaths: int) -> None:
        if model in self._queues:
            self._queues[model].add(seq, deaths)
        else:
            self._say(WEB, Returned(model=model, number=seq))

    def _give_request(self, worker: str, slot: WorkerSlot) -> None:
        queue = self._queues[slot.model]
        slot.alone = queue.suspect
        number, _ = queue.give(worker)
        slot.given.append((REQUESTS, 0, number))
        self._say(WEB, SendUpload(model=slot.model, worker=worker, inbox=slot.inbox, number=number))

    def _give(self, stream: Stream, worker: str, slot: WorkerSlot) -> None:
        camera = stream.camera
        slot.alone = stream.suspect
        frame, told = stream.ask(worker)
        slot.given.append((camera, stream.epoch, frame.seq))
        self._tell_sink(told)
        send = Send(
            model=slot.model,
            worker=worker,
            inbox=slot.inbox,
            seq=frame.seq,
            annotate=self._annotation(camera, slot.model),
            keep=bool(stream.followers),
            input=slot.input,
            crops=frame.crops,
            deaths=frame.deaths,
        )
        self._tell_capture(camera, send)
        self._wake(camera)

    def _annotation(self, camera: str, model: str) -> Annotation | None:
        """The first of a camera's models draws; what others find is drawn in by the sink."""
        models = self._cameras[camera].models
        if camera not in self._watched or model != models[0]:
            return None
        return "jpeg" if len(models) == 1 else "raw"

    def _wake(self, *cameras: str) -> None:
        """Something happened to the frames of these cameras."""
        for camera in cameras:
            self._dirty[camera] = None
            for stream in self._streams_of(camera):
                self._awake[stream.model][camera] = self._coming[stream.model][camera] = stream

    @property
    def rests(self) -> bool:
        """Whether there is nothing to do until somebody says something."""
        return not self._dirty

    def flush(self) -> None:
        """Tell the sink what it has not learned from turns."""
        if not self._sink_here:
            return
        dirty, self._dirty = self._dirty, {}
        for camera in dirty:
            for stream in self._streams_of(camera):
                if told := stream.flush():
                    self._tell_sink(told)
                    self._wake(camera)
                if stream.holds or not stream.up_to_date:
                    self._dirty[camera] = None

    # captures

    def _from_capture(self, peer: str, message: FromCapture) -> None:
        streams = self._streams_of(message.camera)
        self._wake(message.camera)
        if isinstance(message, CaptureHello):
            self._capture_hello(peer, message, streams)
            return
        for stream in streams:
            if stream.epoch != message.epoch:
                continue
            match message:
                case Announce():
                    stream.announce(message.seq, message.captured_ns, message.paced, message.still, message.replaced)
                case Skipped():
                    stream.passed(message.seq, message.paced, message.still)
                case Ended():
                    stream.ended(message.captured, message.paced, message.still)
                case Missing() if message.model == stream.model:
                    stream.missing(message.worker, message.seq)
                    if slot := self._workers.get(message.worker):
                        slot.done(message.camera, message.epoch, message.seq, newer=False)
                case Sent() if message.model == stream.model:
                    slot = self._workers.get(message.worker)
                    alive = slot is not None and slot.inbox == message.inbox
                    self._tell_sink(stream.sent(message.seq, message.worker, alive=alive))

    def _capture_hello(self, peer: str, hello: CaptureHello, streams: list[Stream]) -> None:
        epoch = hello.epoch
        if epoch is None:
            self._capture_gone(hello.camera)
            if all(stream.finished for stream in streams) and hello.camera not in self._restarted:
                self._release(hello.camera)
                return
            epoch, first = self._next_epoch(streams)
            self._say(peer, Welcome(epoch=epoch, next_seq=first))
        base = self._joined_at(hello, epoch)
        for stream in sorted(streams, key=lambda stream: self._depth(stream.model)):
            if stream in self._joining:
                self._joining.remove(stream)
                stream.join(epoch, base)
                self._say(SINK, Joined(state=stream.state))
            elif stream.epoch != epoch:
                self._tell_sink(stream.capture_lost())
                stream.begin(epoch)
            for seq, captured_ns, still in hello.buffered:
                stream.announce(seq, captured_ns, still=still)
            if hello.ended is not None:
                stream.ended(hello.ended, still=hello.still)
        if hello.epoch is not None:  # what it holds may have been settled while there was nobody to tell it
            self._release(hello.camera)

    def _next_epoch(self, streams: list[Stream]) -> tuple[int, int]:
        """Epoch and first frame of a capture that begins: a lossless one goes on where the last one was lost."""
        camera, last = streams[0].camera, max(stream.epoch for stream in streams)
        restarted = camera in self._restarted
        self._restarted.discard(camera)
        if last == 0 or streams[0].live or restarted:
            self.epochs[camera] = max(int(self._wall()), last + 1, self.epochs.get(camera, 0) + 1)
            self.epochs_changed = True
            return self.epochs[camera], 0
        known = [stream for stream in streams if stream not in self._joining]
        return last, min(stream.resolved + 1 if stream.epoch == last else 0 for stream in known)

    def _joined_at(self, hello: CaptureHello, epoch: int) -> int:
        """The last frame of an epoch before those that a new model gets, or -1 where it gets all."""
        if hello.buffered:
            return hello.buffered[0][0] - 1
        return max((stream.announced for stream in self._streams_of(hello.camera) if stream.epoch == epoch), default=-1)

    def _capture_gone(self, camera: str, *, for_good: bool = False) -> None:
        """Whether a frame that was being sent has come through, nobody knows: its worker is given another."""
        for slot in self._workers.values():
            slot.forget(camera)
        self._wake(camera)
        for stream in self._streams_of(camera):
            self._tell_sink(stream.capture_lost(for_good=for_good))

    def _streams_of(self, camera: str) -> list[Stream]:
        return self._by_camera.get(camera, [])

    # workers

    def _worker_hello(self, hello: WorkerHello) -> None:
        known = self._workers.get(hello.worker)
        if known and known.inbox != hello.inbox:
            self._worker_gone(hello.worker)
        if hello.model in self._schedulers:
            self._workers[hello.worker] = WorkerSlot(
                hello.model, hello.inbox, self._batches.get(hello.model, 1), hello.input
            )
            if hello.model in self._queues:
                self._say(WEB, ModelInput(model=hello.model, input=hello.input))

    def _worker_free(self, message: WorkerReady) -> None:
        slot = self._workers.get(message.worker)
        stream = self._streams.get((message.camera, slot.model)) if slot else None
        if slot is None or stream is None:  # of a stream that is gone, the slot was told when it went
            return
        self._wake(message.camera)
        if stream.epoch == message.epoch:
            self._tell_sink(stream.sent(message.seq, message.worker, alive=True))
            stream.served(message.worker, message.seq)
            for follower in stream.followers:
                follower.offer(message.seq, message.failed or self._wanted(follower.model, message.found or []))
        slot.done(message.camera, message.epoch, message.seq, newer=stream.live)

    def _wanted(self, model: str, found: Sequence[Crop]) -> list[Crop]:
        """What of `found` a model is to look at: the surest first, not more than it wants."""
        cascade = self._cascades[model]
        wanted = [crop for crop in found if cascade.classes is None or crop.class_name in cascade.classes]
        return sorted(wanted, key=lambda crop: -crop.confidence)[: cascade.max_crops]

    def _depth(self, model: str) -> int:
        """How many models a model comes after."""
        cascade = self._cascades.get(model)
        return 0 if cascade is None else 1 + self._depth(cascade.after)

    def _worker_gone(self, worker: str) -> None:
        if slot := self._workers.pop(worker, None):
            self._wake(*self._cameras)
            at = self._crash_marker(slot.inbox)
            stream = self._streams.get((at.camera, slot.model)) if isinstance(at, FrameId) else None
            if stream and isinstance(at, FrameId) and stream.epoch == at.epoch:
                self._tell_sink(stream.sent(at.seq, worker, alive=True))
            for stream in self._streams.values():
                self._tell_sink(stream.worker_lost(worker, in_hand=slot.in_hand(stream.camera, at)))
            for model, queue in self._queues.items():
                for seq in queue.lost(worker):
                    self._say(WEB, Returned(model=model, number=seq))

    # the sink

    def _sink_hello(self, hello: SinkHello) -> None:
        self._settle(Acks(streams=hello.streams))
        first, self._sink_seen, self._sink_here = not self._sink_seen, True, True
        self._watched = set(hello.watched)
        self._wake(*self._cameras)
        if first:
            for stream in self._streams.values():
                stream.resume()
            for camera in self._captures:
                self._tell_capture(camera, Introduce())
        self._say(SINK, StartFrom(streams=[stream.state for stream in self._streams.values()]))
        if not first:
            for stream in self._streams.values():
                self._tell_sink(stream.tell_again())

    def _settle(self, acks: Acks) -> None:
        for state in acks.streams:
            if stream := self._streams.get((state.camera, state.model)):
                stream.settle(state)
        for camera in dict.fromkeys(state.camera for state in acks.streams):
            self._release(camera)

    def _release(self, camera: str) -> None:
        """Tell a capture which frames it need not keep."""
        if streams := self._streams_of(camera):
            finished = all(stream.finished for stream in streams)
            seq = min(stream.resolved for stream in streams)
            if finished or (not streams[0].live and seq >= 0):
                self._tell_capture(camera, Release(epoch=streams[0].epoch, seq=seq, finished=finished))

    def _tell_capture(self, camera: str, message: Message) -> None:
        if camera in self._captures:
            self._say(self._captures[camera], message)

    def _tell_sink(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._say(SINK, message)

    def _say(self, peer: str, message: Message) -> None:
        self.outbox.append((peer, message))
