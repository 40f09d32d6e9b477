"""A line, and who crosses it."""

from collections.abc import Mapping

from edge_daemon.settings import LineSettings
from edge_daemon.zones.facts import Crossed
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Box, Look, anchor
from edge_daemon.zones.passage import Change, Passage, follow
from edge_daemon.zones.tracked import Tracked


class Line:
    """Finds the crossings of one line. `passages` is its state, by number of the track."""

    def __init__(self, name: str, settings: LineSettings, passages: dict[int, Passage] | None = None) -> None:
        self.name = name
        self.settings = settings
        self.passages = passages if passages is not None else {}
        self._border = Border(settings.points)

    def update(self, look: Look, tracks: Mapping[int, Tracked]) -> list[Crossed]:
        """The crossings that are certain since the last look, and those that never will be."""
        found = []
        for seen in look.seen:
            passage = self.passages.get(seen.tracker_id)
            if passage is None:
                passage = self.passages[seen.tracker_id] = Passage.begin(self.settings, seen, look.start(seen))
            for change in passage.advance(self._border, self.settings, tracks[seen.tracker_id], look):
                if tracks[seen.tracker_id].passes(self.settings.filter):
                    found += self._facts(change, tracks[seen.tracker_id])
        return found + [fact for tracker_id in look.ended for fact in self._end(tracker_id, tracks)]

    def follow(self, number: int, into: int, start: Box) -> None:
        """A track turned out to be an earlier one, from the box `start` on."""
        follow(self.passages, number, into, self._border, anchor(start, self.settings.anchor))

    def _end(self, tracker_id: int, tracks: Mapping[int, Tracked]) -> list[Crossed]:
        """A track that ended after it crossed, but before it settled, may have come back."""
        passage = self.passages.pop(tracker_id, None)
        if passage is None or not passage.net or not tracks[tracker_id].passes(self.settings.filter):
            return []
        settled_s = passage.instant.looked_s - passage.since.looked_s
        return self._facts(
            Change(passage.net, passage.since, settled_s, certain=False, point=passage.point), tracks[tracker_id]
        )

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
