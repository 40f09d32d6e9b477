"""Conditions of rules: in which tracks they begin to hold, and in which they hold."""

from collections.abc import Iterable
from math import hypot
from typing import NamedTuple

import msgspec

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.view import View
from edge_daemon.settings import (
    Absent,
    Appears,
    Count,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    Leaves,
    RuleSettings,
    Stays,
    Taken,
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


class Resting(msgspec.Struct, frozen=True, array_like=True):
    """An object at rest: where, and from when until when it was seen there, in time looked at."""

    point: Point
    class_name: str
    since_s: float
    until_s: float

    @property
    def for_s(self) -> float:
        """How long it has been at rest."""
        return self.until_s - self.since_s

    def is_left(self, point: Point, reach: float, aspect: float) -> bool:
        """True if a point is farther away than `reach`, in heights of the picture."""
        return hypot((point[0] - self.point[0]) * aspect, point[1] - self.point[1]) > reach

    def finding(self, kind: str, zone: str, number: int) -> Finding:
        """What is found of it."""
        fact: FactMap = {"type": kind, "zone": zone, "tracker_id": number, "class_name": self.class_name}
        return Finding(number, (number,), (fact | {"for_s": self.for_s},))


class ConditionState(msgspec.Struct):
    """Clocks of a condition: `since` when it holds in a track; objects at rest, by track."""

    since: dict[int, float] = {}
    rests: dict[int, Resting] = {}


class Condition:
    """Evaluates the condition of one rule, look after look.

    A `momentary` condition is a thing that happens; all others are states, in which a rule that was off finds itself
    when it comes on.
    """

    def __init__(self, rule: RuleSettings, state: ConditionState | None = None) -> None:
        self.state = state or ConditionState()
        self.momentary = isinstance(rule.condition, Leaves | Appears | Crosses | Taken)
        self.has_to_begin = self.momentary or isinstance(rule.condition, Enters)
        self._rule = rule

    def update(self, view: View) -> Findings:
        """Evaluate it for one look."""
        match self._rule.condition:
            case Enters(zone=zone):
                return Findings(self._happened(view), frozenset(view.visits.get(zone, ())))
            case Leaves() | Appears() | Crosses():
                return Findings(self._happened(view), frozenset(view.tracks))
            case Taken() as taken:
                return Findings(self._taken(taken, view), frozenset(view.tracks))
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

    def _happened(self, view: View) -> list[Finding]:
        return [
            Finding(fact.tracker_id, (fact.tracker_id,), (fact_map(fact),))
            for fact in view.facts
            if self._is_wanted(fact) and passes(view.tracks.get(fact.tracker_id), self._rule.filter, fact.class_name)
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
        self.state.rests = self._rests(left.zone, view)
        resting = {number: rest for number, rest in self.state.rests.items() if rest.for_s >= left.for_s}
        return [
            rest.finding("left-behind", left.zone, number)
            for number, rest in resting.items()
            if rest.for_s < left.furniture_s
        ]

    def _taken(self, taken: Taken, view: View) -> list[Finding]:
        """Tracks whose rest ended with this look, after a time."""
        before, self.state.rests = self.state.rests, self._rests(taken.zone, view)
        ended = [number for number, rest in self.state.rests.items() if rest.until_s == rest.since_s]
        return [
            rest.finding("taken", taken.zone, number)
            for number, rest in before.items()
            if rest.for_s >= taken.for_s and (number in ended or number not in self.state.rests)
        ]

    def _rests(self, zone: str, view: View) -> dict[int, Resting]:
        """Where the tracks in a zone are at rest, and since when."""
        aspect, found = view.size[0] / view.size[1], {}
        for number in self._visits(zone, view):
            track = view.tracks[number]
            point, now_s = track.seen.anchor("center"), track.last.looked_s
            rest = self.state.rests.get(number)
            if rest is None or rest.is_left(point, REST * track.seen.height, aspect):
                found[number] = Resting(point, track.seen.class_name, now_s, now_s)
            else:
                found[number] = msgspec.structs.replace(rest, until_s=now_s)
        return found

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


def _states(found: list[Finding]) -> Findings:
    return Findings(found, frozenset(finding.key for finding in found))


def _is_counted(counted: Count | Absent, number: int) -> bool:
    if isinstance(counted, Absent):
        return number == 0
    return (counted.above is not None and number > counted.above) or (
        counted.below is not None and number < counted.below
    )
