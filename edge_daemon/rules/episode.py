"""One event from its start to its end."""

from collections.abc import Iterable

import msgspec

from edge_daemon.messages.events import EventTrack, FactMap
from edge_daemon.rules.finding import Finding
from edge_daemon.zones.look import Instant
from edge_daemon.zones.tracked import Tracked

MOST_FACTS = 50
"""Facts of one event beyond this are left out."""


class Episode(msgspec.Struct, kw_only=True):
    """An event that is open, or that a model has to confirm before it is (`asked_s`, camera time).

    `keys` are the tracks that keep it open, `tracks` all that belong to it, as they were last seen. Its condition held
    at `held_s` of time looked at. `changed` since the last message, at `sent_s` of camera time.
    """

    id: str
    incident: str
    start: Instant
    facts: list[FactMap]
    keys: set[int]
    held_s: float
    tracks: dict[int, EventTrack] = {}
    sent_s: float = 0.0
    changed: bool = False
    confirmed: bool | None = None
    asked_s: float | None = None
    suppressed: int = 0
    part: int = 1

    def add(self, finding: Finding, facts: Iterable[FactMap]) -> None:
        """Another track of the same event, or another thing that it does."""
        self.keys.add(finding.key)
        self.facts.extend(list(facts)[: MOST_FACTS - len(self.facts)])
        self.changed = True


def event_track(track: Tracked, size: tuple[int, int]) -> EventTrack:
    """A track for a message; `size` is width and height of the picture."""
    (width, height), (left, top, right, bottom) = size, track.seen.box
    xyxy = (left * width, top * height, right * width, bottom * height)
    return EventTrack(
        tracker_id=track.seen.tracker_id,
        class_name=track.seen.class_name,
        confidence=track.seen.confidence,
        xyxy=xyxy,
    )
