"""The keys that people write, each with its type, default and meaning, which editors show too (JSON Schema).

pydantic takes a process 200 ms to import: only this module, `values` and `load` do; processes get `settings`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from edge_daemon.config.problems import Lines
from edge_daemon.config.values import (
    Endpoints,
    FilePath,
    Labels,
    Listen,
    ModelPath,
    Name,
    Providers,
    Rate,
    Seconds,
    Sha256,
    Share,
    Source,
    Words,
)
from edge_daemon.settings import Codec, Delivery


class Section(BaseModel):
    """A mapping of known keys. One that is written but left empty has all its defaults."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        return {} if value is None else value


class Camera(Section):
    """Where frames come from, and what is done with them."""

    source: Source = Field(repr=False, examples=["rtsp://10.0.0.4/stream1", 0, "clip.mp4"])
    """A URL (RTSP or HTTP MJPEG), a video, a folder of pictures, a webcam (number or device), or scene:."""
    models: Words | None = Field(default=None, examples=[["person"]])
    """Names of the models that look at this camera; all if left out."""
    fps: Rate | None = Field(default=None)
    """Frames a second offered to the models; all if left out."""
    delivery: Delivery | None = Field(default=None)
    """live takes the newest frame, lossless makes the source wait; if left out, files and folders wait."""
    max_age: Seconds = Field(default="500ms", validate_default=True)
    """In live delivery, a frame that waited longer than this is dropped."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """The camera's share of the workers, relative to the others."""


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
    iou: Share = 0.45
    """Of two boxes of a class that overlap more than this, the less certain one goes (NMS)."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Only these classes, by name; all if left out."""
    decoder: Literal["auto", "yolox", "yolov8"] = "auto"
    """How to read the model's outputs; auto tells it from their layout."""
    providers: Providers = Field(default=["cpu"])
    """ONNX Runtime execution providers, in order of preference."""
    labels: Labels = Field(default=None, examples=[["person", "car"], "labels.txt"])
    """Class names in order, or a text file with one name a line; if left out, what the model itself says."""


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
    insecure: bool = False
    """Allows addresses that other machines reach: whoever connects sees everything."""


class Web(Section):
    """The web page and HTTP interface."""

    enabled: bool = False
    """Whether it is served."""
    listen: Listen = "127.0.0.1:8080"
    """ADDRESS:PORT."""


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
