"""All cameras' buffers at one collector: messages in, results to publish and news for the dispatcher out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from edge_daemon.messages.accounting import Acks, Assigned, Captured, Gap, Joined, Lost, StartFrom, StreamState, ToSink
from edge_daemon.messages.findings import Detection, Found
from edge_daemon.messages.outcomes import Outcome, Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import StreamCounts, Streams
from edge_daemon.settings import CameraPlan
from edge_daemon.sink.meter import Meter
from edge_daemon.sink.reorder_buffer import Arrival, Delivery, EndOfSource, ReorderBuffer

T = TypeVar("T")
Key = tuple[str, str]
"""Camera and model."""


class Collector:
    """Keeps a reorder buffer per camera and model, from the `states` that the previous sink left. Nothing is released
    until the dispatcher sent where to start.
    """

    def __init__(self, cameras: dict[str, CameraPlan], states: Sequence[StreamState] = ()) -> None:
        self._buffers: dict[Key, ReorderBuffer] = {}
        self._meters: dict[Key, Meter] = {}
        self._acked: dict[Key, StreamState] = {}
        self._dirty: dict[Key, None] = {}  # of whom there was news, or is something awaited
        self._moved: dict[Key, None] = {}  # what may have to be acknowledged
        self._found: dict[Key, Found] = {}  # the last that was found
        self._started = False
        self._open(cameras)
        self._begin(states)

    def change(self, cameras: dict[str, CameraPlan], now_ns: int) -> Iterator[tuple[Result | End, Arrival | None]]:
        """Go on with other cameras and models; what there still is to publish of those that are gone."""
        gone = [buffer for (camera, model), buffer in self._buffers.items() if not _has(cameras, camera, model)]
        for buffer in gone:
            yield from self._published(buffer, buffer.close(), now_ns)
            for books in (self._buffers, self._meters, self._acked, self._found, self._dirty, self._moved):
                books.pop((buffer.camera, buffer.model), None)
        self._open(cameras)

    def _open(self, cameras: dict[str, CameraPlan]) -> None:
        self._cameras = cameras
        for camera, turn in cameras.items():
            for model in turn.models:
                buffer = self._buffers.setdefault((camera, model), ReorderBuffer(camera, model))
                buffer.reorder_wait_ns = int(turn.reorder_wait_s * 1e9) if turn.delivery == "live" else None
                self._meters.setdefault((camera, model), Meter())

    def tell(self, message: ToSink) -> None:
        """Take in what the dispatcher says."""
        match message:
            case StartFrom():
                self._started = True
                self._begin(message.streams)
            case Joined() if self._started:
                self._begin([message.state])
            case Assigned() | Gap() | Lost() | Captured() if self._started:
                if buffer := self._buffers.get((message.camera, message.model)):
                    buffer.tell(message)
                    self._dirty[message.camera, message.model] = None

    def _begin(self, states: Sequence[StreamState]) -> None:
        for state in states:
            if buffer := self._buffers.get((state.camera, state.model)):
                buffer.start(state)
                self._dirty[buffer.camera, buffer.model] = self._moved[buffer.camera, buffer.model] = None

    def arrived(self, arrival: Arrival) -> bool:
        """Take in what a worker made of a frame; false where the dispatcher has yet to tell of its turn."""
        buffer = self._buffers.get((arrival.outcome.frame.camera, arrival.outcome.model))
        if buffer is None:
            return True
        self._dirty[buffer.camera, buffer.model] = None
        return buffer.arrived(arrival)

    def hello(self) -> list[StreamState]:
        """How far everything has come, for a dispatcher that says where to start: it stays so until then."""
        self._started = False
        return [buffer.state for buffer in self._buffers.values() if buffer.state.epoch]

    def release(self, now_ns: int) -> Iterator[tuple[Result | End, Arrival | None]]:
        """What is to be published now, in order: results with the outcome they come from, and ends."""
        if not self._started:
            return
        for key in list(self._dirty):
            buffer = self._buffers[key]
            yield from self._published(buffer, buffer.release(now_ns), now_ns)
            self._moved[key] = None
            if not buffer.awaits:
                del self._dirty[key]

    @property
    def rests(self) -> bool:
        """Whether nothing is awaited."""
        return not self._dirty

    def close(self, now_ns: int) -> Iterator[tuple[Result | End, Arrival | None]]:
        """The last that is to be published; after it nothing is in flight."""
        for buffer in self._buffers.values():
            yield from self._published(buffer, buffer.close(), now_ns)

    def acks(self, *, lossless: bool = True) -> Acks | None:
        """The streams that have come further since the last call, if any; the lossless ones may have to wait."""
        if not self._started:
            return None
        held = {} if lossless else {key: None for key in self._moved if self._cameras[key[0]].delivery == "lossless"}
        states = {key: self._buffers[key].state for key in self._moved if key not in held}
        moved = {key: state for key, state in states.items() if state.epoch and state != self._acked.get(key)}
        self._acked |= moved
        self._moved = held
        return Acks(streams=list(moved.values())) if moved else None

    def counts(self, now_ns: int) -> Streams:
        """The counts of all streams."""
        return {
            camera: {model: self._counts((camera, model), now_ns) for model in turn.models}
            for camera, turn in self._cameras.items()
        }

    def _counts(self, key: Key, now_ns: int) -> StreamCounts:
        buffer, meter = self._buffers[key], self._meters[key]
        return StreamCounts(
            captured=buffer.captured,
            delivered=buffer.delivered,
            dropped=dict(buffer.dropped),
            in_flight=buffer.in_flight,
            fps=round(meter.rate(now_ns), 2),
            latency_ms=meter.percentiles(now_ns),
            found=_names(self._found[key]) if key in self._found else {},
        )

    def _published(
        self, buffer: ReorderBuffer, released: list[Delivery | EndOfSource], now_ns: int
    ) -> Iterator[tuple[Result | End, Arrival | None]]:
        for item in released:
            if isinstance(item, EndOfSource):
                yield _end(buffer), None
            else:
                total_ms = (now_ns - item.arrival.outcome.frame.captured_ns) / 1e6
                self._meters[buffer.camera, buffer.model].add(now_ns, total_ms)
                self._found[buffer.camera, buffer.model] = item.arrival.outcome.found
                yield _result(item, total_ms), item.arrival


def _result(delivery: Delivery, total_ms: float) -> Result:
    outcome: Outcome = delivery.arrival.outcome
    found = outcome.found
    frame, took = outcome.frame, outcome.timing_ms
    return Result(
        camera=frame.camera,
        model=outcome.model,
        epoch=frame.epoch,
        seq=frame.seq,
        captured_at=frame.captured_at,
        time_s=round(frame.time_s, 6),
        width=frame.width,
        height=frame.height,
        detections=found.detections,
        classes=_told(found.classes),
        segments=_told(found.segments),
        embedding=_told(found.embedding),
        keypoints=_told(found.keypoints),
        skeleton=_told(found.skeleton),
        values=_told(found.values),
        text=_told(found.text),
        dropped=dict(delivery.dropped),
        timing_ms=Timing(
            wait=round(took.wait, 2),
            decode=round(took.decode, 2),
            preprocess=round(took.preprocess, 2),
            infer=round(took.infer, 2),
            postprocess=round(took.postprocess, 2),
            total=round(total_ms, 2),
        ),
        worker=outcome.worker,
        after=_told(outcome.after),
        truth=msgspec.UNSET if frame.truth is None else frame.truth,
    )


def _told(value: T | None) -> T | msgspec.UnsetType:
    return msgspec.UNSET if value is None else value


def _names(found: Found) -> dict[str, int]:
    """How many of each class; of a whole picture the likeliest."""
    if found.classes:
        return {found.classes[0].class_name: 1}
    return dict(Counter(name for detection in found.detections for name in _names_of(detection)))


def _names_of(detection: Detection) -> list[str]:
    """What it is; for what another model found, what this one makes of it."""
    if detection.classes:
        return [detection.classes[0].class_name]
    if detection.detections is not None:
        return [inner.class_name for inner in detection.detections]
    return [detection.class_name]


def _has(cameras: dict[str, CameraPlan], camera: str, model: str) -> bool:
    return camera in cameras and model in cameras[camera].models


def _end(buffer: ReorderBuffer) -> End:
    return End(
        camera=buffer.camera,
        model=buffer.model,
        epoch=buffer.state.epoch,
        captured=buffer.captured,
        delivered=buffer.delivered,
        dropped=dict(buffer.dropped),
    )
