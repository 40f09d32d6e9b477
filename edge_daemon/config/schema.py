"""The keys of the configuration, with type, default and description, which editors show too (JSON Schema).

Importing pydantic takes 200 ms: only this module, `values` and `load` do; processes get `settings`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, field_validator

from edge_daemon.config.deliver import DEFAULT_RULE, Deliver
from edge_daemon.config.places import Ignored, Line, Zone
from edge_daemon.config.problems import Lines
from edge_daemon.config.rules import Counts, Location, Rule
from edge_daemon.config.section import Section
from edge_daemon.config.urls import SiteAddress
from edge_daemon.config.values import (
    Anchor,
    Bytes,
    Clients,
    Duration,
    Endpoints,
    FilePath,
    Fingerprint,
    Labels,
    Listen,
    ModelPath,
    Name,
    Networks,
    Origins,
    Part,
    Polygons,
    Prefix,
    Providers,
    Rate,
    Seconds,
    SecretKey,
    Sha256,
    Share,
    SimplePolygon,
    Size,
    Source,
    Token,
    Urls,
    Word,
    Words,
    token_section,
    track_section,
)
from edge_daemon.log import Level
from edge_daemon.settings import Activation, Codec, Column, Decode, DecoderName, Delivery, Order, Transport, Unit
from edge_daemon.tokens import ROLES, Role


class Device(Section):
    """Requested format of a webcam. The log gives the format it delivers if that differs."""

    size: Size | None = Field(default=None, examples=["1280x720"])
    """Width and height."""
    fps: Rate | None = None
    """Frames per second."""
    fourcc: str | None = Field(default=None, pattern="^[A-Za-z0-9]{4}$", examples=["MJPG", "YUYV"])
    """Pixel format as a FourCC; if left out, MJPG, with which most cameras reach their highest frame rate."""


class Motion(Section):
    """Hold back frames in which nothing moves. {} has all defaults."""

    threshold: float = Field(default=15.0, gt=0, le=255)
    """Change of a pixel, in grey levels, above which it counts as changed."""
    area: Share = 0.001
    """Share of changed pixels in the picture above which something moved."""
    mask: Polygons | None = Field(default=None, examples=[[[[0, 0], [1, 0], [1, 0.2], [0, 0.2]]]])
    """Polygons to ignore, of points [x, y] from [0, 0] at the top left to [1, 1]: trees, roads, a screen."""
    always_every: Seconds = Field(default="10s", validate_default=True)
    """Longest time without a frame; then one passes even if nothing moved."""


class Record(Section):
    """Clips and stills of events, from the camera's own packets. {} has all defaults, false turns it off.

    Keys that a camera leaves out are those of the section `record` of all cameras.
    """

    enabled: bool = True
    """Keep clips and stills of this camera's events."""
    before: Duration | None = Field(default=None, examples=["5s"])
    """Time before the start of an event; 5s if left out."""
    after: Duration | None = Field(default=None, examples=["10s"])
    """Time after the end of an event; 10s if left out."""
    audio: bool | None = Field(default=None, examples=[True])
    """Keep the camera's sound too; off if left out."""
    continuous: bool | None = Field(default=None, examples=[True])
    """Record all the time, not only around events; off if left out."""


class CameraRecord(Record):
    """As the section `record` of all cameras, and what else there is to be said of one camera."""

    source: Source | None = Field(default=None, repr=False, examples=["rtsp://10.0.0.4/main"])
    """Stream of the camera to record, where models look at a smaller one; the one that they look at if left out."""
    on: Literal["always", "event"] = "always"
    """With source: open that stream always, or only while there is an event, whose clip then begins late."""
    crop: Part | None = Field(default=None, examples=[[0.125, 0, 0.875, 1]])
    """With source: the part of its picture that models look at, left, top, right and bottom, as shares; measured if
    left out."""


