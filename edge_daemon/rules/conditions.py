"""Conditions of rules: in which tracks they begin to hold, and in which they hold."""

from collections.abc import Mapping

from edge_daemon.messages.events import FactMap
from edge_daemon.rules import happened, inside, resting
from edge_daemon.rules.finding import NO_TRACK, Finding, Findings
from edge_daemon.rules.memory import Memory
from edge_daemon.rules.plane import Plane
from edge_daemon.rules.view import View
from edge_daemon.settings import (
    Absent,
    Appears,
    Count,
    Covers,
    Crosses,
    Deposited,
    Enters,
    HasState,
    Leaves,
    RuleSettings,
    Speed,
    Stays,
    Taken,
    ZoneSettings,
)
from edge_daemon.zones.geometry import Border


class Condition:
    """Evaluates the condition of one rule, look after look.

    A `momentary` condition is a thing that happens; all others are states, in which a rule that was off finds itself
    when it comes on.
    """

    def __init__(
        self, rule: RuleSettings, memory: Memory | None = None, zones: Mapping[str, ZoneSettings] | None = None
    ) -> None:
        self.memory = memory or Memory()
        self.momentary = isinstance(rule.condition, Leaves | Appears | Crosses | Taken)
        self.has_to_begin = self.momentary or isinstance(rule.condition, Enters)
        self._rule = rule
        zone = (zones or {}).get(getattr(rule.condition, "zone", ""))
        self._border = Border(zone.points, closed=True) if zone else None
        self._plane = Plane(zone.points, zone.lengths) if zone and zone.lengths else None

    def update(self, view: View) -> Findings:
        """Evaluate it for one look."""
        memory, wanted = self.memory, self._rule.filter
        memory.keep(view.tracks.keys() | view.ended.keys())
        match self._rule.condition:
            case Enters(zone=zone) as enters:
                return Findings(happened.entered(enters, wanted, memory, view), frozenset(view.visits.get(zone, ())))
            case Appears() as appears:
                return Findings(happened.entered(appears, wanted, memory, view), frozenset(view.tracks))
            case Leaves() as leaves:
                return Findings(happened.left(leaves, wanted, view), frozenset(view.tracks))
            case Crosses() as crosses:
                return Findings(happened.crossed(crosses, wanted, memory, view), frozenset(view.tracks))
            case Taken() as taken:
                return Findings(resting.taken(taken, wanted, memory, view), frozenset(view.tracks))
            case _:
                return Findings.of_states(self._states(view))

    def _states(self, view: View) -> list[Finding]:
        memory, wanted = self.memory, self._rule.filter
        match self._rule.condition:
            case Stays() as stays:
                return inside.staying(stays, wanted, view)
            case Deposited() as left:
                return resting.left_behind(left, wanted, memory, view)
            case Count() | Absent() as counted:
                return inside.counted(counted, wanted, memory, view)
            case Covers() as covers if self._border:
                return inside.covered(covers, wanted, self._border, memory, view)
            case Speed() as speed if self._border and self._plane:
                return inside.speeding(speed, wanted, self._border, self._plane, memory, view)
            case HasState() as state:
                return _has_state(state, memory, view)
        return []


def _has_state(wanted: HasState, memory: Memory, view: View) -> list[Finding]:
    """States of the camera, its scene or the system that are present, once one of them has been for a time."""
    present, now_s = sorted(view.states.get(wanted.of, frozenset()).intersection(wanted.states)), view.instant.time_s
    memory.since = {NO_TRACK: memory.since.get(NO_TRACK, now_s)} if present else {}
    for_s = now_s - memory.since.get(NO_TRACK, now_s)
    if not present or for_s < wanted.for_s:
        return []
    facts: list[FactMap] = [{"type": "state", "of": wanted.of, "state": state, "for_s": for_s} for state in present]
    return [Finding(NO_TRACK, (), tuple(facts))]
