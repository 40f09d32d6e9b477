"""Conditions of rules: in which tracks they begin to hold, and in which they hold."""

from collections.abc import Callable, Iterable, Mapping
from math import hypot
from typing import NamedTuple

import msgspec

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.view import View
from edge_daemon.settings import (
    Absent,
    Appears,
    ConditionSettings,
    Count,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    InZone,
    Leaves,
    RuleSettings,
    Stays,
)
from edge_daemon.zones.facts import Crossed, Entered, Fact, Left
from edge_daemon.zones.geometry import Point
from edge_daemon.zones.tracked import Tracked
from edge_daemon.zones.zone import Visit

NO_TRACK = 0
"""Stands for a track where a condition has none."""
REST = 0.5
"""An object is at rest while its anchor stays within this many heights of its box."""


class Finding(NamedTuple):
    """A track in which a condition holds, or `NO_TRACK`, with the tracks that belong to it and what is found."""

    key: int
    tracks: tuple[int, ...]
    facts: tuple[FactMap, ...]


class Findings(NamedTuple):
    """`begun` began with this look; `holding` are all in which the condition holds."""

    begun: list[Finding]
    holding: frozenset[int]


class ConditionState(msgspec.Struct):
    """Clocks of a condition: `since` when it holds in a track; where and since when objects are at rest."""

    since: dict[int, float] = {}
    rests: dict[int, tuple[Point, float]] = {}