class Camera(Section):
    """A source of frames and the models that run on it."""

    source: Source = Field(repr=False, examples=["rtsp://10.0.0.4/stream1", 0, "clip.mp4"])
    """URL (RTSP, HTTP MJPEG or a snapshot), video file, folder of pictures, webcam (number or device), or scene:."""
    models: Words | None = Field(default=None, examples=[["person"]])
    """Names of the models that run on this camera; all models if left out."""
    fps: Rate | None = Field(default=None)
    """Frames per second offered to the models; all frames if left out."""
    motion: Motion | None = None
    """Motion gate: offer only frames in which something moves. {} has all defaults; off if left out."""
    delivery: Delivery | None = Field(default=None)
    """live: use the newest frame; lossless: make the source wait. If left out, lossless for files and folders."""
    loop: bool = False
    """Files and folders: begin again at the end, and play at the file's own speed, like a camera."""
    max_age: Seconds = Field(default="500ms", validate_default=True)
    """Live delivery: drop frames that have waited longer than this."""
    reorder_wait: Seconds = Field(default="1s", validate_default=True)
    """Live delivery: longest time that a result waits for the results of earlier frames."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """Share of the workers' time, relative to the other cameras."""
    transport: Transport = "tcp"
    """RTSP transport; udp for cameras that do not support tcp."""
    decode: Decode = "auto"
    """Video decoder. If it is not available, video is decoded on the CPU and the log says so."""
    open_timeout: Seconds = Field(default="10s", validate_default=True)
    """Longest time that opening the camera may take."""
    read_timeout: Seconds = Field(default="5s", validate_default=True)
    """Reopen the camera when it delivers no frame for this long."""
    stall_timeout: Seconds = Field(default="20s", validate_default=True)
    """Restart the capture process when it makes no progress for this long."""
    ca: FilePath | None = None
    """File of certificates (PEM) to accept from the camera over https or rtsps: its own, or that of its authority."""
    fingerprint: Fingerprint | None = None
    """SHA-256 fingerprint of the only certificate to accept from the camera over https or rtsps."""
    zones: dict[Name, Zone] | None = Field(default=None, examples=[{"drive": {"points": [[0, 0.5], [1, 0.5], [1, 1]]}}])
    """Zones in the picture, by name: who enters, leaves, stays. See docs/events.md."""
    lines: dict[Name, Line] | None = Field(default=None, examples=[{"gate": {"points": [[0.2, 0.8], [0.8, 0.8]]}}])
    """Lines in the picture, by name: who crosses them."""
    ignore: list[Ignored] | None = Field(default=None, examples=[[{"points": [[0, 0], [0.2, 0], [0.2, 0.2]]}]])
    """Areas: what is first seen there is ignored."""
    privacy: list[SimplePolygon] | None = Field(default=None, examples=[[[[0.8, 0], [1, 0], [1, 0.4]]]])
    """Polygons that are black in every picture, before models, motion and everybody who looks."""
    record: Annotated[CameraRecord | None, BeforeValidator(track_section)] = None
    """Clips and stills of its events; as the section `record` of all cameras if left out."""
    device: Device = Field(default_factory=Device)


class Input(Section):
    """Properties of the model's input that are not detected automatically. See docs/models.md."""

    size: Size | None = Field(default=None, examples=[640, "640x384"])
    """Width and height, or one number for both, of a model whose input size is not fixed."""
    color: Literal["rgb", "bgr", "gray"] | None = None
    """Order of the channels."""
    layout: Literal["nchw", "nhwc"] | None = None
    """Position of the channels: first (nchw) or last (nhwc)."""
    scale: float | None = Field(default=None, gt=0, examples=[0.00392156862745098])
    """Factor in (pixel * scale - mean) / std, the value given to the model."""
    mean: list[float] | None = Field(default=None, min_length=1, max_length=3)
    """Mean for all channels, or one per channel in the order of color."""
    std: list[Annotated[float, Field(gt=0)]] | None = Field(default=None, min_length=1, max_length=3)
    """Standard deviation for all channels, or one per channel in the order of color."""
    resize: Literal["letterbox", "corner", "stretch", "crop"] | None = None
    """letterbox: whole picture, centred; corner: whole picture, top left; stretch: fill the input; crop: centre."""
    pad: int | None = Field(default=None, ge=0, le=255)
    """Grey level of the padding around a letterboxed picture."""


