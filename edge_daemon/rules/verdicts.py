"""Why a track made no event of a rule: what failed, and by how much."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from edge_daemon.rules.finding import NO_TRACK
from edge_daemon.rules.inside import is_covered
from edge_daemon.rules.memory import Memory
from edge_daemon.rules.plane import speed_kmh
from edge_daemon.rules.rule import Skipped
from edge_daemon.rules.rules import RulesState
from edge_daemon.rules.view import View
from edge_daemon.settings import (
    Absent,
    Appears,
    Count,
    Covers,
    Crosses,
    Deposited,
    HasState,
    Leaves,
    RuleSettings,
    Speed,
    Stays,
    StreamRulesSettings,
    Taken,
    ZoneSettings,
)
from edge_daemon.zones.geometry import Border, Point
from edge_daemon.zones.tracked import Tracked

Key = tuple[str, str]
"""`zone` or `line`, and its name."""


class Verdict(NamedTuple):
    """A track, or `NO_TRACK` where a rule is not about tracks, that made no event of a rule, and why."""

    rule: str
    tracker_id: int
    class_name: str
    first_s: float
    last_s: float
    why: str


FAR = (-9.0, 0.0)


class Story(msgspec.Struct):
    """A track: wall times, and how close it came, by name of the zone, line or rule.

    `depth` is how far it was inside a zone (negative: how far away from it), less the margin, in heights of the
    picture, with the margin. It has been inside since `since`, and for `inside_s` at most, of time looked at.
    """

    class_name: str
    first_s: float
    last_s: float = 0.0
    point: dict[Key, Point] = {}
    depth: dict[Key, tuple[float, float]] = {}
    since: dict[Key, float] = {}
    inside_s: dict[Key, float] = {}
    visited: set[str] = set()
    over: set[Key] = set()
    crossed: dict[str, str] = {}
    failure: dict[str, str | None] = {}
    best: dict[str, float] = {}
    skipped: dict[str, str] = {}
    ignored: bool = False


class Witness:
    """Watches the looks of one camera and model, and gives a verdict on each track that made no event of a rule."""

    def __init__(self, settings: StreamRulesSettings) -> None:
        self._rules = settings.rules
        self._places: dict[Key, ZoneSettings] = {("zone", name): zone for name, zone in settings.zones.zones.items()}
        self._places |= {("line", name): line for name, line in settings.zones.lines.items()}
        self._borders = {key: Border(place.points, closed=key[0] == "zone") for key, place in self._places.items()}
        self._stories: dict[int, Story] = {}
        self._made: dict[str, set[int]] = {name: set() for name in settings.rules}
        self._whole: dict[str, float] = {}
        self._most: dict[str, int] = {}

    def event(self, rule: str, tracks: Mapping[int, object]) -> None:
        """An event of a rule, about these tracks."""
        self._made[rule] |= {NO_TRACK, *tracks}

    def look(self, view: View, state: RulesState, skipped: Mapping[str, list[Skipped]]) -> None:
        """Take in a look, after the rules have done so."""
        for earlier, into in view.renamed:
            if earlier in self._stories:
                self._stories[into] = self._stories.pop(earlier)
            for made in self._made.values():
                made |= {into} if earlier in made else set()
        for number, track in {**view.tracks, **view.ended}.items():
            story = self._stories.setdefault(number, Story(track.seen.class_name, view.wall_of(track.first.time_s)))
            story.class_name, story.last_s = track.seen.class_name, view.wall_of(track.last.time_s)
            story.ignored = track.ignored
            self._cross(story, number, view)
            for key in self._places:
                self._approach(story, key, number, track, view)
            for name, rule in self._rules.items():
                saved = state.rules.get(name)
                self._try(story, name, rule, number, track, view, saved.state.memory if saved else Memory())
        for name, notes in skipped.items():
            for note in notes:
                if note.key in self._stories:
                    self._stories[note.key].skipped[name] = note.why
        self._count(view, state)

    def verdicts(self) -> Iterator[Verdict]:
        """The verdicts, by rule and track."""
        for name, rule in self._rules.items():
            if isinstance(rule.condition, Count | Absent | HasState):
                if NO_TRACK not in self._made[name]:
                    yield Verdict(name, NO_TRACK, "", 0.0, 0.0, self._of_whole(name, rule))
                continue
            for number, story in self._stories.items():
                if number not in self._made[name]:
                    why = self._of_track(name, rule, story)
                    yield Verdict(name, number, story.class_name, story.first_s, story.last_s, why)

    def _cross(self, story: Story, number: int, view: View) -> None:
        for fact in view.facts:
            if fact.tracker_id == number and (line := getattr(fact, "line", None)):
                how = f"crossed {line} {getattr(fact, 'direction', '')}"
                story.crossed[line] = how if fact.certain else f"{how}, but that is not certain"

    def _approach(self, story: Story, key: Key, number: int, track: Tracked, view: View) -> None:
        """Note how close a track is to a zone or line."""
        place, border, (kind, name) = self._places[key], self._borders[key], key
        point, before = track.seen.anchor(place.anchor), story.point.get(key)
        margin, now_s = place.margin * track.seen.height, track.last.looked_s
        inside = kind == "zone" and border.contains(point)
        away = border.distance(point, view.size[0] / view.size[1])
        story.depth[key] = max(story.depth.get(key, FAR), ((away if inside else -away) - margin, margin))
        if before and border.crossings(before, point):
            story.over.add(key)
        story.point[key] = point
        if inside:
            since = story.since.setdefault(key, now_s)
            story.inside_s[key] = max(story.inside_s.get(key, 0.0), now_s - since)
        else:
            story.since.pop(key, None)
        if kind == "zone" and number in view.visits.get(name, {}):
            story.visited.add(name)

    def _try(
        self, story: Story, name: str, rule: RuleSettings, number: int, track: Tracked, view: View, memory: Memory
    ) -> None:
        """Note how close a track is to the condition of a rule, while it is in the zone of that rule."""
        zone = getattr(rule.condition, "zone", None)
        if zone is None or number in view.visits.get(zone, {}):
            story.failure[name] = track.failure(rule.filter)
        elif name not in story.failure or zone not in story.visited:
            story.failure[name] = track.failure(self._places["zone", zone].filter)
        best = self._progress(rule, number, track, view, memory)
        story.best[name] = max(story.best.get(name, 0.0), best)

    def _progress(self, rule: RuleSettings, number: int, track: Tracked, view: View, memory: Memory) -> float:
        """How far the condition of a rule has come, in its own unit."""
        match rule.condition:
            case Stays(zone=zone):
                visit = view.visits.get(zone, {}).get(number)
                return visit.dwell_s(track.last) if visit else 0.0
            case Covers(zone=zone):
                whole = is_covered(track.seen.box, self._borders["zone", zone])
                return (
                    max(1e-3, track.last.looked_s - memory.since[number]) if whole and number in memory.since else 0.0
                )
            case Deposited() | Taken():
                rests = [rest for rest in memory.rests.values() if rest.tracker_id == number]
                return max((rest.until_s - max(rest.since_s, rest.alone_s) for rest in rests), default=0.0)
            case Speed():
                path = memory.places.get(number, [])
                return speed_kmh(path) if len(path) > 1 else 0.0
        return 0.0

    def _count(self, view: View, state: RulesState) -> None:
        """Note how close the rules are that are not about single tracks."""
        for name, rule in self._rules.items():
            if not isinstance(rule.condition, Count | Absent) or name not in state.rules:
                continue
            since, now_s = state.rules[name].state.memory.since, view.instant.looked_s
            self._whole[name] = max(self._whole.get(name, -1.0), now_s - since[NO_TRACK] if NO_TRACK in since else -1.0)
            there = sum(1 for one in view.visits.get(rule.condition.zone, {}) if view.tracks[one].passes(rule.filter))
            is_low = isinstance(rule.condition, Absent) or rule.condition.above is None
            self._most[name] = (min if is_low else max)(self._most.get(name, there), there)

    def _of_whole(self, name: str, rule: RuleSettings) -> str:
        condition, longest_s = rule.condition, self._whole.get(name, -1.0)
        if isinstance(condition, HasState):
            return f"results say nothing of the {condition.of}"
        assert isinstance(condition, Count | Absent)
        if longest_s < 0:
            word = "never fewer" if isinstance(condition, Absent) or condition.above is None else "never more"
            return f"{word} than {self._most.get(name, 0)} in {condition.zone}"
        if longest_s < condition.for_s:
            return f"that lasted {_short(longest_s, condition.for_s)}"
        return "it held, but not when the rule was on"

    def _of_track(self, name: str, rule: RuleSettings, story: Story) -> str:
        classes, zone = rule.filter.classes, getattr(rule.condition, "zone", None)
        if story.ignored:
            return "it began in an ignored area"
        if classes is not None and story.class_name not in classes:
            return f"{story.class_name} is not one of {', '.join(classes)}"
        if isinstance(rule.condition, Crosses):
            return self._of_lines(name, rule.condition, story)
        if zone is not None and zone not in story.visited:
            return self._outside(zone, story.failure.get(name), story)
        return story.skipped.get(name) or story.failure.get(name) or _missing(rule, story.best.get(name, 0.0))

    def _outside(self, zone: str, failure: str | None, story: Story) -> str:
        """Why a track was never in a zone."""
        short, margin = story.depth.get(("zone", zone), FAR)
        settle_s, inside_s = self._places["zone", zone].settle_s, story.inside_s.get(("zone", zone), 0.0)
        if short > 0 or (settle_s is not None and inside_s >= settle_s):
            return f"{zone} does not let it through: {failure or 'it was not there for long enough'}"
        if short + margin < 0:
            return f"it came no nearer to {zone} than {-short - margin:.2f} of the picture's height"
        deep = f"it was {short + margin:.3f} deep in {zone}, {-short:.3f} short of the margin {margin:.3f}"
        return deep if settle_s is None else f"{deep}, and there for {_short(inside_s, settle_s)} to settle"

    def _of_lines(self, name: str, crosses: Crosses, story: Story) -> str:
        if how := story.skipped.get(name) or story.failure.get(name):
            return how
        if crosses.line in story.crossed:
            how = f"it {story.crossed[crosses.line]}"
            if crosses.direction and crosses.direction not in how:
                return f"{how}, not {crosses.direction}"
            if crosses.then is None:
                return how
            then = crosses.then.line
            why = self._uncrossed(then, story)
            if then in story.crossed:
                why = f"it {story.crossed[then]}, later or before"
            return f"{how}, but not {then} within {crosses.then.within_s:g} s: {why}"
        return self._uncrossed(crosses.line, story)

    def _uncrossed(self, line: str, story: Story) -> str:
        if ("line", line) in story.over:
            return f"it crossed {line} and came back, or ended, before it was beyond the margin"
        short, margin = story.depth.get(("line", line), FAR)
        return f"it came no nearer to {line} than {-short - margin:.2f} of the picture's height"


def _missing(rule: RuleSettings, best: float) -> str:
    match rule.condition:
        case Stays(for_s=for_s):
            return f"it stayed for {_short(best, for_s)}"
        case Covers(for_s=for_s):
            return f"its whole box was inside for {_short(best, for_s)}" if best else "its whole box was never inside"
        case Deposited(for_s=for_s) | Taken(for_s=for_s) if best < for_s:
            return f"it was at rest, without its owner, for {_short(best, for_s)}"
        case Deposited():
            return "it belonged there already"
        case Taken():
            return "it was still there"
        case Speed(above=above):
            return f"it was no faster than {best:.0f} km/h, {above - best:.0f} short of {above:g}"
        case Leaves():
            return "it has not left, as far as it was seen"
        case Appears():
            return "it was seen outside before"
    return "it was there, but did not enter"


def _short(had_s: float, wanted_s: float) -> str:
    return f"{had_s:.1f} s, {wanted_s - had_s:.1f} s short of {wanted_s:g} s"
