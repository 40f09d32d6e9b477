"""The JSON that subscribers receive: the contract with other programs."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.findings import Detection, PictureClass, Segment, Text, Value
from edge_daemon.messages.outcomes import Timing
from edge_daemon.settings import Codec

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


@lru_cache(256)
def utc(time_ns: int) -> str:
    """`time_ns` since the Unix epoch as ISO 8601 with microseconds and `Z`."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment.isoformat()[:19]}.{time_ns // 1000 % 1_000_000:06d}Z"