class Boxes(Section):
    """Properties of the model's outputs that are not detected automatically. See docs/models.md."""

    order: Order | None = None
    """Meaning of a box's four numbers: left, top, right, bottom; top, left, bottom, right; or centre and size."""
    unit: Unit | None = None
    """Unit of boxes: pixels of the model's input, or shares of it (0 to 1)."""
    first_class: Literal[0, 1] | None = None
    """Number that the model gives the first class."""
    nms: bool | None = None
    """Remove overlapping boxes (NMS); false if the model has done so."""
    activation: Activation | None = None
    """Function to apply to scores; none if they are probabilities already. With sigmoid several classes may hold."""
    columns: list[Column] | None = Field(default=None, min_length=3, examples=[["batch", "box", "score", "class"]])
    """Columns of each row in order; box is four columns."""
    batch_column: int | None = Field(default=None, ge=0, le=63)
    """Column with the number of the picture, in a table of all pictures of a batch."""
    anchors: list[list[Anchor]] | None = Field(default=None, min_length=1, examples=[[[[10, 13], [16, 30], [33, 23]]]])
    """Width and height of each anchor in pixels, level by level, the finest first, for maps before decoding."""


class Crop(Section):
    """Region of a frame given to a model that runs after another."""

    margin: float = Field(default=0.0, ge=0, le=2)
    """Margin added around the box, as a share of its sides."""


class Track(Section):
    """Tracking of a model's detections. {} turns it on, false turns it off."""

    enabled: bool = True
    """Give each object a number that it keeps from frame to frame."""


