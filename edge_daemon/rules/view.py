"""Everything that rules know at one look."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge_daemon.zones.facts import Fact
from edge_daemon.zones.look import Instant
from edge_daemon.zones.tracked import Tracked
from edge_daemon.zones.zone import Visit

States = Mapping[str, frozenset[str]]
"""Present states of the `camera`, its `scene` and the `system`."""
NO_STATES: States = {}


class View(NamedTuple):
    """A look (`epoch`, `seq`), or a moment between two looks, with the facts since the last one.

    `instant` goes on from epoch to epoch; `time_s` is camera time in this one, `wall_s` the time since the Unix epoch.
    `visits` are by zone and track. `tracks` contains those that are not found at the moment, `ended` those that ended
    with this look, `renamed` the numbers under which others go on. `size` is width and height of the picture.
    """

    instant: Instant
    wall_s: float
    time_s: float
    epoch: int = 0
    seq: int = 0
    size: tuple[int, int] = (1, 1)
    facts: Sequence[Fact] = ()
    tracks: Mapping[int, Tracked] = {}
    visits: Mapping[str, Mapping[int, Visit]] = {}
    states: States = NO_STATES
    mode: str | None = None
    ended: Mapping[int, Tracked] = {}
    renamed: Sequence[tuple[int, int]] = ()

    def wall_of(self, time_s: float) -> float:
        """Wall time of a moment of camera time."""
        return self.wall_s - (self.instant.time_s - time_s)
