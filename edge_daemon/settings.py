"""Settings of each process: plain values that the supervisor derives from the configuration.

Processes import this module instead of the configuration, whose library is larger than some of them.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from edge_daemon.tokens import Role

Codec = Literal["auto", "raw", "jpeg", "png", "webp"]
Delivery = Literal["live", "lossless"]


DecoderName = Literal[
    "auto",
    "blazeface",
    "centernet",
    "classification",
    "ctc",
    "detectnet",
    "detr",
    "embedding",
    "fastestdet",
    "finished",
    "heatmaps",
    "movenet",
    "nanodet",
    "places",
    "ppyoloe",
    "retinaface",
    "rows",
    "rtdetr",
    "scored",
    "scrfd",
    "segmentation",
    "simcc",
    "ssd",
    "values",
    "yolo_anchors",
    "yolo_exp_anchors",
    "yolo_maps",
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
    """Configured properties of a model's input; None leaves one to the decoder or the file.

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


Order = Literal["xyxy", "yxyx", "cxcywh"]
Unit = Literal["pixel", "share"]
Activation = Literal["sigmoid", "softmax", "none"]
Column = Literal["batch", "box", "score", "class", "other"]


class BoxesSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Configured properties of a model's outputs; None leaves one to the model's reading.

    `order` and `unit` are those of a box's four numbers, `first_class` is the number of the first class, and with `nms`
    overlapping boxes are left to be removed. `columns` are those of rows, `box` for four of them; `batch_column` has
    the number of the picture. `anchors` are width and height of each anchor by level, in pixels.
    """

    order: Order | None = None
    unit: Unit | None = None
    first_class: int | None = None
    nms: bool | None = None
    activation: Activation | None = None
    columns: list[Column] | None = None
    batch_column: int | None = None
    anchors: list[list[tuple[float, float]]] | None = None


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Inference servers that have a model, at the addresses `urls`, and what it takes to reach them.

    `ca`, `certificate` and `key` are files for TLS. An answer may take `timeout_s`. `repository` is the folder of the
    model in the repository of a server, if it can be read here.
    """

    urls: list[str]
    token: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    timeout_s: float = 5.0
    repository: str | None = None


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One model as a worker loads it.

    `path` is a file, or `builtin:NAME`; of a `remote` model, the file that stands in while no server answers, or empty.
    `labels` are the class names in order, or the path of a text file with one name a line; None takes those of the
    model. `classes` keeps only these classes; None keeps all. `class_confidence` overrides `confidence` by class name.
    `outputs` maps the decoder's roles to the names of outputs; None reads all. `providers` are in order of preference.
    A worker takes up to `batch` frames at once, and waits `batch_wait_s` for them. With `after`, the model runs on
    another model's detections, at most `max_crops` of a frame, with a `margin` (a share of their sides). `stamp`
    distinguishes versions of the file at `path`. Detections below their threshold, but of at least `unsure`, are given
    separately (None: they are not).
    """

    name: str
    path: str
    stamp: str = ""
    threads: int = 1
    confidence: float = 0.4
    iou: float = 0.45
    classes: list[str] | None = None
    class_confidence: dict[str, float] = {}
    unsure: float | None = None
    max_detections: int = 300
    decoder: DecoderName = "auto"
    input: InputSettings = InputSettings()
    boxes: BoxesSettings = BoxesSettings()
    outputs: dict[str, str] | None = None
    labels: list[str] | str | None = None
    providers: Sequence[ProviderSettings] = (ProviderSettings(name="cpu"),)
    batch: int = 1
    batch_wait_s: float = 0.01
    after: str | None = None
    margin: float = 0.0
    max_crops: int = 8
    remote: RemoteSettings | None = None


Decode = Literal["auto", "cpu", "vaapi", "v4l2m2m", "nvdec"]
Transport = Literal["tcp", "udp"]


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Requested format of a webcam: width and height, frames per second, and pixel format (a FourCC)."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str | None = None


class OpenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings to open and read a camera; those that do not apply to a source are ignored. Times in seconds.

    Certificates of cameras are accepted that the authorities in the file `ca` signed, or the one with the SHA-256
    `fingerprint`. A camera that gives one picture for each request is asked `fps` times a second. A file or folder
    begins again at its end if it is to `loop`.
    """

    transport: Transport = "tcp"
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    decode: Decode = "auto"
    device: DeviceSettings = DeviceSettings()
    ca: str | None = None
    fingerprint: str | None = None
    fps: float | None = None
    loop: bool = False


class MotionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The motion gate: there is motion if more than `area` (a share) of the picture changed by more than `threshold`
    grey levels, outside the polygons of `mask` (x and y from 0 to 1). A frame passes at least every `always_every_s`.
    """

    threshold: float = 15.0
    area: float = 0.001
    mask: list[list[tuple[float, float]]] = []
    always_every_s: float = 10.0


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's clips of events: the time before the start of an event and after its end, and the recorder's address
    (`recorder`), which asks for packets. All the time is recorded if it is `continuous`.

    If a `main` stream is recorded (opened only `on_event`, or always), models look at another one, which shows the part
    `crop` of it (left, top, right and bottom, as shares; None: measured).
    """

    recorder: str
    before_s: float = 5.0
    after_s: float = 10.0
    audio: bool = False
    continuous: bool = False
    main: bool = False
    on_event: bool = False
    crop: tuple[float, float, float, float] | None = None


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One camera as its capture opens it. `source` contains credentials: never log it unredacted.

    A capture that makes no progress for `stall_timeout_s` is replaced. With `motion`, frames without motion are not
    offered. A live frame that was not requested is announced again, as the newest, every `announce_s`. Pictures for
    people go to the address `viewers`, if somebody listens there. The areas `privacy` (polygons, x and y from 0 to 1)
    are black in every picture. With `scene`, a camera that is covered, moved or dark is recognised. With `record`,
    packets are kept for the recorder, of the stream `main` if there is one (with credentials). One that is not
    `enabled` is closed.
    """

    camera: str
    source: str
    opening: OpenSettings = OpenSettings()
    stall_timeout_s: float = 20.0
    delivery: Delivery
    fps: float | None = None
    motion: MotionSettings | None = None
    privacy: list[list[tuple[float, float]]] = []
    scene: bool = False
    enabled: bool = True
    record: RecordSettings | None = None
    main: str | None = None
    codec: Codec = "auto"
    quality: int = 85
    window: int = 8
    announce_s: float = 0.1
    dispatcher: str
    viewers: str | None = None


class CameraPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatcher's settings of one camera; if it is `tracked`, annotated frames show the numbers of tracks."""

    models: list[str]
    delivery: Delivery
    weight: float = 1.0
    max_age_s: float = 0.5
    reorder_wait_s: float = 1.0
    tracked: bool = False


class ModelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatcher's settings of one model.

    Its workers take up to `batch` frames at once. With `after`, it runs on another model's detections: at most
    `max_crops` of a frame, of `classes` (None: all). `requests` is the weight of uploaded pictures relative to the
    cameras (None: there are none).
    """

    batch: int = 1
    after: str | None = None
    classes: list[str] | None = None
    max_crops: int = 8
    requests: float | None = None


class DispatcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatcher's address, its cameras, and all models in use. `epochs` is the file with the highest epoch of each
    camera.
    """

    bind: str
    cameras: dict[str, CameraPlan]
    models: dict[str, ModelPlan] = {}
    epochs: str | None = None


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: its model, the address where frames arrive (`inbox`, bound), and the address of the `sink`, with
    `pictures` for annotated frames if it has a separate one.

    With `trial` the worker ends once the model is loaded, to test that it can be. Frames on which it fails are
    quarantined in the folder `quarantine`, if there is one. What a frame settles of how a model is read is kept in the
    folder `readings`. How the model is read is written to the file `description`.
    """

    worker: str
    model: ModelSettings
    inbox: str
    dispatcher: str
    sink: str
    pictures: str
    trial: bool = False
    quarantine: str | None = None
    readings: str | None = None
    description: str | None = None


class SaveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where annotated frames are saved, a video or a folder, and when the run began (seconds since the Unix epoch).

    `sound` has the clips, by camera, whose sound is copied into the camera's video.
    """

    target: str
    began_at: float
    sound: dict[str, str] = {}


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses where results arrive (`bind`, and `pictures` if annotated frames have a separate one) and are
    published.

    `results` is the file of JSON lines (`-` is standard output), or None; its earlier lines are replaced if there is a
    `replaced`, a file whose existence says that this has been done. Annotated frames are also saved if there is `save`.
    `checkpoint` is the file with the state that the next sink needs if this one and the dispatcher die together.
    Tracks, counts and events are made as `analyses` say, and also written to the file `events`; their state survives
    the service in the file `memory`. The recorder at the address `recorder` stores them, if there is one. The first of
    the `modes` is the usual one; what people have switched is in the folder `state`. With `secret_key`, TCP connections
    need one of the public keys `clients`. The web subscribes at `local`, and bridges at `bridges`.
    """

    bind: str
    pictures: str
    dispatcher: str
    publish: list[str]
    cameras: dict[str, CameraPlan]
    wait_for: int = 0
    quality: int = 85
    results: str | None = None
    replaced: str | None = None
    events: str | None = None
    analyses: list["AnalysisSettings"] = []
    memory: str | None = None
    modes: list[str] = []
    state: str | None = None
    recorder: str | None = None
    save: SaveSettings | None = None
    checkpoint: str | None = None
    secret_key: str | None = None
    clients: list[str] = []
    local: str | None = None
    bridges: list[str] = []


class KeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Time for which each class of what is stored is kept, in seconds."""

    alerts: float = 30 * 86400.0
    events: float = 7 * 86400.0
    continuous: float = 86400.0
    tracks: float = 3 * 86400.0
    counts: float = 400 * 86400.0


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of the store (`folder`) and of clips and stills (`media`), with the limits of what they may hold."""

    folder: str
    media: str
    max_bytes: int = 20_000_000_000
    min_free_bytes: int = 1_000_000_000
    keep: KeepSettings = KeepSettings()


class RecorderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The recorder's address, where it stores, the cameras of which it keeps clips, and who is to receive what it
    stores.
    """

    bind: str
    storage: StorageSettings
    cameras: dict[str, RecordSettings] = {}
    receivers: tuple[str, ...] = ()


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A token, or its digest, and its role."""

    token: str
    role: Role = "viewer"


class ConfigSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration in use: its file, if it has one, when it was read, and its content without secrets."""

    file: str | None = None
    read_at: str = ""
    yaml: str = ""


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A rule for those who watch: the cameras that it is about, and true if its events are alerts."""

    cameras: list[str]
    alert: bool


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses to serve at (`ADDRESS:PORT`, and `grpc`), to subscribe to (`published`), and for answers to uploaded
    pictures (`replies`).
    What happened is read from `storage`, if there is any.

    An uploaded picture has at most `max_bytes` and `max_pixels`, and is answered within `timeout_s`; at most
    `max_waiting` wait for each model. With `tokens` (by name), requests need one of them. `hosts` are accepted host
    names, `origins` other sites whose pages may call this one, `prefix` is the path added by a proxy, `proxies` are
    those whose X-Forwarded headers are believed, and `certificate` and `key` are files for TLS, which have changed if
    `stamp` has. Audit log and sessions are in the folder `state`, what other processes of the run leave for it in
    `folder`. `rules` and `modes` can be switched; `places` are the zones, lines and areas of cameras.
    """

    listen: str
    grpc: str | None = None
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
    tokens: dict[str, TokenSettings] = {}
    hosts: list[str] = []
    origins: list[str] = []
    prefix: str = ""
    proxies: list[str] = []
    certificate: str | None = None
    key: str | None = None
    stamp: str = ""
    state: str | None = None
    folder: str | None = None
    storage: StorageSettings | None = None
    config: ConfigSettings = ConfigSettings()
    rules: dict[str, RuleFacts] = {}
    modes: list[str] = []
    places: dict[str, "CameraPlaces"] = {}


AnchorPoint = Literal["bottom", "center", "top"]


class FilterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which tracks count: classes by name (None: all), height of the box as a share of the picture's, the least median
    of the track's confidences, and the least distance from where it was first seen, in sizes of its box (`moves`).
    """

    classes: tuple[str, ...] | None = None
    min_size: float = 0.0
    max_size: float = 1.0
    confidence: float = 0.0
    moves: float = 0.0


class ZoneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A polygon, in shares of the picture. `margin` is in heights of the box; see `zones.passage`.

    `settle_s` is time looked at on one side after which a track has settled there within the margin too; None: never.
    `lengths` are those of its four sides in metres, from the first corner on, if its ground is known.
    """

    points: tuple[tuple[float, float], ...]
    anchor: AnchorPoint = "bottom"
    filter: FilterSettings = FilterSettings()
    margin: float = 0.1
    settle_s: float | None = None
    lengths: tuple[float, float, float, float] | None = None


class LineSettings(ZoneSettings, frozen=True, kw_only=True):
    """A polyline, in shares of the picture."""


class IgnoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A polygon in which tracks that begin there are ignored, if they are of these classes (None: all)."""

    points: tuple[tuple[float, float], ...]
    classes: tuple[str, ...] | None = None
    anchor: AnchorPoint = "bottom"


class CameraZonesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Zones and lines of a camera by name, and areas to ignore."""

    zones: dict[str, ZoneSettings] = {}
    lines: dict[str, LineSettings] = {}
    ignore: tuple[IgnoreSettings, ...] = ()


