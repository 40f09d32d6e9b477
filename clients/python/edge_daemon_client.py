"""Subscriber to edge-daemon for Python programs: one file that needs pyzmq and msgspec only.

Generated from edge-daemon by `python -m tools.client_file`.
"""

import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import zmq

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__version__ = "0.1.0"


class ExitCode(IntEnum):
    """Exit codes, for shells and systemd."""

    OK = 0
    FAILED = 1
    CONFIG = 2
    START = 3


class EdgeError(Exception):
    """Base of errors whose message gives the cause, the place and a remedy, without a traceback.

    `problems` are the problems of a configuration (`config.problems.Problem`), if those are the cause.
    """

    exit_code = ExitCode.FAILED
    problems: Sequence[object] = ()


class StartError(EdgeError):
    """A requirement of this run is missing or in use: an address, a folder, a font."""

    exit_code = ExitCode.START


class WireError(EdgeError):
    """Malformed, truncated or oversized bytes instead of a message, or a message of another version."""


class PictureError(EdgeError):
    """A picture cannot be decoded or encoded, or is too large."""


class RequestError(EdgeError):
    """A client's request cannot be fulfilled."""


Dropped = dict[str, int]
"""Frames by `Reason`. The keys are plain strings, so that reasons of a newer peer stay readable."""


class Rle(msgspec.Struct, frozen=True, kw_only=True):
    """A mask in COCO's run-length encoding (pycocotools reads it); `size` is height and width of the frame."""

    size: tuple[int, int]
    counts: str


class Detection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One box in pixels of the source frame, with the number of its track, if it has one, and the model's additions.

    `keypoints` are x, y and confidence each, `skeleton` names their set; `corners` (x and y, clockwise) and `angle`
    (radians, clockwise, of the side from the first corner to the second) are those of an oriented box.

    In the result of a model that runs after another, the box is the other's detection, number `parent` of its
    detections in the same frame, and `classes`, `detections`, `embedding`, `keypoints`, `values` or `text` are this
    model's findings in it.
    """

    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    class_name: str
    tracker_id: int | None = None
    mask: Rle | None = None
    keypoints: list[tuple[float, float, float]] | None = None
    skeleton: str | None = None
    corners: list[tuple[float, float]] | None = None
    angle: float | None = None
    parent: int | None = None
    classes: list["PictureClass"] | None = None
    detections: list["Detection"] | None = None
    embedding: list[float] | None = None
    values: list["Value"] | None = None
    text: "Text | None" = None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a model estimates, such as an age or an angle."""

    name: str
    value: float


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Characters that a model reads; `confidence` is the mean of those of the characters."""

    text: str
    confidence: float


class PictureClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class of the whole frame."""

    class_id: int
    class_name: str
    confidence: float


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the frame that shows a class; `area` is its share of the frame."""

    class_id: int
    class_name: str
    area: float
    mask: Rle


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that one frame spent in each stage; `total` runs from capture to publication."""

    wait: float = 0.0
    decode: float = 0.0
    preprocess: float = 0.0
    infer: float = 0.0
    postprocess: float = 0.0
    total: float = 0.0


