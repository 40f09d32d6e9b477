"""Counts of a camera and model: in an interval, since a reset, and in total."""

from collections.abc import Iterable, Mapping

import msgspec

from edge_daemon.messages.counts import LineCounts, ZoneCounts
from edge_daemon.zones.facts import Crossed, Entered, Fact, Left

Numbers = dict[str, dict[str, dict[str, int]]]
"""Name of the zone or line, class, and what was counted."""


class Tallies(msgspec.Struct):
    """Counted facts of lines and zones."""

    lines: Numbers = {}
    zones: Numbers = {}

    def add(self, fact: Fact) -> None:
        """Count a fact. One that is not certain counts as `uncertain` and as nothing else."""
        if isinstance(fact, Crossed):
            self._count(self.lines, fact.line, fact, fact.direction)
        elif isinstance(fact, Entered):
            self._count(self.zones, fact.zone, fact, "entered")
        elif isinstance(fact, Left):
            self._count(self.zones, fact.zone, fact, "left")

    def _count(self, numbers: Numbers, name: str, fact: Fact, what: str) -> None:
        tally = numbers.setdefault(name, {}).setdefault(fact.class_name, {})
        key = what if fact.certain else "uncertain"
        tally[key] = tally.get(key, 0) + 1


class Dwells(msgspec.Struct):
    """Dwell times of visits that ended."""

    count: int = 0
    sum_s: float = 0.0
    max_s: float = 0.0

    def add(self, dwell_s: float) -> None:
        """Add one."""
        self.count += 1
        self.sum_s += dwell_s
        self.max_s = max(self.max_s, dwell_s)


class CountsState(msgspec.Struct):
    """State of `Counts`; `changed` if zones or lines were moved in the interval."""

    interval: Tallies = msgspec.field(default_factory=Tallies)
    since_reset: Tallies = msgspec.field(default_factory=Tallies)
    total: Tallies = msgspec.field(default_factory=Tallies)
    dwells: dict[str, dict[str, Dwells]] = {}
    changed: bool = False


class Counts:
    """Adds facts up. Totals never become less; what is not certain is counted apart."""

    def __init__(self, state: CountsState | None = None) -> None:
        self.state = state or CountsState()

    def add(self, facts: Iterable[Fact]) -> None:
        """Count facts."""
        for fact in facts:
            for tallies in (self.state.interval, self.state.since_reset, self.state.total):
                tallies.add(fact)
            if isinstance(fact, Left):
                self.state.dwells.setdefault(fact.zone, {}).setdefault(fact.class_name, Dwells()).add(fact.dwell_s)

    def lines(self) -> dict[str, dict[str, LineCounts]]:
        """By line and class; every class that was ever counted."""
        return {
            line: {name: LineCounts(**self._numbers("lines", line, name, ("in", "out"))) for name in classes}
            for line, classes in self.state.total.lines.items()
        }

    def zones(self, now: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, ZoneCounts]]:
        """By zone and class; `now` is how many of each class are inside."""
        found = {}
        for zone in sorted(self.state.total.zones.keys() | now.keys()):
            classes = sorted(self.state.total.zones.get(zone, {}).keys() | now.get(zone, {}).keys())
            found[zone] = {name: self._zone(zone, name, now.get(zone, {}).get(name, 0)) for name in classes}
        return found

    def _zone(self, zone: str, name: str, now: int) -> ZoneCounts:
        dwells = self.state.dwells.get(zone, {}).get(name)
        mean, most = (dwells.sum_s / dwells.count, dwells.max_s) if dwells else (None, None)
        numbers = self._numbers("zones", zone, name, ("entered", "left"))
        return ZoneCounts(now=now, dwell_mean_s=_rounded(mean), dwell_max_s=_rounded(most), **numbers)

    def _numbers(self, kind: str, place: str, class_name: str, keys: tuple[str, str]) -> dict[str, int]:
        """The fields of a `LineCounts` or `ZoneCounts` that are sums."""
        fields = {}
        periods = (("", self.state.interval), ("_since_reset", self.state.since_reset), ("_total", self.state.total))
        for suffix, tallies in periods:
            numbers = getattr(tallies, kind).get(place, {}).get(class_name, {})
            for key in keys if suffix == "_total" else (*keys, "uncertain"):
                fields["in_" if key + suffix == "in" else key + suffix] = numbers.get(key, 0)
        return fields

    def begin_interval(self) -> None:
        """Begin the next interval."""
        self.state.interval, self.state.dwells, self.state.changed = Tallies(), {}, False

    def reset(self) -> None:
        """Begin to count again, but for the totals."""
        self.state.since_reset = Tallies()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
