"""A zone, and who is in it."""

from collections.abc import Mapping

import msgspec

from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.settings import ZoneSettings
from edge_daemon.zones.facts import Entered, Left
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Box, Instant, Look
from edge_daemon.zones.passage import Change, Passage, Passages, rename
from edge_daemon.zones.tracked import Tracked


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """The stay of a track in a zone, from where its path crossed the border; or from where it was first seen."""

    class_name: str
    since: Instant
    settled_s: float = 0.0
    certain: bool = True
    began_inside: bool = False

    def dwell_s(self, until: Instant) -> float:
        """Time in the zone, as far as it was looked at."""
        return max(0.0, until.looked_s - self.since.looked_s)


class ZoneState(msgspec.Struct):
    """State of a zone, by number of the track; `waiting` are inside, but the filter has not let them through yet."""

    passages: dict[int, Passage] = {}
    visits: dict[int, Visit] = {}
    waiting: dict[int, Visit] = {}


class Zone:
    """Finds who enters and leaves one zone. A track is inside from when it has settled there until it has outside."""

    def __init__(self, name: str, settings: ZoneSettings, state: ZoneState | None = None) -> None:
        self.name = name
        self.settings = settings
        self.state = state or ZoneState()
        self._border = Border(settings.points, closed=True)
        self.passages = Passages(self._border, settings, self.state.passages)

    def update(self, look: Look, tracks: Mapping[int, Tracked]) -> list[Entered | Left]:
        """Entries and departures that are settled since the last look."""
        facts: list[Entered | Left] = []
        for number, change in self.passages.update(look, tracks):
            if not self._border.contains(change.point):
                facts += self._leave(change, tracks[number])
            elif number not in self.state.visits and number not in self.state.waiting:
                facts += self._enter(change, tracks[number])
        for number in [number for number in self.state.waiting if not tracks[number].missed]:
            facts += self._admit(tracks[number])
        for tracker_id, reason in look.ended.items():
            facts += self._end(tracks[tracker_id], reason)
        return facts

    def follow(self, number: int, into: int, unseen: tuple[Box, Box]) -> None:
        """A track turned out to be an earlier one, which got from the one box to the other unseen."""
        state = self.state
        self.passages.follow(number, into, unseen)
        for visits in (state.visits, state.waiting):
            if number in visits:
                visit = visits.pop(number)
                if into not in state.visits:
                    visits.setdefault(into, visit)

    def rename(self, number: int, into: int) -> None:
        """Go on under another number: two tracks turned out to be one."""
        self.passages.rename(number, into)
        rename(self.state.visits, number, into)
        rename(self.state.waiting, number, into)

    def _enter(self, change: Change, track: Tracked) -> list[Entered | Left]:
        """Begin the visit of a track that came over the border, or began inside."""
        began_inside = not change.by
        certain = change.certain or (began_inside and track.began_at_edge)
        visit = Visit(track.seen.class_name, change.at, change.settled_s, certain, began_inside)
        self.state.waiting[track.seen.tracker_id] = visit
        return self._admit(track)

    def _admit(self, track: Tracked) -> list[Entered | Left]:
        """Begin the visit of a track that is inside, once the filter lets it through."""
        tracker_id = track.seen.tracker_id
        if tracker_id not in self.state.waiting or not track.passes(self.settings.filter):
            return []
        visit = self.state.visits[tracker_id] = self.state.waiting.pop(tracker_id)
        return [
            Entered(
                zone=self.name,
                tracker_id=tracker_id,
                class_name=visit.class_name,
                time_s=visit.since.time_s,
                settled_s=visit.settled_s,
                certain=visit.certain,
                began_inside=visit.began_inside,
            )
        ]

    def _leave(self, change: Change, track: Tracked, ended_inside: bool = False) -> list[Entered | Left]:
        tracker_id = track.seen.tracker_id
        self.state.waiting.pop(tracker_id, None)
        visit = self.state.visits.pop(tracker_id, None)
        if visit is None:
            return []
        return [
            Left(
                zone=self.name,
                tracker_id=tracker_id,
                class_name=visit.class_name,
                time_s=change.at.time_s,
                settled_s=change.settled_s,
                certain=change.certain,
                dwell_s=visit.dwell_s(change.at),
                ended_inside=ended_inside,
            )
        ]

    def _end(self, track: Tracked, reason: TrackEnd) -> list[Entered | Left]:
        """End the visit of a track that ended inside; it is certain to have left if it left the picture."""
        self.passages.end(track.seen.tracker_id)
        change = Change(-1, track.last, 0.0, certain=reason == "left", point=track.seen.anchor(self.settings.anchor))
        return self._leave(change, track, ended_inside=True)
