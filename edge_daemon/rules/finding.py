"""Findings of a condition in a look."""

from typing import NamedTuple

import msgspec

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.view import View
from edge_daemon.settings import FilterSettings
from edge_daemon.zones.facts import Fact
from edge_daemon.zones.zone import Visit

NO_TRACK = 0
"""Stands for a track where a condition has none."""


class Finding(NamedTuple):
    """A track in which a condition holds, or `NO_TRACK`, with the tracks that belong to it and what is found."""

    key: int
    tracks: tuple[int, ...]
    facts: tuple[FactMap, ...]


class Findings(NamedTuple):
    """`begun` began with this look; `holding` are all in which the condition holds."""

    begun: list[Finding]
    holding: frozenset[int]

    @classmethod
    def of_states(cls, found: list[Finding]) -> "Findings":
        """Findings of a condition that is a state: it holds where it is found."""
        return cls(found, frozenset(finding.key for finding in found))


def passes(number: int, wanted: FilterSettings, view: View) -> bool:
    """True if a filter lets a track through; also one that ended with this look."""
    track = view.tracks.get(number) or view.ended.get(number)
    return track is not None and track.passes(wanted)


def visits(zone: str, wanted: FilterSettings, view: View) -> dict[int, Visit]:
    """The visits of a zone by the tracks that a filter lets through."""
    return {number: visit for number, visit in view.visits.get(zone, {}).items() if passes(number, wanted, view)}


def fact_map(fact: Fact) -> FactMap:
    """A fact for programs."""
    built: FactMap = msgspec.to_builtins(fact)
    return built
