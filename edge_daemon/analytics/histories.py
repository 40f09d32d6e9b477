"""The messages about tracks: what is known of each from its start to its end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import utc
from edge_daemon.messages.tracks import Track as TrackMessage
from edge_daemon.messages.tracks import TrackEnd, TrackPhase
from edge_daemon.tracking.track import Track
from edge_daemon.zones.look import Box, Instant, Seen, end_of, start_of

UPDATE_S = 1.0
"""Least time between two messages about a track that goes on."""
STEP = 0.01
"""Share of the picture by which a track has to move to get another point of its path, or an update."""
MOST_POINTS = 64
"""A longer path is thinned out."""
SHARES = 10_000
"""Points are kept in shares of the picture of 1/10,000, and in milliseconds."""

Point = tuple[int, int, int]
"""Camera time in milliseconds, x and y."""


class Here(NamedTuple):
    """The look at which messages are sent, and those `before`, the last one first. `offset_s` is the camera time that
    had passed when its epoch began.
    """

    camera: str
    model: str
    epoch: int
    seq: int
    time_s: float
    wall_s: float
    offset_s: float
    size: tuple[int, int]
    instant: Instant
    before: Sequence[Instant]


class History(msgspec.Struct, array_like=True):
    """A track from when it was confirmed: when and where it was first and last seen, and its path.

    The path is that up to the last step of some length; where the track is now is its `tip`, camera time, x and y.
    `sent` counts the points that were sent, `changed` says that there is something to send.
    """

    first: Instant
    first_wall_s: float
    last: Instant
    last_wall_s: float
    box: Box
    class_id: int
    class_name: str
    looks: int
    path: list[Point]
    tip: tuple[float, float, float]
    zones: list[str] = []
    sent: int = 0
    sent_s: float = 0.0
    sent_box: Box = (0.0, 0.0, 0.0, 0.0)
    changed: bool = True

    def note(self, detection: Detection, box: Box, track: Track | None, here: Here) -> None:
        """Note that it was seen."""
        self.looks = track.looks if track else self.looks + 1
        if track and track.class_id == detection.class_id != self.class_id:
            self.class_id, self.class_name, self.changed = detection.class_id, detection.class_name, True
        self.last, self.last_wall_s, self.box = here.instant, here.wall_s, box
        left, _, right, bottom = box
        x, (_, x0, y0) = (left + right) / 2, self.path[-1]
        self.tip = here.instant.time_s, x, bottom
        if abs(x * SHARES - x0) + abs(bottom * SHARES - y0) >= STEP * SHARES:
            self.path.append(_point(*self.tip))
            if len(self.path) > MOST_POINTS:
                self.sent -= len(self.path[1 : self.sent : 2])
                del self.path[1:-1:2]

    def enter(self, zones: Iterable[str]) -> None:
        """Note the zones in which it is."""
        for zone in zones:
            if zone not in self.zones:
                self.zones.append(zone)
                self.changed = True

    @property
    def has_changed(self) -> bool:
        """True if there is something to send."""
        return self.changed or any(abs(one - other) > STEP for one, other in zip(self.box, self.sent_box, strict=True))

    def unsent(self, *, whole: bool) -> list[Point]:
        """The path since the last message, or all of it, up to where it is now; it counts as sent then."""
        points = [*(self.path if whole else self.path[self.sent :])]
        if (tip := _point(*self.tip)) != self.path[-1]:
            points.append(tip)
        self.sent = len(self.path)
        return points

    def continues(self, earlier: "History") -> None:
        """Go on from another track, which was the same object."""
        if earlier.first.time_s < self.first.time_s:
            self.first, self.first_wall_s = earlier.first, earlier.first_wall_s
        self.looks += earlier.looks
        self.path = sorted([*earlier.path, *self.path])
        self.sent = 0
        while len(self.path) > MOST_POINTS:
            del self.path[1:-1:2]
        self.zones = list(dict.fromkeys([*earlier.zones, *self.zones]))


def _point(time_s: float, x: float, y: float) -> Point:
    return round(1e3 * time_s), round(SHARES * x), round(SHARES * y)


def _begun(detection: Detection, seen: Seen, here: Here) -> History:
    """The history of a track that begins."""
    first, box = start_of(seen, here.instant, here.before), seen.first
    wall_s = here.wall_s - (here.instant.time_s - first.time_s)
    tip = first.time_s, (box[0] + box[2]) / 2, box[3]
    return History(first, wall_s, first, wall_s, box, detection.class_id, detection.class_name, 0, [_point(*tip)], tip)


class Histories:
    """Keeps the history of each confirmed track, and yields the messages about them."""

    def __init__(self, state: Mapping[int, History] | None = None) -> None:
        self.state: dict[int, History] = dict(state or {})

    def update(
        self,
        here: Here,
        seen: Mapping[int, tuple[Detection, Seen]],
        tracks: Mapping[int, Track],
        renamed: Iterable[tuple[int, int]],
        zones: Mapping[int, list[str]],
    ) -> Iterator[TrackMessage]:
        """Take in a look; `seen` are the tracks that it found, `tracks` all that are there."""
        started = {number for number in seen if number not in self.state}
        for number, (detection, one) in seen.items():
            if number in started:
                self.state[number] = _begun(detection, one, here)
            self.state[number].note(detection, one.box, tracks.get(number), here)
        for number, names in zones.items():
            self.state[number].enter(names)
        for earlier, into in renamed:
            if earlier in self.state and into in self.state:
                yield self._message(earlier, here, "rename", into=into)
                self.state[into].continues(self.state.pop(earlier))
        for number in sorted(seen):
            history = self.state[number]
            if number in started:
                yield self._message(number, here, "start")
            elif here.instant.time_s - history.sent_s >= UPDATE_S and history.has_changed:
                yield self._message(number, here, "update")
        for number in [number for number in self.state if number not in tracks]:
            yield self._message(number, here, "end", reason=end_of(self.state[number].box))
            del self.state[number]

    def end(self, here: Here) -> Iterator[TrackMessage]:
        """End all tracks: the source has ended."""
        for number in self.state:
            yield self._message(number, here, "end", reason="stream-ended")
        self.state.clear()

    def _message(
        self,
        number: int,
        here: Here,
        phase: TrackPhase,
        *,
        reason: TrackEnd | None = None,
        into: int | None = None,
    ) -> TrackMessage:
        history = self.state[number]
        points = history.unsent(whole=phase == "end")
        history.sent_s, history.sent_box, history.changed = here.instant.time_s, history.box, False
        (width, height), (left, top, right, bottom) = here.size, history.box
        return TrackMessage(
            phase=phase,
            camera=here.camera,
            model=here.model,
            epoch=here.epoch,
            seq=here.seq,
            time_s=round(here.time_s, 3),
            tracker_id=number,
            class_id=history.class_id,
            class_name=history.class_name,
            first_at=utc(round(history.first_wall_s * 1e9)),
            last_at=utc(round(history.last_wall_s * 1e9)),
            xyxy=(round(left * width, 1), round(top * height, 1), round(right * width, 1), round(bottom * height, 1)),
            path=[(round(ms / 1e3 - here.offset_s, 3), x / SHARES, y / SHARES) for ms, x, y in points],
            looks=history.looks,
            blind_s=round(history.first.blind_s(history.last), 3),
            zones=list(history.zones),
            reason=reason,
            into=into,
        )