class Condition:
    """Evaluates the condition of one rule, look after look.

    A `momentary` condition is a thing that happens; all others are states, in which a rule that was off finds itself
    when it comes on.
    """

    def __init__(self, rule: RuleSettings, state: ConditionState | None = None) -> None:
        self.state = state or ConditionState()
        self.momentary = isinstance(rule.condition, Leaves | Appears | Crosses)
        self.has_to_begin = self.momentary or isinstance(rule.condition, Enters)
        self._rule = rule

    def update(self, view: View) -> Findings:
        """Evaluate it for one look."""
        match self._rule.condition:
            case Enters(zone=zone):
                return Findings(self._happened(view, self._is_wanted), frozenset(view.visits.get(zone, ())))
            case Leaves() | Appears() | Crosses():
                return Findings(self._happened(view, self._is_wanted), frozenset(view.tracks))
            case Stays() as stays:
                return _states(self._stays(stays, view))
            case Deposited() as left:
                return _states(self._at_rest(left, view))
            case HasState() as wanted:
                return _states(self._has_state(wanted, view))
            case Count() | Absent() as counted:
                return _states(self._counted(counted, view))

    def _is_wanted(self, fact: Fact) -> bool:
        match self._rule.condition, fact:
            case (Enters(zone=zone), Entered(zone=entered)):
                return zone == entered
            case (Appears(zone=zone), Entered(zone=entered, began_inside=True)):
                return zone == entered
            case (Leaves(zone=zone), Left(zone=left, certain=True)):
                return zone == left
            case (Crosses(line=line, direction=direction), Crossed(line=crossed, certain=True) as crossing):
                return line == crossed and direction in (None, crossing.direction)
        return False

    def _happened(self, view: View, is_wanted: Callable[[Fact], bool]) -> list[Finding]:
        return [
            Finding(fact.tracker_id, (fact.tracker_id,), (fact_map(fact),))
            for fact in view.facts
            if is_wanted(fact) and passes(view.tracks.get(fact.tracker_id), self._rule.filter, fact.class_name)
        ]

    def _visits(self, zone: str, view: View) -> dict[int, Visit]:
        """The visits of tracks that the rule's filter lets through."""
        visits = view.visits.get(zone, {})
        return {
            number: visit
            for number, visit in visits.items()
            if passes(view.tracks.get(number), self._rule.filter, visit.class_name)
        }

    def _stays(self, stays: Stays, view: View) -> list[Finding]:
        found = []
        for number, visit in self._visits(stays.zone, view).items():
            dwell_s = visit.dwell_s(view.tracks[number].last)
            if dwell_s >= stays.for_s:
                fact: FactMap = {
                    "type": "stayed",
                    "zone": stays.zone,
                    "tracker_id": number,
                    "class_name": visit.class_name,
                    "time_s": visit.since.time_s,
                    "dwell_s": dwell_s,
                }
                found.append(Finding(number, (number,), (fact,)))
        return found

    def _counted(self, counted: Count | Absent, view: View) -> list[Finding]:
        visits = self._visits(counted.zone, view)
        holds = _is_counted(counted, len(visits))
        if not self._lasts({NO_TRACK} if holds else set(), view.instant.looked_s, counted.for_s):
            return []
        fact: FactMap = {
            "type": "absent" if isinstance(counted, Absent) else "count",
            "zone": counted.zone,
            "count": len(visits),
            "for_s": view.instant.looked_s - self.state.since[NO_TRACK],
        }
        return [Finding(NO_TRACK, tuple(visits), (fact,))]

    def _has_state(self, wanted: HasState, view: View) -> list[Finding]:
        present = sorted(view.states.get(wanted.of, frozenset()).intersection(wanted.states))
        if not self._lasts({NO_TRACK} if present else set(), view.instant.time_s, wanted.for_s):
            return []
        for_s = view.instant.time_s - self.state.since[NO_TRACK]
        facts: list[FactMap] = [{"type": "state", "of": wanted.of, "state": state, "for_s": for_s} for state in present]
        return [Finding(NO_TRACK, (), tuple(facts))]

    def _at_rest(self, left: Deposited, view: View) -> list[Finding]:
        visits = self._visits(left.zone, view)
        self.state.rests = {number: self._rest(view.tracks[number], view.size[0] / view.size[1]) for number in visits}
        found = []
        for number, (_, since_s) in self.state.rests.items():
            for_s = view.tracks[number].last.looked_s - since_s
            if left.for_s <= for_s < left.furniture_s:
                fact: FactMap = {"type": "left-behind", "zone": left.zone, "tracker_id": number, "for_s": for_s}
                fact["class_name"] = visits[number].class_name
                found.append(Finding(number, (number,), (fact,)))
        return found

    def _rest(self, track: Tracked, aspect: float) -> tuple[Point, float]:
        """Where a track is at rest, and since when."""
        x, y = track.seen.anchor("center")
        (x0, y0), since_s = self.state.rests.get(track.seen.tracker_id, ((x, y), track.last.looked_s))
        if hypot((x - x0) * aspect, y - y0) > REST * track.seen.height:
            return (x, y), track.last.looked_s
        return (x0, y0), since_s

    def _lasts(self, keys: Iterable[int], clock_s: float, for_s: float) -> bool:
        """True if a condition that holds now (in these keys) has done so for a time."""
        self.state.since = {key: self.state.since.get(key, clock_s) for key in keys}
        return any(clock_s - since >= for_s for since in self.state.since.values())


def passes(track: Tracked | None, wanted: FilterSettings, class_name: str) -> bool:
    """True if a filter lets a track through; one that has just ended is known by its class alone."""
    if track is None:
        return wanted.classes is None or class_name in wanted.classes
    return track.passes(wanted)


def fact_map(fact: Fact) -> FactMap:
    """A fact for programs."""
    built: FactMap = msgspec.to_builtins(fact)
    return built


def zones_and_lines(condition: ConditionSettings) -> Mapping[str, str]:
    """The zone or line that a condition is about, by kind."""
    if isinstance(condition, InZone):
        return {"zone": condition.zone}
    return {"line": condition.line} if isinstance(condition, Crosses) else {}


def _states(found: list[Finding]) -> Findings:
    return Findings(found, frozenset(finding.key for finding in found))


def _is_counted(counted: Count | Absent, number: int) -> bool:
    if isinstance(counted, Absent):
        return number == 0
    return (counted.above is not None and number > counted.above) or (
        counted.below is not None and number < counted.below
    )