Codec = Literal["auto", "raw", "jpeg", "png", "webp"]
PROTOCOL_VERSION: Literal[1] = 1


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What another model of the camera found, as it is drawn in a frame: in the same picture (`seq`), or, as dashed
    boxes, in one that is `age_ms` older.
    """

    model: str
    seq: int
    age_ms: float = 0.0
    detections: list[Detection] = []
    classes: list[PictureClass] | msgspec.UnsetType = msgspec.UNSET
    segments: list[Segment] | msgspec.UnsetType = msgspec.UNSET


class Result(msgspec.Struct, kw_only=True):
    """A `result` message; `frame` messages have the same header plus `encoding`, and `drawn`: the findings of the
    camera's other models that are drawn too. Nothing else is.

    `time_s` is camera time: seconds since the epoch began, on the camera's own clock; a file's position in the file.
    `file` is the name of the picture, for folders. `unsure` are detections below the threshold of their class, which
    tracking uses. `served_by` is the address of the server on which the model ran, if not on this machine.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["result", "frame"] = "result"
    camera: str
    model: str
    epoch: int
    seq: int
    captured_at: str
    time_s: float = 0.0
    file: str | msgspec.UnsetType = msgspec.UNSET
    width: int
    height: int
    detections: list[Detection]
    unsure: list[Detection] | msgspec.UnsetType = msgspec.UNSET
    classes: list[PictureClass] | msgspec.UnsetType = msgspec.UNSET
    segments: list[Segment] | msgspec.UnsetType = msgspec.UNSET
    embedding: list[float] | msgspec.UnsetType = msgspec.UNSET
    keypoints: list[tuple[float, float, float]] | msgspec.UnsetType = msgspec.UNSET
    skeleton: str | msgspec.UnsetType = msgspec.UNSET
    values: list[Value] | msgspec.UnsetType = msgspec.UNSET
    text: Text | msgspec.UnsetType = msgspec.UNSET
    dropped: Dropped
    timing_ms: Timing
    worker: str
    served_by: str | msgspec.UnsetType = msgspec.UNSET
    after: str | msgspec.UnsetType = msgspec.UNSET
    truth: list[list[float]] | msgspec.UnsetType = msgspec.UNSET
    encoding: Codec | msgspec.UnsetType = msgspec.UNSET
    drawn: list[Drawn] | msgspec.UnsetType = msgspec.UNSET

    def to_supervision(self) -> Any:
        """The boxes as `supervision.Detections`, with their tracks (-1: none yet) and `class_name`; without masks.

        Raises:
            ModuleNotFoundError: supervision is not installed.
        """
        import numpy as np
        import supervision  # not a dependency

        if not self.detections:
            return supervision.Detections.empty()
        ids = [one.tracker_id or -1 for one in self.detections]
        return supervision.Detections(
            xyxy=np.array([one.xyxy for one in self.detections], np.float32),
            confidence=np.array([one.confidence for one in self.detections], np.float32),
            class_id=np.array([one.class_id for one in self.detections], np.int64),
            tracker_id=np.array(ids, np.int64) if max(ids) > 0 else None,
            data={"class_name": np.array([one.class_name for one in self.detections])},
        )


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last message of a finite source, per model, with the totals."""

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["end"] = "end"
    camera: str
    model: str
    epoch: int
    captured: int
    delivered: int
    dropped: Dropped


class SwitchState(msgspec.Struct, frozen=True, kw_only=True):
    """The mode (None: there are none), the rules that are off, each until a time (UTC; None: for good), and the cameras
    that are off.
    """

    mode: str | None = None
    off: dict[str, str | None] = {}
    cameras_off: list[str] = []

    def at(self, now: str, modes: Sequence[str]) -> "SwitchState":
        """The state at a time: rules whose time has come are on, and the first of `modes` is the usual one."""
        mode = self.mode if self.mode in modes else next(iter(modes), None)
        off = {rule: until for rule, until in self.off.items() if not until or until > now}
        return SwitchState(mode=mode, off=off, cameras_off=self.cameras_off)


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


def title(role: str, name: str) -> str:
    """Title of a process; see `ProcessStatus.title`."""
    return role if role == name else f"{role} {name}"


class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Crossings of a line by one class, in the interval unless stated otherwise."""

    in_: int = msgspec.field(default=0, name="in")
    out: int = 0
    in_since_reset: int = 0
    out_since_reset: int = 0
    in_total: int = 0
    out_total: int = 0
    uncertain: int = 0
    uncertain_since_reset: int = 0


class ZoneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One class in a zone: `now` inside; dwell times of the visits that ended in the interval, None if none did."""

    now: int = 0
    entered: int = 0
    left: int = 0
    entered_since_reset: int = 0
    left_since_reset: int = 0
    entered_total: int = 0
    left_total: int = 0
    dwell_mean_s: float | None = None
    dwell_max_s: float | None = None
    uncertain: int = 0
    uncertain_since_reset: int = 0


class CountsReport(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Counts of a camera and model from one moment to another, by line or zone, and class.

    Of `duration_s`, nobody looked for `blind_s`; `blind` and `blind_since_reset` have the seconds by reason. `changed`
    if zones or lines were moved meanwhile.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["counts"] = "counts"
    camera: str
    model: str
    from_: str
    to: str
    duration_s: float
    blind_s: float
    blind: dict[str, float]
    blind_since_reset: dict[str, float]
    reset_at: str | None
    changed: bool
    lines: dict[str, dict[str, LineCounts]]
    zones: dict[str, dict[str, ZoneCounts]]


FactMap = dict[str, str | int | float | bool | None]
"""What holds, for programs: a `type`, and fields that depend on it."""
Phase = Literal["start", "update", "end"]


class EventTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track of an event, as it was last seen; `xyxy` in pixels, left, top, right, bottom."""

    tracker_id: int
    class_name: str
    confidence: float
    xyxy: tuple[float, float, float, float]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of what a rule found. `at` and `time_s` are those of this phase; `epoch` and `seq` name its look.

    `because` is `facts` in words. The still shows a frame `still_off_s` from that of its message, if another stream of
    the camera is recorded. `suppressed` counts what fell into the cool-down before; `part` counts the parts of a
    long event; `reason` says why it ended. `still` and `clip` are paths of the HTTP API,
    once there is something, with the sums of the files; the still is of the look `still_seq`, and the clip begins at
    `clip_time_s`, if that is known in this epoch.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["event"] = "event"
    phase: Phase
    id: str
    rule: str
    camera: str
    model: str
    incident: str
    alert: bool
    at: str
    time_s: float
    epoch: int
    seq: int
    tracks: list[EventTrack]
    facts: list[FactMap]
    because: list[str]
    confirmed: bool | None = None
    suppressed: int = 0
    part: int = 1
    reason: str | None = None
    still: str | None = None
    still_off_s: float | msgspec.UnsetType = msgspec.UNSET
    clip: str | None = None
    clip_time_s: float | msgspec.UnsetType = msgspec.UNSET
    still_sha256: str | None = None
    clip_sha256: str | None = None
    still_seq: int | None = None


TrackEnd = Literal["left", "lost", "stream-ended"]
"""Why a track ended: it left the picture; it was not found any more; the source has ended."""
TrackPhase = Literal["start", "update", "end", "rename"]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of a track: `start` once it is confirmed, `update` at most once a second while something changes, `end`
    with its `reason`, or `rename`: it turned out to be the same object as the track `into`, and goes on as that one.

    `epoch`, `seq` and `time_s` are those of the look that sent it, `xyxy` is the box in pixels when it was last seen.
    `path` are camera time, and x and y of the centre of the bottom of the box as shares of the picture: the whole path
    at the end, before that the part since the previous message. Of the time from `first_at` to `last_at`, nobody looked
    for `blind_s`; `looks` looks found it. `zones` are those that it was in.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["track"] = "track"
    phase: TrackPhase
    camera: str
    model: str
    epoch: int
    seq: int
    time_s: float
    tracker_id: int
    class_id: int
    class_name: str
    first_at: str
    last_at: str
    xyxy: tuple[float, float, float, float]
    path: list[tuple[float, float, float]]
    looks: int
    blind_s: float
    zones: list[str]
    reason: TrackEnd | None = None
    into: int | None = None


Analytics = Track | Event | CountsReport
"""The JSON of what is made of results."""
OfCamera = Result | End | Analytics
"""The JSON of what is about a camera and model."""
Published = OfCamera | Status
"""The JSON of any topic."""


@dataclass(frozen=True)
class Topic:
    """Messages published under `name/CAMERA/`, or under `name/` if they are not `of_cameras`.

    `types` are the structs of their JSON, by the field `type`. A message `with_picture` has it as a further part.
    """

    name: str
    types: dict[str, type[Published]]
    of_cameras: bool = True
    with_picture: bool = False

    @property
    def pattern(self) -> str:
        """Topics, such as `result/<camera>/`."""
        return f"{self.name}/<camera>/" if self.of_cameras else f"{self.name}/"

    def prefix(self, camera: str | None = None) -> bytes:
        """Prefix of a camera's messages, or of all.

        The trailing slash keeps a subscriber of camera 1 from receiving camera 10.
        """
        return f"{self.name}/{camera}/".encode() if camera and self.of_cameras else f"{self.name}/".encode()

    def prefixes(self, cameras: Collection[str] | None) -> set[bytes]:
        """Prefixes that select the messages of these cameras, or (None or empty) of all."""
        return {self.prefix(camera) for camera in cameras} if cameras else {self.prefix()}


