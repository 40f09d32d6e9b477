"""The state of the daemon: what each process reports of itself once a second, and the `status/` message made of it."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.hints import ENDED, hint_for, reason_in
from edge_daemon.messages.published import PROTOCOL_VERSION
from edge_daemon.messages.switches import SwitchState

CAPTURE, WORKER, BRIDGE = "capture", "worker", "bridge"
"""The roles whose processes stand for something that has a name of its own: a camera, a model, a receiver."""


class MotionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """State of a camera's motion gate, the time of its last change, and the share of the frames that passed."""

    state: Literal["moving", "still"]
    since: str
    passed: float


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that every process reports: the number of messages that it `rejected` as malformed or unexpected."""

    rejected: int = 0


class CaptureReport(ProcessReport, frozen=True, kw_only=True):
    """A camera's frames: how many a second it gives, their size, and its source in words (`about`).

    `announced` is the number of frames that the dispatcher was offered, `held` of those of a lossless source that are
    not acknowledged yet. While it is down, `tries` attempts to open it have failed, and the next is in `next_try_s`
    (absent during an attempt). If it gives no pictures, or always the same, `hint` is a sentence on what to do. If
    another stream of it is recorded, `main_stream` is the state of that.
    """

    fps: float = 0.0
    width: int = 0
    height: int = 0
    about: str = ""
    announced: int = 0
    held: int = 0
    tries: int = 0
    next_try_s: float | msgspec.UnsetType = msgspec.UNSET
    hint: str | msgspec.UnsetType = msgspec.UNSET
    motion: MotionStatus | msgspec.UnsetType = msgspec.UNSET
    main_stream: str | msgspec.UnsetType = msgspec.UNSET


class ServerReport(msgspec.Struct, frozen=True, kw_only=True):
    """An inference server of a worker's model: its address, `up` or `down (REASON)`, the usual time until an answer,
    requests in flight and how many may be, and those answered and failed so far.
    """

    server: str
    state: str
    latency_ms: float = 0.0
    in_flight: int = 0
    most_in_flight: int = 0
    served: int = 0
    failed: int = 0


class WorkerReport(ProcessReport, frozen=True, kw_only=True):
    """The number of frames that a worker has served, the longest time that one took lately, and the execution provider
    that its model runs on; of a model on other machines, the servers, and how many frames were `served_here` by the
    model that stands in for them.
    """

    served: int = 0
    longest_s: float = 0.0
    provider: str = ""
    servers: list[ServerReport] | msgspec.UnsetType = msgspec.UNSET
    served_here: int | msgspec.UnsetType = msgspec.UNSET


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of what is made of the results of one camera and model: events that began, by rule; crossings by line,
    class and direction (`in`, `out`); how many are in each zone now, by class; and the time that nobody looked.

    `events` counts from the start of the sink on, the other totals survive it.
    """

    events: dict[str, int] = {}
    lines: dict[str, dict[str, dict[str, int]]] = {}
    zones: dict[str, dict[str, int]] = {}
    blind_s: float = 0.0


class StreamCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of one camera for one model, over all epochs.

    `captured` is the sum of `delivered`, `dropped` (by reason) and `in_flight`. `fps` and `latency_ms` (`p50`, `p90`,
    `p99`; empty without results) are those of the last seconds, `found` are the classes of the last result. `totals`
    are there if zones, lines or rules are about them.
    """

    captured: int
    delivered: int
    dropped: Dropped
    in_flight: int
    fps: float
    latency_ms: dict[str, float]
    found: dict[str, int]
    totals: Totals | msgspec.UnsetType = msgspec.UNSET


Streams = dict[str, dict[str, StreamCounts]]
"""Counts by camera and model."""


class SinkReport(ProcessReport, frozen=True, kw_only=True):
    """The counts of all streams. While the sink `waits_for_disk`, lossless sources wait too."""

    streams: Streams = {}
    waits_for_disk: bool = False


class RecorderReport(ProcessReport, frozen=True, kw_only=True):
    """What is stored, in bytes, and what is free there; `full_in_s` until the oldest has to go, at the rate of the last
    day, and the `forecast` in words. `position` is that of the last entry; `removed` counts events that had to go
    before their time, `undelivered` messages that had to before all receivers had them.
    """

    position: int = 0
    stored_bytes: int = 0
    free_bytes: int = 0
    full_in_s: float | None = None
    forecast: str = ""
    removed: int = 0
    undelivered: int = 0


class BridgeReport(ProcessReport, frozen=True, kw_only=True):
    """Delivery to a receiver: its kind, and host and port or the like (`to`).

    `waiting` messages are not delivered yet, the oldest for `lag_s`. `delivered`, `retried` (tries that failed), `dead`
    (rejected for good) and `lost` (too much for its memory while it was away) are counted since its process began.
    While it is away, `reason` is why, `tries` attempts have failed, and the next is in `next_try_s`; `hint` is what to
    do.
    """

    kind: str = ""
    to: str = ""
    position: int = 0
    waiting: int = 0
    lag_s: float = 0.0
    delivered: int = 0
    retried: int = 0
    dead: int = 0
    lost: int = 0
    tries: int = 0
    next_try_s: float | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    hint: str | msgspec.UnsetType = msgspec.UNSET


class CameraStatus(CaptureReport, frozen=True, kw_only=True):
    """A camera: the state of its capture and when it began, its figures, and its counts by model.

    If it gives no pictures, or always the same, `reason` is why, in a word or two.
    """

    state: str
    since: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    models: dict[str, StreamCounts]


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process as the supervisor sees it. `cpu` is in cores, `memory_bytes` is proportional (PSS). Its state began
    at `since`; `next_start_s` is the time until one that has ended is started again.

    `silent_s` is the time since its last report; for a worker, its model has been busy for at least that long.
    `rejected` counts malformed or unexpected messages. `detail` is the report of a capture, worker, recorder or
    bridge; other processes have none.
    """

    name: str
    role: str
    pid: int | None
    state: str
    restarts: int
    cpu: float
    memory_bytes: int
    silent_s: float = 0.0
    since: str = ""
    next_start_s: float | msgspec.UnsetType = msgspec.UNSET
    rejected: int = 0
    detail: Annotated[
        dict[str, Any], msgspec.Meta(examples=[{"served": 1234, "longest_s": 0.07, "provider": "cpu", "rejected": 0}])
    ] = {}

    @property
    def title(self) -> str:
        """Title such as `capture door`, or just `sink` for a role with one process."""
        return title(self.role, self.name)

    @property
    def camera(self) -> str | None:
        """The camera that this process captures, if any."""
        return self.name if self.role == CAPTURE else None

    @property
    def model(self) -> str | None:
        """The model that this process serves, if any."""
        return self.name.rpartition("-")[0] if self.role == WORKER else None

    @property
    def receiver(self) -> str | None:
        """The receiver that this process delivers to, if any."""
        return self.name if self.role == BRIDGE else None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A `status` message: the state of all cameras and processes, and what people have switched, once a second."""

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["status"] = "status"
    at: str
    cameras: dict[str, CameraStatus]
    processes: list[ProcessStatus]
    switches: SwitchState = SwitchState()


def camera_statuses(streams: Streams, processes: Iterable[ProcessStatus]) -> dict[str, CameraStatus]:
    """Join the counts of each camera with what its capture reports."""
    captures = {process.camera: process for process in processes if process.camera is not None}
    return {camera: _camera_status(captures.get(camera), models) for camera, models in streams.items()}


def _camera_status(capture: ProcessStatus | None, models: dict[str, StreamCounts]) -> CameraStatus:
    if capture is None:
        return CameraStatus(state="unknown", models=models)
    known: dict[str, Any] = {**capture.detail, "state": capture.state, "models": models}
    if capture.since:
        known["since"] = capture.since
    if capture.next_start_s is not msgspec.UNSET:  # what its process reported before it ended is past
        known |= {"fps": 0.0, "tries": 0, "next_try_s": capture.next_start_s}
        known |= {"reason": ENDED, "hint": hint_for(ENDED)}
    elif reason := reason_in(capture.state):
        known["reason"] = reason
    return msgspec.convert(known, CameraStatus)


def title(role: str, name: str) -> str:
    """Title of a process; see `ProcessStatus.title`."""
    return role if role == name else f"{role} {name}"
