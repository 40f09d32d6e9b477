"""The reorder buffers of all cameras and models: messages in, results and acknowledgements out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from edge_daemon.messages.accounting import (
    Acks,
    Assigned,
    Captured,
    Gap,
    Joined,
    Lost,
    StartFrom,
    StreamKey,
    StreamState,
    ToSink,
)
from edge_daemon.messages.findings import Detection, Found
from edge_daemon.messages.outcomes import Outcome, Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import StreamCounts, Streams
from edge_daemon.messages.topics import OfCamera
from edge_daemon.settings import CameraPlan
from edge_daemon.sink.meter import Meter
from edge_daemon.sink.reorder_buffer import Arrival, Delivery, EndOfSource, ReorderBuffer

if TYPE_CHECKING:
    from edge_daemon.sink.analyses import Analyses

T = TypeVar("T")
Item = tuple[OfCamera, Arrival | None]
"""Something to be published; a result with the outcome that it was made of."""


class Collector:
    """Keeps a reorder buffer per camera and model, from the `states` that the previous sink left. Nothing is released
    until the dispatcher sent where to start. `analyses` make tracks, counts and events of results.
    """

    def __init__(
        self,
        cameras: dict[str, CameraPlan],
        states: Sequence[StreamState] = (),
        analyses: "Analyses | None" = None,
    ) -> None:
        self.analyses = analyses
        self._buffers: dict[StreamKey, ReorderBuffer] = {}
        self._meters: dict[StreamKey, Meter] = {}
        self._acked: dict[StreamKey, StreamState] = {}
        self._dirty: dict[StreamKey, None] = {}  # buffers that may have something to release
        self._moved: dict[StreamKey, None] = {}  # buffers whose state may have to be acknowledged
        self._found: dict[StreamKey, Found] = {}  # findings of the last result
        self._started = False
        self._open(cameras)
        self._begin(states)

    def change(self, cameras: dict[str, CameraPlan], now_ns: int) -> Iterator[Item]:
        """Switch to other cameras and models; yield what is still to be published of those that are gone."""
        gone = [buffer for (camera, model), buffer in self._buffers.items() if not _has(cameras, camera, model)]
        for buffer in gone:
            yield from self._published(buffer, buffer.close(), now_ns)
            for by_key in (self._buffers, self._meters, self._acked, self._found, self._dirty, self._moved):
                by_key.pop((buffer.camera, buffer.model), None)
        self._open(cameras)

    def _open(self, cameras: dict[str, CameraPlan]) -> None:
        self._cameras = cameras
        for camera, plan in cameras.items():
            for model in plan.models:
                buffer = self._buffers.setdefault((camera, model), ReorderBuffer(camera, model))
                buffer.reorder_wait_ns = int(plan.reorder_wait_s * 1e9) if plan.delivery == "live" else None
                self._meters.setdefault((camera, model), Meter())

    def receive(self, message: ToSink) -> None:
        """Apply a message of the dispatcher."""
        match message:
            case StartFrom():
                self._started = True
                self._begin(message.streams)
            case Joined() if self._started:
                self._begin([message.state])
            case Assigned() | Gap() | Lost() | Captured() if self._started:
                if buffer := self._buffers.get((message.camera, message.model)):
                    buffer.receive(message)
                    self._dirty[message.camera, message.model] = None

    def _begin(self, states: Sequence[StreamState]) -> None:
        for state in states:
            if buffer := self._buffers.get((state.camera, state.model)):
                buffer.start(state)
                self._dirty[buffer.camera, buffer.model] = self._moved[buffer.camera, buffer.model] = None

    def add(self, arrival: Arrival) -> bool:
        """Add a worker's outcome; false if the dispatcher's assignment has not arrived yet."""
        buffer = self._buffers.get((arrival.outcome.frame.camera, arrival.outcome.model))
        if buffer is None:
            return True
        self._dirty[buffer.camera, buffer.model] = None
        if arrival.outcome.after:
            buffer.parent = self._buffers.get((buffer.camera, arrival.outcome.after))
        return buffer.add(arrival)

    def suspend(self) -> list[StreamState]:
        """Release nothing until the dispatcher sends where to start; return how far each stream has come."""
        self._started = False
        return [buffer.state for buffer in self._buffers.values() if buffer.state.epoch]

    def release(self, now_ns: int) -> Iterator[Item]:
        """Yield what is to be published now, in order: results, each with its outcome, and ends."""
        if not self._started:
            return
        for key in sorted(self._dirty, key=lambda key: self._buffers[key].parent is not None):
            buffer = self._buffers[key]
            yield from self._published(buffer, buffer.release(now_ns), now_ns)
            self._moved[key] = None
            if buffer.is_empty:
                del self._dirty[key]

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to release."""
        return not self._dirty

    def close(self, now_ns: int) -> Iterator[Item]:
        """Yield the last that is to be published; after it nothing is in flight."""
        for buffer in sorted(self._buffers.values(), key=lambda buffer: buffer.parent is not None):
            yield from self._published(buffer, buffer.close(), now_ns)

    def take_acks(self, *, lossless: bool = True) -> Acks | None:
        """Return the streams that have moved since the last call, if any; without `lossless`, those have to wait."""
        if not self._started:
            return None
        held = {} if lossless else {key: None for key in self._moved if self._cameras[key[0]].delivery == "lossless"}
        states = {key: self._buffers[key].state for key in self._moved if key not in held}
        moved = {key: state for key, state in states.items() if state.epoch and state != self._acked.get(key)}
        self._acked |= moved
        self._moved = held
        return Acks(streams=list(moved.values())) if moved else None

    def dropped(self) -> dict[StreamKey, dict[str, int]]:
        """Frames dropped since the last result of each stream, by reason."""
        return {key: buffer.state.gap for key, buffer in self._buffers.items()}

    def counts(self, now_ns: int) -> Streams:
        """The counts of all streams."""
        return {
            camera: {model: self._counts((camera, model), now_ns) for model in plan.models}
            for camera, plan in self._cameras.items()
        }

    def _counts(self, key: StreamKey, now_ns: int) -> StreamCounts:
        buffer, meter = self._buffers[key], self._meters[key]
        return StreamCounts(
            captured=buffer.captured,
            delivered=buffer.delivered,
            dropped=dict(buffer.dropped),
            in_flight=buffer.in_flight,
            fps=round(meter.rate(now_ns), 2),
            latency_ms=meter.percentiles(now_ns),
            found=_names(self._found[key]) if key in self._found else {},
            totals=self.analyses.totals(*key) if self.analyses else msgspec.UNSET,
        )

    def _published(self, buffer: ReorderBuffer, released: list[Delivery | EndOfSource], now_ns: int) -> Iterator[Item]:
        for item in released:
            if isinstance(item, EndOfSource):
                yield from self._ended(buffer, now_ns)
            else:
                yield from self._delivered(buffer, item, now_ns)

    def _delivered(self, buffer: ReorderBuffer, item: Delivery, now_ns: int) -> Iterator[Item]:
        """A result, and what is made of it."""
        arrival, outcome = item.arrival, item.arrival.outcome
        total_ms = (now_ns - outcome.frame.captured_ns) / 1e6
        self._meters[buffer.camera, buffer.model].add(now_ns, total_ms)
        self._found[buffer.camera, buffer.model] = outcome.found
        result = _result(item, total_ms)
        if self.analyses is None:
            yield result, arrival
            return
        made = self.analyses.look(result, outcome.frame)
        if result.detections is not outcome.found.detections:  # they have numbers now
            found = msgspec.structs.replace(outcome.found, detections=result.detections)
            arrival = replace(arrival, outcome=msgspec.structs.replace(outcome, found=found))
        yield result, arrival
        for message in made:
            yield message, None

    def _ended(self, buffer: ReorderBuffer, now_ns: int) -> Iterator[Item]:
        """The end of a source, after that of what was made of its results."""
        for message in self.analyses.end(buffer.camera, buffer.model, now_ns) if self.analyses else ():
            yield message, None
        yield _end(buffer), None


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
        file=_or_unset(frame.file),
        width=frame.width,
        height=frame.height,
        detections=found.detections,
        unsure=found.unsure or msgspec.UNSET,
        classes=_or_unset(found.classes),
        segments=_or_unset(found.segments),
        embedding=_or_unset(found.embedding),
        keypoints=_or_unset(found.keypoints),
        skeleton=_or_unset(found.skeleton),
        values=_or_unset(found.values),
        text=_or_unset(found.text),
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
        served_by=_or_unset(outcome.served_by),
        after=_or_unset(outcome.after),
        truth=msgspec.UNSET if frame.truth is None else frame.truth,
    )


def _or_unset(value: T | None) -> T | msgspec.UnsetType:
    return msgspec.UNSET if value is None else value


def _names(found: Found) -> dict[str, int]:
    """Number of detections of each class; of a whole picture, the most likely class."""
    if found.classes:
        return {found.classes[0].class_name: 1}
    return dict(Counter(name for detection in found.detections for name in _names_of(detection)))


def _names_of(detection: Detection) -> list[str]:
    """Class of a detection; of one that another model found, the classes that this model finds in it."""
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
