"""Tracks, as subscribers receive them."""

from typing import Literal

import msgspec

from edge_daemon.messages.published import PROTOCOL_VERSION

TrackEnd = Literal["left", "lost", "stream-ended"]
"""Why a track ended: it left the picture; it was not found any more; the source has ended."""

TrackPhase = Literal["start", "update", "end", "rename"]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of a track: `start` once it is confirmed, `update` at most once a second while something changes, `end`
    with its `reason`, or `rename`: it turned out to be the same object as the track `into`, and goes on as that one.

    `epoch`, `seq` and `time_s` are those of the look that sent it, `xyxy` is the box in pixels when it was last seen.
    `path` are camera time, and x and y of the centre of the bottom of the box as shares of the picture: the whole path
    at the end, before that the part since the previous message. Of the time from `first_at` to `last_at`, nobody looked
    for `blind_s`; `looks` looks found it. `zones` are those that it was in.
    """

    v: Literal[1] = PROTOCOL_VERSION
    type: Literal["track"] = "track"
    phase: TrackPhase
    camera: str
    model: str
    epoch: int
    seq: int
    time_s: float
    tracker_id: int
    class_id: int
    class_name: str
    first_at: str
    last_at: str
    xyxy: tuple[float, float, float, float]
    path: list[tuple[float, float, float]]
    looks: int
    blind_s: float
    zones: list[str]
    reason: TrackEnd | None = None
    into: int | None = None