class CameraPlaces(CameraZonesSettings, frozen=True, kw_only=True):
    """Zones, lines and ignored areas of a camera, and those that are hidden."""

    privacy: list[list[tuple[float, float]]] = []


class InZone(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A condition on a zone; `for_s` is in time looked at."""

    zone: str
    for_s: float = 0.0


class Enters(InZone, frozen=True, kw_only=True, tag="enters"):
    """A track enters a zone, or is found in it."""


class Leaves(InZone, frozen=True, kw_only=True, tag="leaves"):
    """A track leaves a zone."""


class Appears(InZone, frozen=True, kw_only=True, tag="appears"):
    """A track is first seen inside a zone."""


class Stays(InZone, frozen=True, kw_only=True, tag="stays"):
    """A track has been in a zone for a time."""


class Count(InZone, frozen=True, kw_only=True, tag="count"):
    """More than `above` tracks, or fewer than `below`, are in a zone."""

    above: int | None = None
    below: int | None = None


class Absent(InZone, frozen=True, kw_only=True, tag="absent"):
    """No track has been in a zone for a time."""


class Covers(InZone, frozen=True, kw_only=True, tag="covers"):
    """The whole box of a track has been in a zone for a time."""


class Speed(InZone, frozen=True, kw_only=True, tag="speed"):
    """A track moves through a zone with lengths faster than `above` kilometres an hour."""

    above: float = 0.0


class Deposited(InZone, frozen=True, kw_only=True, tag="left"):
    """A track has been at rest in a zone for a time, without the tracks that brought it; after `furniture_s` it belongs
    there.

    Those of the classes `owners` that are within `near` of their heights when it comes to rest have brought it.
    """

    furniture_s: float = 1800.0
    owners: tuple[str, ...] = ("person",)
    near: float = 1.0


class Taken(InZone, frozen=True, kw_only=True, tag="taken"):
    """A track that was at rest in a zone for a time moves away, or is gone."""


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """Another line that is crossed within a time after the first."""

    line: str
    within_s: float
    direction: Literal["in", "out"] | None = None


class Crosses(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="crosses"):
    """A track crosses a line, in a direction or in any (None), and after it another one if there is a `then`."""

    line: str
    direction: Literal["in", "out"] | None = None
    then: Then | None = None


class HasState(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="state"):
    """The camera, its scene or the system is in one of these states, for `for_s` of any time."""

    of: Literal["camera", "scene", "system"]
    states: tuple[str, ...]
    for_s: float = 0.0


ConditionSettings = (
    Enters | Leaves | Appears | Stays | Covers | Speed | Count | Absent | Deposited | Taken | Crosses | HasState
)


class ConfirmSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has to confirm an event, and how long it may take (None: any time). It does so by finding one of the
    `classes` in a track; None: one of those of the rule, or else the class that the track has.
    """

    model: str
    classes: tuple[str, ...] | None = None
    within_s: float | None = 2.0


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of one camera and model: when an event begins, and which events make an alert (not `quiet`).

    `during` are ranges of local time, `modes` those in which it is on (None: all). `per` says whether each track makes
    an event of its own.
    """

    condition: ConditionSettings
    filter: FilterSettings = FilterSettings()
    during: str | None = None
    modes: tuple[str, ...] | None = None
    cooldown_s: float = 30.0
    per: Literal["camera", "track"] = "camera"
    linger_s: float = 5.0
    quiet: bool = False
    confirm: ConfirmSettings | None = None


class StreamRulesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Zones, lines and rules of one camera and model; counts are reported `every_s`, and `reset` at local times.

    Without `track`, nothing needs tracks: the rules are about the camera or the machine.
    """

    track: bool = True
    zones: CameraZonesSettings = CameraZonesSettings()
    rules: dict[str, RuleSettings] = {}
    every_s: float = 60.0
    reset: tuple[str, ...] = ("00:00",)


class PlaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where this machine is: its time zone by name, and if they are known, latitude and longitude in degrees."""

    time_zone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None


class AnalysisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Tracks, counts and events of one camera and model, on the machine named `box`.

    `gap_s` is the longest time between two looks that counts as looked at. A source that is not `finite` goes on after
    a restart of the service, with its tracks and counts. If it is `lossless`, a death of the sink changes nothing.
    """

    camera: str
    model: str
    box: str
    place: PlaceSettings = PlaceSettings()
    gap_s: float = 1.0
    finite: bool = False
    lossless: bool = False
    rules: StreamRulesSettings = StreamRulesSettings()
