"""All zones and lines of one camera and model."""

from collections import Counter

import msgspec

from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.settings import CameraZonesSettings, IgnoreSettings
from edge_daemon.tracking.track import DOUBTFUL_LOOKS
from edge_daemon.zones.facts import Fact
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.handover import LONGEST_S, continued, stood_in
from edge_daemon.zones.line import Line
from edge_daemon.zones.look import Instant, Look, Seen, end_of
from edge_daemon.zones.passage import Passage, rename
from edge_daemon.zones.tracked import Tracked
from edge_daemon.zones.zone import Zone, ZoneState


class Lost(msgspec.Struct, array_like=True):
    """A track that has ended because it was not found any more, and its passages at lines, by name."""

    track: Tracked
    passages: dict[str, Passage]


class CameraZonesState(msgspec.Struct):
    """All that another `CameraZones` needs to go on; `before` are the last looks, the last one first, and `lost` are
    the tracks that another one may still continue.
    """

    settings: CameraZonesSettings | None = None
    tracks: dict[int, Tracked] = {}
    before: list[Instant] = []
    zones: dict[str, ZoneState] = {}
    lines: dict[str, dict[int, Passage]] = {}
    lost: dict[int, Lost] = {}


class CameraZones:
    """Turns the tracks of one look after another into facts.

    State of zones and lines that are gone is dropped. In those that have `changed`, paths begin again, and who is still
    inside stays inside. `changed` is true if any of them is not as it was. `ended` are the tracks that ended with the
    last look, `renamed` those that it continued under another number, each with that number.
    """

    def __init__(self, settings: CameraZonesSettings, state: CameraZonesState | None = None) -> None:
        state = state or CameraZonesState()
        old = state.settings or settings
        self.changed = (settings.zones, settings.lines) != (old.zones, old.lines)
        self.tracks = state.tracks
        self.ended: dict[int, Tracked] = {}
        self.renamed: list[tuple[int, int]] = []
        self._settings = settings
        self._before = state.before
        self._lost = {} if self.changed else state.lost
        self._areas = [(area, Border(area.points, closed=True)) for area in settings.ignore]
        self.zones = [
            Zone(name, zone, _restarted(state.zones.get(name), zone != old.zones.get(name)))
            for name, zone in settings.zones.items()
        ]
        self.lines = [
            Line(name, line, state.lines.get(name) if line == old.lines.get(name) else None)
            for name, line in settings.lines.items()
        ]

    @property
    def state(self) -> CameraZonesState:
        """The state, valid until the next look."""
        return CameraZonesState(
            settings=self._settings,
            tracks=self.tracks,
            before=self._before,
            zones={zone.name: zone.state for zone in self.zones},
            lines={line.name: line.passages.state for line in self.lines},
            lost=self._lost,
        )

    def update(self, look: Look) -> list[Fact]:
        """Facts of the next look, in the order in which they happened."""
        look = look._replace(before=self._before)
        self._take_over(look)
        self._note(look)
        seen = [one for one in look.seen if not self.tracks[one.tracker_id].ignored]
        look = look._replace(seen=seen, ended=self._ended(look))
        self._remember(look)
        facts: list[Fact] = [fact for line in self.lines for fact in line.update(look, self.tracks)]
        facts += [fact for zone in self.zones for fact in zone.update(look, self.tracks)]
        self.ended = {tracker_id: self.tracks.pop(tracker_id) for tracker_id in look.ended}
        return sorted(facts, key=lambda fact: (fact.time_s, fact.tracker_id))

    def now(self) -> dict[str, Counter[str]]:
        """How many of each class are in each zone."""
        return {zone.name: Counter(visit.class_name for visit in zone.state.visits.values()) for zone in self.zones}

    def restart(self) -> None:
        """Let all paths begin again; who is in a zone stays in it."""
        for passages in [place.passages for place in self.lines] + [place.passages for place in self.zones]:
            passages.restart()
        self._lost.clear()

    def rename(self, tracker_id: int, into: int) -> None:
        """Go on under another number: two tracks turned out to be one, and nothing counts twice because of it."""
        if tracker_id not in self.tracks:
            return
        rename(self.tracks, tracker_id, into)
        self.tracks[into].seen = self.tracks[into].seen._replace(tracker_id=into)
        for line in self.lines:
            line.passages.rename(tracker_id, into)
        for zone in self.zones:
            zone.rename(tracker_id, into)

    def _take_over(self, look: Look) -> None:
        """Let new tracks continue those that were just lost, and those that are back the ones that stood in."""
        self.renamed = []
        new = [seen for seen in look.seen if seen.tracker_id not in self.tracks]
        found = {seen.tracker_id for seen in look.seen}
        for seen in new:
            rivals = [other for other in new if other is not seen]
            tracks = self.tracks | {number: lost.track for number, lost in self._lost.items()}
            earlier = continued(seen, look.instant, tracks, found, rivals, look.aspect)
            if earlier is None:
                continue
            if earlier in self._lost:
                self._revive(earlier)
            else:
                self.renamed.append((earlier, seen.tracker_id))
            self.rename(earlier, seen.tracker_id)
        for seen in look.seen:
            if seen.tracker_id in self.tracks and self.tracks[seen.tracker_id].missed:
                later = stood_in(seen, look.instant, self.tracks, found)
                if later is not None:
                    self._follow(later, seen.tracker_id)
                    self.renamed.append((later, seen.tracker_id))

    def _remember(self, look: Look) -> None:
        """Remember the tracks that end as lost, as long as another one may continue them at a line."""
        for number, why in look.ended.items():
            if why == "lost" and self.lines and not self.tracks[number].ignored:
                found = {line.name: line.passages.state.get(number) for line in self.lines}
                passages = {name: one for name, one in found.items() if one and not one.net}
                self._lost[number] = Lost(self.tracks[number], passages)
        for number, lost in list(self._lost.items()):
            if look.instant.looked_s - lost.track.last.looked_s > LONGEST_S:
                del self._lost[number]

    def _revive(self, number: int) -> None:
        """Go on at the lines with a track that had ended."""
        lost = self._lost.pop(number)
        self.tracks[number] = lost.track
        for line in self.lines:
            if line.name in lost.passages:
                line.passages.state[number] = lost.passages[line.name]

    def _follow(self, number: int, into: int) -> None:
        """A track turned out to be an earlier one, which is back: what it has counted is not counted again."""
        track = self.tracks.pop(number)
        unseen = self.tracks[into].seen.box, track.start
        track.continues(self.tracks[into])
        track.seen = track.seen._replace(tracker_id=into)
        self.tracks[into] = track
        for line in self.lines:
            line.passages.follow(number, into, unseen)
        for zone in self.zones:
            zone.follow(number, into, unseen)

    def _note(self, look: Look) -> None:
        """Note which tracks were found, and which were not."""
        found = {seen.tracker_id for seen in look.seen}
        moving_from = look.rest.end if look.rest else (*look.before, look.instant)[0]
        for number, track in self.tracks.items():
            if number not in found:
                track.miss(look.instant.looked_s - moving_from.looked_s)
        for seen in look.seen:
            if seen.tracker_id not in self.tracks:
                ignored = any(_applies(area, border, seen) for area, border in self._areas)
                self.tracks[seen.tracker_id] = Tracked.begin(seen, look.start(seen), ignored=ignored)
            self.tracks[seen.tracker_id].note(seen, look.instant)
        self._before = [look.instant, *self._before][: DOUBTFUL_LOOKS + 1]

    def _ended(self, look: Look) -> dict[int, TrackEnd]:
        """Tracks that have ended: those that the tracker has reported, and those that were not found for too long."""
        return {
            number: look.ended.get(number, end_of(track.seen.box))
            for number, track in self.tracks.items()
            if track.is_over or number in look.ended
        }


def _applies(area: IgnoreSettings, border: Border, seen: Seen) -> bool:
    """True if an area ignores a track that begins here."""
    wanted = area.classes is None or seen.class_name in area.classes
    return wanted and border.contains(seen.start(area.anchor))


def _restarted(state: ZoneState | None, moved: bool) -> ZoneState | None:
    """State of a zone, without the paths if it was moved."""
    return ZoneState(visits=state.visits, waiting=state.waiting) if state and moved else state
