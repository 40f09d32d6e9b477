"""A line, and who crosses it."""

from collections.abc import Mapping

from edge_daemon.settings import LineSettings
from edge_daemon.zones.facts import Crossed
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Look
from edge_daemon.zones.passage import Change, Passage, Passages
from edge_daemon.zones.tracked import Tracked


class Line:
    """Finds the crossings of one line. `passages` is its state."""

    def __init__(self, name: str, settings: LineSettings, passages: dict[int, Passage] | None = None) -> None:
        self.name = name
        self.settings = settings
        self.passages = Passages(Border(settings.points), settings, {} if passages is None else passages)

    def update(self, look: Look, tracks: Mapping[int, Tracked]) -> list[Crossed]:
        """The crossings that are certain since the last look, and those that never will be."""
        found = []
        for number, change in self.passages.update(look, tracks):
            if tracks[number].passes(self.settings.filter):
                found += self._facts(change, tracks[number])
        return found + [fact for number in look.ended for fact in self._end(number, tracks[number])]

    def _end(self, number: int, track: Tracked) -> list[Crossed]:
        """A track that ended after it crossed, but before it settled, may have come back."""
        passage = self.passages.end(number)
        if passage is None or not passage.net or not track.passes(self.settings.filter):
            return []
        settled_s = track.last.looked_s - passage.since.looked_s
        point = track.seen.anchor(self.settings.anchor)
        return self._facts(Change(passage.net, passage.since, settled_s, certain=False, point=point), track)

    def _facts(self, change: Change, track: Tracked) -> list[Crossed]:
        one = Crossed(
            line=self.name,
            direction="in" if change.by > 0 else "out",
            tracker_id=track.seen.tracker_id,
            class_name=track.seen.class_name,
            time_s=change.at.time_s,
            settled_s=change.settled_s,
            certain=change.certain,
        )
        return [one] * abs(change.by)
