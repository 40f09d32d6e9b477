"""Counts of lines and zones, as subscribers receive them once an interval."""

from typing import Literal

import msgspec

from edge_daemon.messages.published import PROTOCOL_VERSION


class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Crossings of a line by one class, in the interval unless stated otherwise."""

    in_: int = msgspec.field(default=0, name="in")
    out: int = 0
    in_since_reset: int = 0
    out_since_reset: int = 0
    in_total: int = 0
    out_total: int = 0
    uncertain: int = 0
    uncertain_since_reset: int = 0


class ZoneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One class in a zone: `now` inside; dwell times of the visits that ended in the interval, None if none did."""

    now: int = 0
    entered: int = 0
    left: int = 0
    entered_since_reset: int = 0
    left_since_reset: int = 0
    entered_total: int = 0
    left_total: int = 0
    dwell_mean_s: float | None = None
    dwell_max_s: float | None = None
    uncertain: int = 0
    uncertain_since_reset: int = 0


class CountsReport(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Counts of a camera and model from one moment to another, by line or zone, and class.

    Of `duration_s`, nobody looked for `blind_s`; `blind` and `blind_since_reset` have the seconds by reason. `changed`
    if zones or lines were moved meanwhile.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["counts"] = "counts"
    camera: str
    model: str
    from_: str
    to: str
    duration_s: float
    blind_s: float
    blind: dict[str, float]
    blind_since_reset: dict[str, float]
    reset_at: str | None
    changed: bool
    lines: dict[str, dict[str, LineCounts]]
    zones: dict[str, dict[str, ZoneCounts]]
