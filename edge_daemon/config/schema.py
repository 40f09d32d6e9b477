"""The keys that people write, each with its type, default and meaning, which editors show too (JSON Schema).

pydantic takes a process 200 ms to import: only this module, `values` and `load` do; processes get `settings`.
"""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from edge_daemon.config.problems import Lines
from edge_daemon.config.values import (
    Bytes,
    Clients,
    Endpoints,
    FilePath,
    Labels,
    Listen,
    ModelPath,
    Name,
    Polygons,
    Prefix,
    Providers,
    Rate,
    Seconds,
    SecretKey,
    Sha256,
    Share,
    Size,
    Source,
    Token,
    Word,
    Words,
    token_section,
)
from edge_daemon.settings import Codec, Decode, DecoderName, Delivery, Transport
from edge_daemon.tokens import ROLES, Role


class Section(BaseModel):
    """A mapping of known keys. One that is written but left empty has all its defaults."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        return {} if value is None else value


class Device(Section):
    """What a webcam is asked for; what it gives instead is logged."""

    size: Size | None = Field(default=None, examples=["1280x720"])
    """Width and height."""
    fps: Rate | None = None
    """Frames a second."""
    fourcc: str | None = Field(default=None, pattern="^[A-Za-z0-9]{4}$", examples=["MJPG", "YUYV"])
    """The format of its frames; MJPG, which lets most cameras give more frames, if left out."""


class Motion(Section):
    """When frames are held back because nothing moved. {} has all defaults."""

    threshold: float = Field(default=15.0, gt=0, le=255)
    """A pixel has changed when it differs by more grey levels than this."""
    area: Share = 0.001
    """Something moved when more than this share of the picture changed."""
    mask: Polygons | None = Field(default=None, examples=[[[[0, 0], [1, 0], [1, 0.2], [0, 0.2]]]])
    """Polygons to ignore, of points [x, y] from [0, 0] at the top left to [1, 1]: trees, roads, a screen."""
    always_every: Seconds = Field(default="10s", validate_default=True)
    """A frame passes at least so often, whether or not something moved."""


class Camera(Section):
    """Where frames come from, and what is done with them."""

    source: Source = Field(repr=False, examples=["rtsp://10.0.0.4/stream1", 0, "clip.mp4"])
    """A URL (RTSP or HTTP MJPEG), a video, a folder of pictures, a webcam (number or device), or scene:."""
    models: Words | None = Field(default=None, examples=[["person"]])
    """Names of the models that look at this camera; all if left out."""
    fps: Rate | None = Field(default=None)
    """Frames a second offered to the models; all if left out."""
    motion: Motion | None = None
    """Frames in which nothing moves are not offered to the models; {} for the defaults, off if left out."""
    delivery: Delivery | None = Field(default=None)
    """live takes the newest frame, lossless makes the source wait; if left out, files and folders wait."""
    max_age: Seconds = Field(default="500ms", validate_default=True)
    """In live delivery, a frame that waited longer than this is dropped."""
    reorder_wait: Seconds = Field(default="1s", validate_default=True)
    """In live delivery, a frame that others have overtaken holds their results up for so long at most."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """The camera's share of the workers, relative to the others."""
    transport: Transport = "tcp"
    """Of RTSP; udp for cameras that cannot do otherwise."""
    decode: Decode = "auto"
    """Where video is decoded; what is not to be had there is decoded on the CPU, and the log says so."""
    open_timeout: Seconds = Field(default="10s", validate_default=True)
    """How long opening the camera may take."""
    read_timeout: Seconds = Field(default="5s", validate_default=True)
    """A camera that gives no frame for so long is opened anew."""
    stall_timeout: Seconds = Field(default="20s", validate_default=True)
    """A capture that is stuck for so long, whatever in, is ended and started again."""
    device: Device = Field(default_factory=Device)


