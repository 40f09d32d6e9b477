"""A picture on its way to a worker: the header beside its bytes, and what it refers to."""

from typing import Annotated, ClassVar, Literal

import msgspec

from edge_daemon.messages.codec import Message
from edge_daemon.settings import Codec

Annotation = Literal["raw", "jpeg"]
"""The picture as RGB bytes, into which the sink draws, or as the annotated JPEG that is published."""
Matrix = Literal["bt601", "bt709", "bt2020"]
"""Conversion of YUV to RGB, by the number of the ITU recommendation that defines it."""

SceneState = Literal["covered", "moved", "dark"]
"""State of what a camera sees: see `capture/scene.py`."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Size to which a model's pictures are scaled: to fit inside `width` x `height`, or (`stretch`) to exactly that, or
    to fill it `crop` times, so that it is cut out of the centre.
    """

    width: int
    height: int
    stretch: bool = False
    crop: float | None = None


class Crop(msgspec.Struct, frozen=True, kw_only=True):
    """A detection that another model runs on: number `index` of that frame's result.

    `xyxy` is in pixels of the source frame.
    """

    index: int
    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    class_name: str


class ResultFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a model's findings that a client asks for: at least `confidence`, of `classes` by name, the
    `max_detections` with the highest confidence. None uses the model's settings.
    """

    confidence: float | None = None
    classes: list[str] | None = None
    max_detections: int | None = None


class YuvFormat(msgspec.Struct, frozen=True):
    """Interpretation of YUV planes: black is 16 and white 235, or with `full` 0 and 255."""

    matrix: Matrix = "bt601"
    full: bool = False


class SharedBuffer(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in shared memory that one worker may read until it returns them.

    They are `length` bytes from `start` on, in the memory file named `pool`, which was created at `created_ns`
    (CLOCK_MONOTONIC). `reader` is the worker's number in that file. Without a `slot` the worker only maps the memory,
    to show that it can.
    """

    pool: str
    created_ns: int
    reader: int
    slot: int | None
    start: int
    length: int


class PictureHeader(Message, frozen=True, kw_only=True):
    """Describes the encoded picture that travels beside it, or lies in `shared` memory instead.

    The picture is `codec` bytes of `width` x `height` pixels that decode to BGR; with `scaled` (width, height) it is
    that size and stands for the larger one, and scaling it took `scaling_ms`. A `raw` picture is in planes if `yuv`
    is set; the scaled picture may follow the planes.

    `captured_ns` is when a camera captured the frame, when it was read from a file, or when the upload arrived; latency
    counts from it. `crops`, if not None, are the parts to process; if there are none, no picture travels. `deaths`
    workers died while they had this picture: from POISON on it goes to the quarantine. With `annotate` the result comes
    with a picture.
    """

    captured_ns: int
    width: int
    height: int
    codec: Codec
    annotate: Annotation | None = None
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] = 85
    scaled: tuple[int, int] | None = None
    scaling_ms: float = 0.0
    yuv: YuvFormat | None = None
    crops: list[Crop] | None = None
    deaths: int = 0
    shared: SharedBuffer | None = None


class Frame(PictureHeader, frozen=True, kw_only=True, tag="frame.2"):
    """Header of a camera's frame.

    `time_s` is camera time: seconds since the epoch began; `captured_at` is the wall time that belongs to it. `truth`
    are the boxes of the objects that a generated scene contains, `file` is the name of a picture in a folder. The
    result of a `deferrable` frame (of a file) may be sent together with the next one. With `share` other models come
    after this one, and the dispatcher is sent what is found. `scene` are the present states of the scene, if they are
    looked for.
    """

    camera: str
    epoch: int
    seq: int
    time_s: float = 0.0
    captured_at: str
    deferrable: bool = False
    share: bool = False
    truth: list[list[float]] | None = None
    file: str | None = None
    scene: tuple[SceneState, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def title(self) -> str:
        """Title for people."""
        return f"frame {self.seq} of {self.camera}"


class TensorPart(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor among others in a payload; the types are those of the Open Inference Protocol."""

    name: str
    datatype: str
    shape: list[int]
    length: int


class Upload(PictureHeader, frozen=True, kw_only=True, tag="upload.1"):
    """Header of the picture of request `number`. The result goes to the address `reply`, reduced by `filter`.

    With `tensors`, the payload is no picture but the model's own inputs, and the result its `outputs` (none: all).
    """

    camera: ClassVar[None] = None
    number: int
    reply: str
    filter: ResultFilter = ResultFilter()
    tensors: list[TensorPart] | None = None
    outputs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Title for people."""
        return f"upload {self.number}"


Header = Frame | Upload
"""The messages that a worker receives together with a picture."""