class Model(Section):
    """An ONNX model and the worker processes that run it."""

    path: ModelPath | None = Field(
        default=None, repr=False, examples=["yolox_nano.onnx", "builtin:person", "zoo:yolox-nano"]
    )
    """An ONNX file, builtin:person, zoo:NAME from the catalogue, or https://... with its sha256."""
    url: Urls | None = Field(default=None, examples=["grpc://10.0.0.9:8001/yolox", "http://other-box:8080/objects"])
    """Instead of path: the model on an inference server (Open Inference Protocol), grpc://, grpcs://, http:// or https://
    with host, port and name of the model; or a list of several servers. See docs/remote.md."""
    fallback: ModelPath | None = Field(default=None, repr=False, examples=["yolox_nano.onnx"])
    """With url: the model that stands in on this machine while no server answers, as for path."""
    token: Word | None = Field(default=None, repr=False, examples=["${INFERENCE_TOKEN}"])
    """With url: token that the servers ask for, as ${NAME}."""
    ca: FilePath | None = None
    """With url: file of certificates (PEM) to accept from the servers; if left out, those that this machine trusts."""
    certificate: FilePath | None = None
    """With url: file with the certificate (PEM) by which the servers know this machine."""
    key: FilePath | None = None
    """With url: file with the private key (PEM) of certificate."""
    answer_timeout: Seconds = Field(default="5s", validate_default=True)
    """With url: longest time for an answer of a server."""
    repository: FilePath | None = None
    """With url: folder of the model in the repository of a server, if it can be read here: class names and more."""
    sha256: Sha256 | None = Field(default=None)
    """SHA-256 of the file, as sha256sum prints it: required with https://, and checked for local files too. If weights
    are in files beside the model, it is that of the model and these, in the order of their names (cat m.onnx m.data |
    sha256sum)."""
    workers: int = Field(default=1, ge=1, le=64)
    """Worker processes of this model; each runs one frame or batch at a time."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of each worker. Two workers with one thread process more frames than one worker with two."""
    confidence: Share = 0.4
    """Minimum confidence of a detection."""
    class_confidence: dict[Word, Share] | None = Field(default=None, examples=[{"person": 0.6}])
    """Per-class overrides of `confidence`."""
    iou: Share = 0.45
    """NMS: of two boxes of a class with a higher overlap (IoU) than this, remove the less confident one."""
    max_detections: int = Field(default=300, ge=1, le=10000)
    """At most this many detections per frame, highest confidence first."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Keep only these classes, by name; all if left out. With after: the classes of the other model's detections."""
    decoder: DecoderName = "auto"
    """Decoder of the model's outputs; auto recognises their layout."""
    input: Input = Field(default_factory=Input)
    boxes: Boxes = Field(default_factory=Boxes)
    outputs: dict[Word, Word] | None = Field(default=None, examples=[{"boxes": "output0", "scores": "593"}])
    """Outputs to read, by role, for a model with additional outputs or ambiguous shapes."""
    after: Word | None = Field(default=None, examples=["person"])
    """Name of another model: run on the detections of that model, cut out of the frame, instead of on whole frames."""
    crop: Crop = Field(default_factory=Crop)
    max_crops: int = Field(default=8, ge=1, le=64)
    """With after: at most this many detections per frame, highest confidence first."""
    batch: int = Field(default=1, ge=1, le=64)
    """Frames that a worker runs at once, of several cameras; the model must allow batches."""
    batch_wait: Seconds = Field(default="10ms", validate_default=True)
    """Longest time that a worker waits for a batch to fill."""
    track: Annotated[Track, BeforeValidator(track_section)] | None = None
    """Give each object a number that it keeps: {} for on, false for off; if left out, where a zone or line needs it."""
    worker_timeout: Seconds = Field(default="60s", validate_default=True)
    """Restart a worker that is busy with one frame for this long."""
    max_memory: Bytes | None = Field(default=None, examples=["500MB", "1.5GB"])
    """Replace a worker, between two frames, when it uses more memory than this; no limit if left out."""
    providers: Providers = Field(default=["cpu"])
    """ONNX Runtime execution providers, in order of preference."""
    labels: Labels = Field(default=None, examples=[["person", "car"], "labels.txt", "coco"])
    """Class names in order, a text file with one name a line, coco or voc; if left out, those in the model file."""

    @property
    def file(self) -> str:
        """Path of the model on this machine; empty if it runs on servers alone."""
        return self.path or self.fallback or ""

    @property
    def file_key(self) -> str:
        """The key that names it, or the servers."""
        return "path" if self.url is None else "fallback" if self.fallback else "url"


class Log(Section):
    """The log of all processes."""

    level: Level = "info"
    """Leave out lines below this level: debug, info, warning or error."""


class Frames(Section):
    """Transport of frames between processes."""

    codec: Codec = "auto"
    """Encoding between captures and workers; auto is raw on this machine and jpeg to other machines."""
    quality: int = Field(default=85, ge=1, le=100)
    """Quality of JPEG and WebP."""


class Publish(Section):
    """Publishing of results and annotated frames."""

    bind: Endpoints = Field(default=["tcp://127.0.0.1:5555"])
    """ZeroMQ addresses for subscribers: tcp://ADDRESS:PORT or ipc://FILE."""
    wait_for: int = Field(default=0, ge=0, le=1000)
    """A run over files starts once this many subscribers are connected."""
    secret_key: SecretKey | None = Field(default=None, repr=False, examples=["/etc/edge-daemon/daemon.key"])
    """Secret key from edge-daemon keygen, as a file or ${NAME}. Encrypts TCP and admits the clients only."""
    clients: Clients | None = Field(default=None, examples=[["/etc/edge-daemon/clients/office.pub"], ["any"]])
    """Public keys of the subscribers, or files with them; any: every subscriber that has the daemon's public key."""
    insecure: bool = False
    """Allow addresses that other machines can reach without keys: everybody who connects can read everything."""