class Input(Section):
    """What a model expects of its input, where that is not found by itself. See docs/models.md."""

    size: Size | None = Field(default=None, examples=[640, "640x384"])
    """Width and height, or one number for both, of a model that leaves them open."""
    color: Literal["rgb", "bgr", "gray"] | None = None
    """The order of the channels."""
    layout: Literal["nchw", "nhwc"] | None = None
    """Whether channels come first or last."""
    scale: float | None = Field(default=None, gt=0, examples=[0.00392156862745098])
    """A value is (pixel * scale - mean) / std."""
    mean: list[float] | None = Field(default=None, min_length=1, max_length=3)
    """One for all channels, or one each in the order of color."""
    std: list[Annotated[float, Field(gt=0)]] | None = Field(default=None, min_length=1, max_length=3)
    """One for all channels, or one each in the order of color."""
    resize: Literal["letterbox", "corner", "stretch", "crop"] | None = None
    """letterbox: whole picture in the middle; corner: at the top left; stretch: to all of the input; crop: middle."""
    pad: int | None = Field(default=None, ge=0, le=255)
    """Grey of what a letterbox leaves empty."""


class Crop(Section):
    """What is cut out of a frame for a model that comes after another."""

    margin: float = Field(default=0.0, ge=0, le=2)
    """How much more than the box, as a share of its sides."""


class Model(Section):
    """An ONNX model and the worker processes that own it."""

    path: ModelPath = Field(repr=False, examples=["yolox_nano.onnx", "builtin:person", "zoo:yolox-nano"])
    """An ONNX file, builtin:person, zoo:NAME of the catalogue, or https://... with its sha256."""
    sha256: Sha256 | None = Field(default=None)
    """The file's sum as sha256sum prints it: needed with https://, and a file on this machine is held to it too."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that own this model; so many frames are worked on at once."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of each worker. Two workers with one thread do more than one with two."""
    confidence: Share = 0.4
    """What is less certain than this is no detection."""
    class_confidence: dict[Word, Share] | None = Field(default=None, examples=[{"person": 0.6}])
    """What goes before confidence, for single classes by name."""
    iou: Share = 0.45
    """Of two boxes of a class that overlap more than this, the less certain one goes (NMS)."""
    max_detections: int = Field(default=300, ge=1, le=10000)
    """The surest so many in a frame are told."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Only these classes, by name; all if left out. With after: only what the other model found of these."""
    decoder: DecoderName = "auto"
    """How to read the model's outputs; auto tells it from their layout."""
    input: Input = Field(default_factory=Input)
    outputs: dict[Word, Word] | None = Field(default=None, examples=[{"boxes": "output0", "scores": "593"}])
    """The outputs to read, each by what it is, where the model has others too or tells them apart badly."""
    after: Word | None = Field(default=None, examples=["person"])
    """Runs on what this other model found, cut out of the frame, instead of on the whole frame."""
    crop: Crop = Field(default_factory=Crop)
    max_crops: int = Field(default=8, ge=1, le=64)
    """With after: how many things of a frame it runs on, the surest first."""
    batch: int = Field(default=1, ge=1, le=64)
    """Frames that a worker takes at once, of several cameras; the model has to allow it."""
    batch_wait: Seconds = Field(default="10ms", validate_default=True)
    """How long a worker waits for a batch to fill."""
    worker_timeout: Seconds = Field(default="60s", validate_default=True)
    """A worker that is stuck in one frame for so long is ended and started again."""
    max_memory: Bytes | None = Field(default=None, examples=["500MB", "1.5GB"])
    """A worker that takes more than this is replaced between two frames; no limit if left out."""
    providers: Providers = Field(default=["cpu"])
    """ONNX Runtime execution providers, in order of preference."""
    labels: Labels = Field(default=None, examples=[["person", "car"], "labels.txt", "coco"])
    """Class names in order, a text file with one a line, or coco or voc; if left out, what the model itself says."""


