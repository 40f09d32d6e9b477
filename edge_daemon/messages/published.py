"""The JSON that subscribers receive: the contract with other programs."""

from datetime import UTC, datetime

import msgspec

from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.findings import Detection, PictureClass, Segment
from edge_daemon.messages.outcomes import Timing
from edge_daemon.settings import Codec

PROTOCOL_VERSION = 1


class Result(msgspec.Struct, kw_only=True):
    """A `result` message; `frame` messages have the same header plus `encoding`."""

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


def utc(time_ns: int) -> str:
    """`time_ns` since the Unix epoch as ISO 8601 with microseconds and `Z`."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1000 % 1_000_000:06d}Z"