RESULT = Topic("result", {"result": Result, "end": End})
FRAME = Topic("frame", {"frame": Result}, with_picture=True)
STATUS = Topic("status", {"status": Status}, of_cameras=False)
TRACK = Topic("track", {"track": Track})
EVENT = Topic("event", {"event": Event})
COUNTS = Topic("counts", {"counts": CountsReport})
TOPICS = {topic.name: topic for topic in (RESULT, FRAME, STATUS, TRACK, EVENT, COUNTS)}
TYPES = {name: kind for topic in TOPICS.values() for name, kind in topic.types.items()}
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_PATH = re.compile(r"[./].*|.*\.(key|pub)", re.DOTALL)
_PLAIN = re.compile(r"[0-9a-zA-Z](?!.*\$\{).*[0-9a-zA-Z]")
"""Keys that need no quoting anywhere: unlike a path, the name of a secret, or YAML syntax."""


class KeyPair(NamedTuple):
    """A secret key and its public key."""

    public: str
    secret: str


class ClientKeys(NamedTuple):
    """A subscriber's own keys, and the public key of the daemon it trusts."""

    server: str
    own: KeyPair


def is_key(text: str) -> bool:
    """True if `text` is a key, and not the path of a file with one."""
    return bool(_KEY.fullmatch(text)) and not is_path(text)


def is_path(text: str) -> bool:
    """True if `text` looks like the path of a file with a key."""
    return bool(_PATH.fullmatch(text))


def generate() -> KeyPair:
    """A new pair of keys."""
    import zmq  # not needed for checking a text

    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if all(_PLAIN.fullmatch(key) for key in (public, secret)):
            return KeyPair(public, secret)


def secret_key(text: str) -> str:
    """The secret key in `text`, or in the file with this path, which nobody else may be able to read.

    Raises:
        StartError: there is none. The message does not contain the file's content.
    """
    if is_key(text):
        return text
    path = Path(text)
    key = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(f"others may read the secret key {path}: chmod 600 it")
    return key


def public_key(text: str) -> str:
    """The public key in `text`, or in the file with this path.

    Raises:
        StartError: there is none.
    """
    return text if is_key(text) else _read(Path(text))


def client_keys(server: str | None, own: str | None) -> ClientKeys | None:
    """Keys of a subscriber, each a key or a file; with only the daemon's, a new pair is generated for this connection.

    Raises:
        StartError: a file contains no key.
    """
    if server is None and own is None:
        return None
    if server is None:
        raise StartError("a secret key alone is not sufficient: the daemon's public key is needed too")
    if own is None:
        return ClientKeys(public_key(server), generate())
    import zmq

    secret = secret_key(own)
    return ClientKeys(public_key(server), KeyPair(zmq.curve_public(secret.encode()).decode(), secret))


def show(socket: "zmq.Socket[bytes]", keys: ClientKeys) -> None:
    """Set the keys of a socket that is not connected yet."""
    socket.curve_serverkey = keys.server.encode()
    socket.curve_publickey, socket.curve_secretkey = keys.own.public.encode(), keys.own.secret.encode()


def _read(path: Path) -> str:
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StartError(f"cannot read the key {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
    if not _KEY.fullmatch(key):
        raise StartError(f"{path} contains no key: expected 40 characters, as edge-daemon keygen writes them")
    return key


def subscriber(
    context: zmq.Context[zmq.Socket[bytes]], address: str, hwm: int, keys: ClientKeys | None = None
) -> zmq.Socket[bytes]:
    """A client's socket, not subscribed to anything yet.

    Raises:
        zmq.ZMQError: `address` is not valid.
    """
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvhwm = hwm
    socket.ipv6 = True
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 2000
    if keys:
        show(socket, keys)
    try:
        socket.connect(address)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket


__all__ = ["DEFAULT_ADDRESS", "AnnotatedFrame", "End", "Message", "Result", "Status", "Subscriber"]
DEFAULT_ADDRESS = "tcp://127.0.0.1:5555"


@dataclass(frozen=True, eq=False)
class AnnotatedFrame:
    """An annotated frame: `result` is the result drawn in it, `jpeg` the picture as it was published."""

    result: Result
    jpeg: bytes

    @cached_property
    def rgb(self) -> "npt.NDArray[np.uint8]":
        """The decoded picture: height x width x 3, uint8, red first.

        Raises:
            PictureError: it cannot be decoded, or OpenCV is not installed.
        """
        try:
            import cv2  # large, so only when pixels are needed
            import numpy as np
        except ModuleNotFoundError as error:
            raise PictureError(f"pixels need OpenCV (pip install opencv-python); `jpeg` does not: {error}") from error
        bgr = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR) if self.jpeg else None
        if bgr is None:
            raise PictureError(f"the picture of {self.result.camera} cannot be decoded")
        return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


