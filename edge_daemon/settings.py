"""What each process is told when it starts: plain values, made by the supervisor from the configuration.

Processes import this module and never the configuration itself, whose library is heavier than some of them.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

Codec = Literal["auto", "raw", "jpeg", "png", "webp"]
Delivery = Literal["live", "lossless"]


DecoderName = Literal[
    "auto",
    "classification",
    "detr",
    "embedding",
    "fastestdet",
    "finished",
    "nanodet",
    "ppyoloe",
    "retinaface",
    "rows",
    "rtdetr",
    "scrfd",
    "segmentation",
    "ssd",
    "yolov5",
    "yolov8",
    "yolox",
    "yunet",
]


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An ONNX Runtime execution provider by short name (`cpu`, `cuda`, ...), with its options."""

    name: str
    options: dict[str, str] = {}


class InputSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person states of a model's input; None leaves it to the decoder, or to the file.

    `size` is width and height. A value is `(pixel * scale - mean) / std`, mean and std in the order of `color`.
    """

    size: tuple[int, int] | None = None
    color: Literal["rgb", "bgr", "gray"] | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    scale: float | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    resize: Literal["letterbox", "corner", "stretch", "crop"] | None = None
    pad: int | None = None


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One model as a worker loads it.

    `path` is a file, or `builtin:NAME`. `labels` are the class names in order, or the path of a text
    file with one name a line; None asks the model itself. `classes` keeps only those names; None keeps all.
    `class_confidence` goes before `confidence`, by class name. `outputs` names the outputs to read, by the role that
    each plays for the decoder; None reads all.
    `providers` are in order of preference. A worker takes `batch` frames at once, and waits `batch_wait_s` for them. A
    model that comes `after` another looks at what that one found, at most `max_crops` of a frame, and `margin` (a
    share of its sides) around it. `stamp` tells the file from others that lie at its path at other times.
    """

    name: str
    path: str
    stamp: str = ""
    threads: int = 1
    confidence: float = 0.4
    iou: float = 0.45
    classes: list[str] | None = None
    class_confidence: dict[str, float] = {}
    max_detections: int = 300
    decoder: DecoderName = "auto"
    input: InputSettings = InputSettings()
    outputs: dict[str, str] | None = None
    labels: list[str] | str | None = None
    providers: Sequence[ProviderSettings] = (ProviderSettings(name="cpu"),)
    batch: int = 1
    batch_wait_s: float = 0.01
    after: str | None = None
    margin: float = 0.0
    max_crops: int = 8


Decode = Literal["auto", "cpu", "vaapi", "v4l2m2m", "nvdec"]
Transport = Literal["tcp", "udp"]


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a webcam is asked for: width and height, frames a second, and the format of its frames (a FourCC)."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str | None = None


class OpenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera is opened and read; what does not apply to a source is left alone. Times in seconds."""

    transport: Transport = "tcp"
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    decode: Decode = "auto"
    device: DeviceSettings = DeviceSettings()


class MotionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the motion gate takes for movement: more than `area` (a share) of the picture changed by more than
    `threshold` grey levels, outside the polygons of `mask` (x and y from 0 to 1). A frame passes at least every
    `always_every_s`.
    """

    threshold: float = 15.0
    area: float = 0.001
    mask: list[list[tuple[float, float]]] = []
    always_every_s: float = 10.0


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One camera as its capture opens it. `source` holds credentials: never log it unredacted.

    A capture that makes no progress for `stall_timeout_s` is replaced. With `motion`, frames in which nothing moved
    are not offered. A live frame that nobody has asked for is announced again, as the newest, every `announce_s`.
    """

    camera: str
    source: str
    opening: OpenSettings = OpenSettings()
    stall_timeout_s: float = 20.0
    delivery: Delivery
    fps: float | None = None
    motion: MotionSettings | None = None
    codec: Codec = "auto"
    quality: int = 85
    window: int = 8
    announce_s: float = 0.1
    dispatcher: str


class CameraPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the dispatcher needs to know of a camera."""

    models: list[str]
    delivery: Delivery
    weight: float = 1.0
    max_age_s: float = 0.5
    reorder_wait_s: float = 1.0


class ModelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the dispatcher needs to know of a model.

    Its workers take `batch` frames at once. A model that comes `after` another looks at crops of what that one found:
    at most `max_crops` per frame, of `classes` (None: of all). Uploaded pictures share its workers with the cameras by
    the weight `requests` (None: there are none).
    """

    batch: int = 1
    after: str | None = None
    classes: list[str] | None = None
    max_crops: int = 8
    requests: float | None = None


class DispatcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the dispatcher listens, the cameras whose frames it assigns, and all models that are used."""

    bind: str
    cameras: dict[str, CameraPlan]
    models: dict[str, ModelPlan] = {}


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: its model, where frames reach it (`inbox`, bound), and whom it tells: of results the `sink`, at
    `pictures` where there is one beside them.

    With `trial` it ends once the model is loaded: whether it can be is all there is to know. Frames that it fails on
    are set aside in the folder `quarantine`, if any.
    """

    worker: str
    model: ModelSettings
    inbox: str
    dispatcher: str
    sink: str
    pictures: str
    trial: bool = False
    quarantine: str | None = None


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where results arrive (`bind`; with `pictures` beside them, there), and where they are published.

    `results` is the file of JSON lines (`-` is standard output), or None. `checkpoint` is the file for what the next
    sink has to know, should this one and the dispatcher die together. With `secret_key`, TCP connections need one of
    the public keys `clients`.
    """

    bind: str
    pictures: str
    dispatcher: str
    publish: list[str]
    cameras: dict[str, CameraPlan]
    wait_for: int = 0
    quality: int = 85
    results: str | None = None
    checkpoint: str | None = None
    secret_key: str | None = None
    clients: list[str] = []
    local: str | None = None


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the web listens (`ADDRESS:PORT`), where it hears what is published (`published`), and where answers to
    pictures that people send in arrive (`replies`). A picture has at most `max_bytes` and `max_pixels`, and is answered
    within `timeout_s`; of each model at most `max_waiting` wait. With `tokens` (or their digests, by name) only who has
    one is answered; `hosts` are names by which people come here, `prefix` what a proxy puts before paths, and
    `certificate` and `key` files for TLS.
    """

    listen: str
    dispatcher: str
    published: str
    replies: str
    cameras: list[str]
    models: list[str]
    codec: Codec = "auto"
    quality: int = 85
    max_bytes: int = 32 << 20
    max_pixels: int = 64_000_000
    max_waiting: int = 64
    timeout_s: float = 30.0
    tokens: dict[str, str] = {}
    hosts: list[str] = []
    prefix: str = ""
    certificate: str | None = None
    key: str | None = None
