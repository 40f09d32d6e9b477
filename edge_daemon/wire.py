"""Every message between our processes, and the JSON that subscribers get.

Inside, a message is a tagged MessagePack map; a picture rides beside it as a part of its own, never inside.
The tag carries the version, so that a peer of another version is told apart from garbage. Times that are compared
are nanoseconds of CLOCK_MONOTONIC, which all processes of one machine share; `captured_at` is for people.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

from edge_daemon.errors import WireError
from edge_daemon.settings import Codec

Reason = Literal[
    "paced",
    "replaced",
    "stale",
    "still",
    "late",
    "undecodable",
    "model-error",
    "worker-lost",
    "poison",
    "shutdown",
]
Failure = Literal["undecodable", "model-error", "poison"]
"""Why a worker has no result."""
POISON = 2
"""A frame that was with so many workers when they died is not looked at again."""
Dropped = dict[str, int]
"""Frames by `Reason`. A plain string key keeps a newer peer's reasons readable."""
NOTHING: Counter[str] = Counter()
"""Dropped before most frames. Nobody adds to this."""


REQUESTS = "/web"
"""Stands where a camera's name does, in what is about a picture that somebody sent in: no camera can be called so."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message between two of our processes."""


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """How far one camera and model have come: all that is needed to go on after a process was lost.

    `resolved` is the last frame number whose fate is decided, `published` the last one delivered (-1: none yet),
    `gap` what was dropped since then; the other counts run over all epochs.
    """

    camera: str
    model: str
    epoch: int
    resolved: int = -1
    published: int = -1
    gap: Dropped = {}
    delivered: int = 0
    dropped: Dropped = {}
    finished: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Whose it is: camera and model."""
        return self.camera, self.model


# capture -> dispatcher


class CaptureHello(Message, frozen=True, kw_only=True, tag="capture-hello.1"):
    """First message after every (re)connection. `epoch` is None from a capture that has not begun.

    `held` are number and time of the frames that can be asked for, and how many before each were `still`; `ended` is
    how many a finite source had, the last `still` of which were so.
    """

    camera: str
    epoch: int | None
    held: list[tuple[int, int, int]]
    ended: int | None
    still: int = 0


class Announce(Message, frozen=True, kw_only=True, tag="announce.2"):
    """A frame is here to be asked for.

    Of the frames before it, `paced` were passed over by the configured fps, `still` because nothing moved, and
    `replaced` by this one before they were announced.
    """

    camera: str
    epoch: int
    seq: int
    captured_ns: int
    paced: int
    still: int = 0
    replaced: int = 0


class Passed(Message, frozen=True, kw_only=True, tag="passed.1"):
    """Of the frames up to `seq`, which were passed over, `paced` and `still` were not told yet."""

    camera: str
    epoch: int
    seq: int
    paced: int
    still: int


class Missing(Message, frozen=True, kw_only=True, tag="missing.1"):
    """Frame `seq`, which was to be sent to `worker`, is not held any more."""

    camera: str
    epoch: int
    model: str
    worker: str
    seq: int


class Sent(Message, frozen=True, kw_only=True, tag="sent.1"):
    """Frame `seq` is on its way to `worker`, as it was asked for; `inbox` tells the worker from one before it.

    A live camera's may come late, with what there is to say next: that the worker has the frame is known by its `Free`.
    """

    camera: str
    epoch: int
    model: str
    worker: str
    inbox: str
    seq: int


class Ended(Message, frozen=True, kw_only=True, tag="ended.1"):
    """A finite source gave its last frame; `captured` were read in all, the last `paced` and `still` passed over."""

    camera: str
    epoch: int
    captured: int
    paced: int
    still: int = 0


# worker -> dispatcher -> capture


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's pictures are scaled to: as large as fits in `width` x `height`, or (`stretch`) just that."""

    width: int
    height: int
    stretch: bool = False


# dispatcher -> capture


class Welcome(Message, frozen=True, kw_only=True, tag="welcome.1"):
    """Answers a capture that has not begun: it numbers its frames in `epoch`, and offers those from `next_seq` on."""

    epoch: int
    next_seq: int