Message = Published | AnnotatedFrame


class Subscriber:
    """Receives what a running daemon publishes. Iterate over it, and close it (or use `with`).

    Args:
        address: address of the daemon (`publish.bind`).
        cameras: receive only these cameras; all if None.
        results, frames, status: kinds of messages to receive. Frames cost the daemon drawing and encoding.
        topics: further topics to receive, by name.
        timeout_s: longest wait for each message; None waits without limit.
        newest: skip to the newest message of each topic when this program falls behind.
        server_key: the daemon's public key, or a file with it; needed if it has one (`publish.secret_key`).
        secret_key: this program's own secret key, or a file with it; its public key is in `publish.clients`.

    Raises:
        RequestError: no kind of message is selected, or the address is not valid.
        StartError: a file contains no key, or other users may read the secret key.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        cameras: list[str] | None = None,
        results: bool = True,
        frames: bool = False,
        status: bool = False,
        topics: Iterable[str] = (),
        timeout_s: float | None = None,
        newest: bool = False,
        server_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        flags = {RESULT.name: results, FRAME.name: frames, STATUS.name: status}
        selected = dict.fromkeys([*(name for name, wanted in flags.items() if wanted), *topics])
        if unknown := [name for name in selected if name not in TOPICS]:
            raise RequestError(f"there is no topic {unknown[0]}; there are {', '.join(TOPICS)}")
        if not selected:
            raise RequestError("a subscriber must select results, frames or status")
        keys = client_keys(server_key, secret_key)
        self._timeout_ms = None if timeout_s is None else max(round(timeout_s * 1000), 0)
        self._newest = newest
        self._waiting: dict[bytes, list[bytes]] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = subscriber(self._context, address, hwm=1000, keys=keys)
        except zmq.ZMQError as error:
            self._context.term()
            raise RequestError(f"cannot subscribe at {address}: {error.strerror}") from error
        for topic in (TOPICS[name] for name in selected):
            for prefix in topic.prefixes(cameras):
                self._socket.subscribe(prefix)

    def receive(self) -> Message:
        """The next message.

        Raises:
            TimeoutError: none arrived in time.
            WireError: the message is malformed or of another version.
        """
        parts = self._receive_newest() if self._newest else self._receive_next()
        return _decode(parts)

    def __iter__(self) -> Iterator[Message]:
        """All messages from now on; ends when `timeout_s` passes without one, or when the subscriber is closed."""
        while not self._socket.closed:
            try:
                yield self.receive()
            except TimeoutError:
                return

    def close(self) -> None:
        """Stop receiving. Closing again has no effect."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive_next(self) -> list[bytes]:
        if not self._socket.poll(self._timeout_ms):
            raise TimeoutError("nothing was published in time")
        return self._socket.recv_multipart()

    def _receive_newest(self) -> list[bytes]:
        """Read all available messages, keeping the last of each topic, in order of arrival."""
        while self._socket.poll(0) or not self._waiting:
            parts = self._receive_next()
            self._waiting.pop(parts[0], None)
            self._waiting[parts[0]] = parts
        return self._waiting.pop(next(iter(self._waiting)))


def _decode(parts: list[bytes]) -> Message:
    if len(parts) < 2:
        raise WireError(f"a message of {len(parts)} parts; expected topic, header and perhaps a picture")
    try:
        kind = msgspec.json.decode(parts[1], type=_Kind)
        if kind.v != 1 or kind.type not in TYPES:
            raise WireError(f"a message of unknown version {kind.v} or type {kind.type!r}")
        message = msgspec.json.decode(parts[1], type=TYPES[kind.type])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"malformed message: {error}") from error
    if kind.type != "frame" or not isinstance(message, Result):
        return message
    if len(parts) < 3 or message.encoding is msgspec.UNSET:
        raise WireError("a frame without its picture or its encoding")
    return AnnotatedFrame(message, parts[2])


class _Kind(msgspec.Struct):
    v: int
    type: str