class Frames(Section):
    """How frames travel."""

    codec: Codec = "auto"
    """Between captures and workers; auto is raw on this machine and jpeg to another."""
    quality: int = Field(default=85, ge=1, le=100)
    """Of JPEG and WebP."""


class Publish(Section):
    """Where results and annotated frames go."""

    bind: Endpoints = Field(default=["tcp://127.0.0.1:5555"])
    """ZeroMQ addresses that subscribers connect to: tcp://ADDRESS:PORT or ipc://FILE."""
    wait_for: int = Field(default=0, ge=0, le=1000)
    """Subscribers that a run over files waits for before its first frame."""
    secret_key: SecretKey | None = Field(default=None, repr=False, examples=["/etc/edge-daemon/daemon.key"])
    """Of edge-daemon keygen: a file, or ${NAME} of a secret. TCP is encrypted then, and for the clients alone."""
    clients: Clients | None = Field(default=None, examples=[["/etc/edge-daemon/clients/office.pub"], ["any"]])
    """Public keys, or files of them, of those who may subscribe; any: whoever has this daemon's public key."""
    insecure: bool = False
    """Allows addresses that other machines reach without keys: whoever connects sees everything."""


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
    """The web page and HTTP interface."""

    enabled: bool = True
    """Whether it is served. A run over files that does not mention `web:` is without."""
    listen: Listen = "127.0.0.1:8080"
    """ADDRESS:PORT."""
    tokens: WebTokens | None = Field(
        default=None,
        min_length=1,
        repr=False,
        examples=[{"office": "sha256:...", "boss": {"token": "sha256:...", "role": "administrator"}}],
    )
    """Requests need one, by name: as edge-daemon token prints it, or ${NAME} of the token. Alone, it is a viewer's."""
    hosts: Words | None = Field(default=None, examples=[["cameras.example.org"]])
    """Names by which people come here, besides localhost and addresses: others are not answered to."""
    prefix: Prefix = ""
    """What a reverse proxy puts before the paths, such as /cameras."""
    certificate: FilePath | None = Field(default=None, examples=["/etc/edge-daemon/tls.crt"])
    """For TLS: a file with the certificate, in PEM, and those that vouch for it."""
    key: FilePath | None = Field(default=None, examples=["/etc/edge-daemon/tls.key"])
    """For TLS: a file with its key, in PEM."""
    insecure: bool = False
    """Allows an address that other machines reach without tokens: whoever comes sees everything."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """Share of the workers that pictures sent in have, beside the cameras'."""
    timeout: Seconds = Field(default="30s", validate_default=True)
    """A picture that is not looked at within this time is answered with 503."""
    max_waiting: int = Field(default=64, ge=1, le=10000)
    """So many pictures may wait for each model; more are answered with 503."""
    max_bytes: Bytes = Field(default="32MB", validate_default=True)
    """Of a picture that is sent in."""
    max_pixels: int = Field(default=64_000_000, ge=1, le=64_000_000)
    """Of a picture that is sent in; larger ones are not decoded."""


class Config(Section):
    """The configuration of edge-daemon."""

    cameras: dict[Name, Camera] = Field(min_length=1, examples=[{"door": {"source": "rtsp://10.0.0.4/stream1"}}])
    """The cameras, by name."""
    models: dict[Name, Model] = Field(min_length=1, examples=[{"person": {"path": "builtin:person"}}])
    """The models, by name."""
    frames: Frames = Field(default_factory=Frames)
    publish: Publish = Field(default_factory=Publish)
    web: Web = Field(default_factory=Web)
    runtime_dir: FilePath | None = Field(default=None)
    """The folder for sockets between the processes; a private one is chosen if left out."""

    _lines: Lines = PrivateAttr(default_factory=Lines)

    @field_validator("cameras", "models", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    @property
    def lines(self) -> Lines:
        """Where its values stand in the file that it came from."""
        return self._lines