class Crop(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a model found, for another to look at: number `index` of its detections in that frame."""

    index: int
    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    class_name: str


Annotation = Literal["raw", "jpeg"]
"""An annotated picture as RGB bytes, for others to draw more into it, or as it is published."""


class Send(Message, frozen=True, kw_only=True, tag="send.1"):
    """Send the oldest frame you hold from `seq` on to `worker`, whose frames arrive at `inbox`.

    Where somebody watches, the worker is to draw what it finds (`annotate`); where nobody does, the frame need be no
    larger than for `input`. With `crops` it has to be `seq` itself, and they go with it. With `keep` the frame will be
    asked for again, for models that come after this one. `deaths` of workers were seen that had it.
    """

    model: str
    worker: str
    inbox: str
    seq: int
    annotate: Annotation | None = None
    keep: bool = False
    input: Input | None = None
    crops: list[Crop] | None = None
    deaths: int = 0


class Release(Message, frozen=True, kw_only=True, tag="release.1"):
    """Every model's fate of all frames up to `seq` is decided: they need not be kept."""

    epoch: int
    seq: int
    finished: bool


class Introduce(Message, frozen=True, kw_only=True, tag="introduce.1"):
    """A new dispatcher asks for a hello."""


# web -> dispatcher


class Waiting(Message, frozen=True, kw_only=True, tag="waiting.1"):
    """First message after every (re)connection: all requests that are not answered, by model, number and deaths."""

    requests: list[tuple[str, int, int]]


class Request(Message, frozen=True, kw_only=True, tag="request.1"):
    """A picture for `model`, to be asked for by its number; `deaths` of workers were seen that had it."""

    model: str
    seq: int
    deaths: int = 0


class Withdraw(Message, frozen=True, kw_only=True, tag="withdraw.1"):
    """Nobody waits for this request any more: it is answered, or who sent it has gone."""

    model: str
    seq: int


# dispatcher -> web (and Send)


class Returned(Message, frozen=True, kw_only=True, tag="returned.1"):
    """The worker that was to get request `seq`, or had it, is gone."""

    model: str
    seq: int


# capture or web -> worker, with the encoded picture beside it


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What of a model's findings somebody wants: those as sure as `confidence`, of `classes` by name, the surest
    `max_detections`. None leaves it to the model's settings.
    """

    confidence: float | None = None
    classes: list[str] | None = None
    max_detections: int | None = None


Matrix = Literal["bt601", "bt709", "bt2020"]
"""How YUV becomes RGB, by the recommendation of the ITU that says so."""


class YuvFormat(msgspec.Struct, frozen=True):
    """What the planes of a YUV picture mean: black is 16 and white 235, or with `full` 0 and 255."""

    matrix: Matrix = "bt601"
    full: bool = False


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """Where bytes lie that a worker, the `reader` of this number, may read until it gives them back: `length` of them
    from `start` on, in the `pool` that is the file of this name and was `born` then (CLOCK_MONOTONIC). Without a `slot`
    the worker is to see whether it could.
    """

    pool: str
    born: int
    reader: int
    slot: int | None
    start: int
    length: int


class Frame(Message, frozen=True, kw_only=True, tag="frame.2"):
    """Describes the encoded picture beside it, or `lent` instead of that: `codec` bytes of `width` x `height` pixels,
    decoding to BGR, or of as many as `scaled` (width, height) where that stands for a larger frame, which took
    `scaling_ms`. Those of a `raw` picture are `yuv` planes, if that is told; the scaled picture may come after them.

    `captured_ns` was taken right after the source gave the frame. `truth` are the boxes that a generated scene
    knows to be there. `crops`, if not None, are the parts to look at; where there are none, nor is there a picture. A
    `patient` frame is a file's: its result may be told with that of the next. With `share` other models come after: the
    dispatcher is told what is found. `deaths` of workers were seen that had this frame: of so many as POISON, it is to
    be set aside. With `annotate` the result comes with a picture. It goes to the address `reply`, if there is one, as
    far as it is a `wish`.
    """

    camera: str
    epoch: int
    seq: int
    captured_ns: int
    captured_at: str
    width: int
    height: int
    codec: Codec
    annotate: Annotation | None = None
    quality: int = 85
    scaled: tuple[int, int] | None = None
    scaling_ms: float = 0.0
    yuv: YuvFormat | None = None
    patient: bool = False
    share: bool = False
    truth: list[list[float]] | None = None
    crops: list[Crop] | None = None
    deaths: int = 0
    reply: str | None = None
    wish: Wish | None = None
    lent: Lent | None = None


# worker -> dispatcher


class WorkerHello(Message, frozen=True, kw_only=True, tag="worker-hello.1"):
    """First message after every (re)connection: this worker serves `model` and reads frames at `inbox`.

    It needs whole frames where its `input` is None.
    """

    worker: str
    model: str
    inbox: str
    busy: bool
    input: Input | None = None


class Free(Message, frozen=True, kw_only=True, tag="free.1"):
    """This worker is done with the frame `seq`, and can take another.

    `found` is what models that come after its own are to look at; None where it has `failed`, or nobody asked.
    """

    worker: str
    camera: str
    epoch: int
    seq: int
    found: list[Crop] | None = None
    failed: Failure | None = None


class Begun(Message, frozen=True, kw_only=True, tag="begun.1"):
    """This worker has begun a batch: what it is given now waits until it is done."""

    worker: str


class Leaving(Message, frozen=True, kw_only=True, tag="leaving.1"):
    """This worker is to stop: it takes what it was given, and no more."""

    worker: str
    inbox: str


# dispatcher -> worker


class Dismissed(Message, frozen=True, kw_only=True, tag="dismissed.1"):
    """Nothing is on its way to the worker whose inbox this was."""

    inbox: str


# worker -> sink


class Rle(msgspec.Struct, frozen=True, kw_only=True):
    """A mask as COCO's run lengths (pycocotools reads it): `size` is height and width of the frame."""

    size: tuple[int, int]
    counts: str


class Detection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One box in pixels of the source frame, and what the model tells besides.

    `keypoints` are x, y and confidence each, `skeleton` names their set; `corners` (x and y, clockwise) and `angle`
    (radians, clockwise, of the side from the first corner to the second) are those of an oriented box.

    In the result of a model that comes after another, the box is what the other found, number `parent` of its
    detections in the same frame, and `classes`, `detections` or `embedding` what this model makes of it.
    """

    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    class_name: str
    mask: Rle | None = None
    keypoints: list[tuple[float, float, float]] | None = None
    skeleton: str | None = None
    corners: list[tuple[float, float]] | None = None
    angle: float | None = None
    parent: int | None = None
    classes: list["PictureClass"] | None = None
    detections: list["Detection"] | None = None
    embedding: list[float] | None = None


class PictureClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class that the whole frame may show."""

    class_id: int
    class_name: str
    confidence: float


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the frame that shows a class; `area` is its share of the frame."""

    class_id: int
    class_name: str
    area: float
    mask: Rle


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model found in a frame: boxes, or what it tells of the whole: `classes` (the surest first),
    `segments`, or an `embedding` of length 1.
    """

    detections: list[Detection] = []
    classes: list[PictureClass] | None = None
    segments: list[Segment] | None = None
    embedding: list[float] | None = None


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that one frame spent in each stage; `total` runs from capture to publication."""

    wait: float = 0.0
    decode: float = 0.0
    preprocess: float = 0.0
    infer: float = 0.0
    postprocess: float = 0.0
    total: float = 0.0


class Outcome(Message, frozen=True, kw_only=True, tag="outcome.1"):
    """What a worker made of a frame; the annotated picture that was asked for may ride beside it: RGB bytes (height x
    width x 3), or a JPEG of the frame's `quality`.

    `failed` names the reason when there is no result, and `error` says more to whoever sent the picture.
    """

    frame: Frame
    model: str
    worker: str
    found: Found = Found()
    after: str | None = None
    timing_ms: Timing = Timing()
    failed: Failure | None = None
    error: str = ""


# dispatcher -> sink


class Start(Message, frozen=True, kw_only=True, tag="start.1"):
    """Answers the sink's hello: begin (again) from these states, whatever was under way."""

    streams: list[StreamState]


class Joined(Message, frozen=True, kw_only=True, tag="joined.1"):
    """A model looks at a camera that was here before it: its first frame comes after `state.resolved`."""

    state: StreamState


class Turn(Message, frozen=True, kw_only=True, tag="turn.1"):
    """Frame `seq` was given to a worker; since the turn before, `dropped` frames were not."""

    camera: str
    model: str
    epoch: int
    seq: int
    dropped: Dropped


class Gap(Message, frozen=True, kw_only=True, tag="gap.1"):
    """Nobody was given anything lately: all frames up to `seq` that had no turn were dropped.

    The source has ended when `end` is set, and `seq` is then its last frame.
    """

    camera: str
    model: str
    epoch: int
    seq: int
    dropped: Dropped
    end: bool = False


class Lost(Message, frozen=True, kw_only=True, tag="lost.1"):
    """The turn of frame `seq` will bring no result."""

    camera: str
    model: str
    epoch: int
    seq: int
    reason: Reason


class Captured(Message, frozen=True, kw_only=True, tag="captured.1"):
    """How many frames of this epoch are known to have been captured."""

    camera: str
    model: str
    epoch: int
    count: int


# sink -> dispatcher


class SinkHello(Message, frozen=True, kw_only=True, tag="sink-hello.1"):
    """First message after every (re)connection: how far each stream has come, as far as this sink knows."""

    streams: list[StreamState]
    watched: list[str]


class Acks(Message, frozen=True, kw_only=True, tag="acks.1"):
    """How far each of these streams has come now."""

    streams: list[StreamState]


class Watched(Message, frozen=True, kw_only=True, tag="watched.1"):
    """The cameras whose annotated frames somebody subscribes to."""

    cameras: list[str]


FromCapture = CaptureHello | Announce | Passed | Missing | Sent | Ended
FromWeb = Waiting | Request | Withdraw
ToDispatcher = FromCapture | FromWeb | WorkerHello | Begun | Free | Leaving | SinkHello | Acks | Watched
ToCapture = Welcome | Send | Release | Introduce
ToWeb = Send | Returned | Introduce
ToWorker = Dismissed
ToSink = Start | Joined | Turn | Gap | Lost | Captured


MAX_BYTES = 4 << 20
"""Of a message without its picture."""
M = TypeVar("M")


class Decoder(Generic[M]):
    """Decodes the messages of one direction; anything else raises WireError, and is counted in `rejected`."""

    def __init__(self, kind: Any, *, max_bytes: int = MAX_BYTES) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._max_bytes = max_bytes
        self.rejected = 0

    def __call__(self, data: bytes | memoryview) -> M:
        """The message in `data`.

        Raises:
            WireError: it is malformed, too large, or of another kind or version.
        """
        if len(data) > self._max_bytes:
            raise self.reject(f"a message of {len(data)} bytes is over the limit of {self._max_bytes}")
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.reject(f"not a message of ours: {error}") from error

    def reject(self, why: str) -> WireError:
        """Count a message that is of no use, for the error that says so."""
        self.rejected += 1
        return WireError(why)


_encoder = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def pack(messages: Sequence[Message]) -> bytes:
    """The bytes of some messages, to be sent at once; a decoder of lists reads them."""
    return _encoder.encode(messages)


# sink -> subscribers

PROTOCOL_VERSION = 1


class Result(msgspec.Struct, kw_only=True):
    """A `result` as subscribers get it (JSON); `frame` messages have the same header plus `encoding`."""

    v: int = PROTOCOL_VERSION
    type: str = "result"
    camera: str
    model: str
    epoch: int
    seq: int
    captured_at: str
    width: int
    height: int
    detections: list[Detection]
    classes: list[PictureClass] | msgspec.UnsetType = msgspec.UNSET
    segments: list[Segment] | msgspec.UnsetType = msgspec.UNSET
    embedding: list[float] | msgspec.UnsetType = msgspec.UNSET
    dropped: Dropped
    timing_ms: Timing
    worker: str
    after: str | msgspec.UnsetType = msgspec.UNSET
    truth: list[list[float]] | msgspec.UnsetType = msgspec.UNSET
    encoding: Codec | msgspec.UnsetType = msgspec.UNSET


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last message of a finite source, per model, with the totals."""

    v: int = PROTOCOL_VERSION
    type: str = "end"
    camera: str
    model: str
    epoch: int
    captured: int
    delivered: int
    dropped: Dropped


def topic(kind: str, camera: str | None = None) -> bytes:
    """`result/door/`: the trailing slash keeps a subscriber of camera 1 from getting camera 10."""
    return f"{kind}/".encode() if camera is None else f"{kind}/{camera}/".encode()


def utc(time_ns: int) -> str:
    """`time_ns` since the Unix epoch as ISO 8601 with microseconds and `Z`."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1000 % 1_000_000:06d}Z"