class WebToken(Section):
    """A token of the web interface. A token alone is short for one with the role viewer."""

    token: Token = Field(repr=False)
    role: Role = "viewer"


WebTokens = dict[
    Name,
    Annotated[
        WebToken,
        BeforeValidator(token_section),
        WithJsonSchema(
            {
                "type": ["string", "object"],
                "properties": {
                    "token": {"type": "string", "description": "The token, or its digest."},
                    "role": {
                        "enum": list(ROLES),
                        "default": "viewer",
                        "description": "viewer sees and predicts, operator also switches, administrator changes.",
                    },
                },
                "required": ["token"],
                "additionalProperties": False,
            }
        ),
    ],
]


class Web(Section):
    """The web page and the HTTP interface."""

    enabled: bool = True
    """Serve the page. A run over files serves it only if the file has a section `web:`."""
    listen: Listen = "127.0.0.1:8080"
    """Address to serve at, ADDRESS:PORT."""
    grpc: Listen | None = Field(default=None, examples=["127.0.0.1:8001"])
    """Address at which the Open Inference Protocol is served over gRPC too, with the same tokens and certificate; off
    if left out. Needs pip install edge-daemon[remote]."""
    tokens: WebTokens | None = Field(
        default=None,
        min_length=1,
        repr=False,
        examples=[{"office": "sha256:...", "boss": {"token": "sha256:...", "role": "administrator"}}],
    )
    """Access tokens by name, required for requests: as edge-daemon token prints them, or ${NAME} of a token."""
    url: SiteAddress | None = Field(default=None, examples=["https://cameras.example.org"])
    """Address at which the page is reached from outside, for links in messages. Its host is one of hosts."""
    hosts: Words | None = Field(default=None, examples=[["cameras.example.org"]])
    """Host names accepted in requests, besides localhost and IP addresses."""
    origins: Origins | None = Field(default=None, examples=[["https://dashboard.example.org"]])
    """Other sites whose pages may call this interface (CORS), with a token where tokens are needed."""
    prefix: Prefix = ""
    """Path prefix that a reverse proxy adds, such as /cameras."""
    proxies: Networks | None = Field(default=None, examples=[["127.0.0.1", "172.18.0.0/16"]])
    """Addresses of reverse proxies, whose X-Forwarded-For, -Proto and -Host are believed."""
    certificate: FilePath | None = Field(default=None, examples=["/etc/edge-daemon/tls.crt"])
    """TLS: PEM file with the certificate and its chain."""
    key: FilePath | None = Field(default=None, examples=["/etc/edge-daemon/tls.key"])
    """TLS: PEM file with the certificate's private key."""
    insecure: bool = False
    """Allow an address that other machines can reach without tokens: everybody who connects can see everything."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """Share of the workers' time for uploaded pictures, relative to the cameras."""
    timeout: Seconds = Field(default="30s", validate_default=True)
    """Answer 503 when a picture has not been processed within this time."""
    max_waiting: int = Field(default=64, ge=1, le=10000)
    """Pictures that may wait for each model; further ones are answered with 503."""
    max_bytes: Bytes = Field(default="32MB", validate_default=True)
    """Maximum size of an uploaded picture."""
    max_pixels: int = Field(default=64_000_000, ge=1, le=64_000_000)
    """Maximum width times height of an uploaded picture."""


@dataclass(frozen=True)
class Origin:
    """What a configuration was made of: the values as `written`, which name secrets but do not have them, and the time
    (UTC) at which they were read. All instances compare equal.
    """

    written: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    read_at: str = field(default="", compare=False)


