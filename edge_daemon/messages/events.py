"""Events as subscribers receive them."""

from typing import Literal

import msgspec

from edge_daemon.messages.published import PROTOCOL_VERSION

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