class Keep(Section):
    """Time for which what is stored is kept."""

    alerts: Duration = Field(default="30d", validate_default=True)
    """Events of rules that are not quiet, with their clips and stills."""
    events: Duration = Field(default="7d", validate_default=True)
    """Events of quiet rules, with their clips and stills."""
    continuous: Duration = Field(default="1d", validate_default=True)
    """What is recorded all the time."""
    tracks: Duration = Field(default="3d", validate_default=True)
    """Paths of tracks."""
    counts: Duration = Field(default="400d", validate_default=True)
    """Counts of lines and zones."""


class Storage(Section):
    """Store of what happens. It is on if there are rules or `record`, or if this section is there; false: off."""

    enabled: bool = True
    """Store events, ends of tracks and counts."""
    path: FilePath | None = Field(default=None, examples=["/var/lib/edge-daemon/store"])
    """Folder of the store, on a disk of this machine; in the state folder if left out."""
    media: FilePath | None = Field(default=None, examples=["/mnt/nas/edge-daemon"])
    """Folder of clips and stills, if they are to be elsewhere."""
    max_size: Bytes = Field(default="20GB", validate_default=True)
    """Most that may be stored; then the oldest goes."""
    min_free: Bytes = Field(default="1GB", validate_default=True)
    """Least free space to leave on the disk; then the oldest goes."""
    keep: Keep = Field(default_factory=Keep)


class Config(Section):
    """The configuration of edge-daemon."""

    name: Word | None = Field(default=None, examples=["yard-box"])
    """Name of this box in ids and messages; the host's name at the first start if left out, kept from then on."""
    cameras: dict[Name, Camera] = Field(min_length=1, examples=[{"door": {"source": "rtsp://10.0.0.4/stream1"}}])
    """The cameras, by name."""
    models: dict[Name, Model] = Field(min_length=1, examples=[{"person": {"path": "builtin:person"}}])
    """The models, by name."""
    frames: Frames = Field(default_factory=Frames)
    publish: Publish = Field(default_factory=Publish)
    web: Web = Field(default_factory=Web)
    log: Log = Field(default_factory=Log)
    rules: dict[Name, Rule] | None = Field(
        default=None, examples=[{"visitor": {"enters": "drive", "classes": ["person"]}}]
    )
    """Rules, by name: which events there are. See docs/events.md."""
    counts: Counts = Field(default_factory=Counts)
    location: Location = Field(default_factory=Location)
    record: Annotated[Record | None, BeforeValidator(track_section)] = None
    """Clips and stills of events, for all cameras that do not say otherwise; off if left out."""
    storage: Annotated[Storage, BeforeValidator(track_section)] = Field(default_factory=Storage)
    deliver: dict[Name, Deliver] | None = Field(
        default=None, examples=[{"phone": {"webhook": "https://example.org/hook"}}]
    )
    """Receivers of what happens, by name. See docs/delivery.md."""
    modes: Words | None = Field(default=None, examples=[["home", "away"]])
    """Names of modes in which rules may be on, the first one at the first start."""
    runtime_dir: FilePath | None = Field(default=None)
    """Folder for the sockets between processes; a private one if left out."""

    _lines: Lines = PrivateAttr(default_factory=Lines)
    _origin: Origin = PrivateAttr(default_factory=Origin)

    @field_validator("cameras", "models", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    @property
    def all_rules(self) -> dict[str, Rule]:
        """The rules, and one for cameras that are down if there are receivers and no rule is about that."""
        rules = dict(self.rules or {})
        if self.deliver and DEFAULT_RULE not in rules and not any(rule.camera for rule in rules.values()):
            rules[DEFAULT_RULE] = Rule.model_validate({"camera": ["down", "frozen"], "for": "1min"})
        return rules

    @property
    def lines(self) -> Lines:
        """Positions of the keys in the file that this configuration was loaded from."""
        return self._lines

    @property
    def origin(self) -> Origin:
        """What was written, and when it was read."""
        return self._origin
