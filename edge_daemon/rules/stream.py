"""Everything between the tracks of one camera and model and what is published about them: zones, counts, rules."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.published import utc
from edge_daemon.messages.status import Totals
from edge_daemon.rules.during import next_local
from edge_daemon.rules.rule import Outcome, Scope, Skipped
from edge_daemon.rules.rules import Rules, RulesState
from edge_daemon.rules.view import NO_STATES, States, View
from edge_daemon.settings import StreamRulesSettings
from edge_daemon.tracking.gap import GAP_S
from edge_daemon.zones.camera_zones import CameraZones, CameraZonesState
from edge_daemon.zones.counts import Counts, CountsState
from edge_daemon.zones.covered import NO_FRAMES, CoveredState, CoveredTime
from edge_daemon.zones.facts import Fact
from edge_daemon.zones.interval import Interval
from edge_daemon.zones.look import Instant, Look, Seen

MOVED = "moved"
"""State of a scene whose camera looks elsewhere; also why its time is blind."""


class Tracks(NamedTuple):
    """The result of one look with its tracks; `wall_s` is when it was captured, since the Unix epoch.

    `seen` are the confirmed tracks that it found; `dropped` counts the frames since the last look.
    """

    epoch: int
    seq: int
    time_s: float
    wall_s: float
    size: tuple[int, int]
    seen: Sequence[Seen] = ()
    dropped: Mapping[str, int] = {}


class Switches(NamedTuple):
    """What people and the rest of the system say: the mode, rules that are switched off, present states."""

    mode: str | None = None
    off: Collection[str] = ()
    states: States = NO_STATES


NO_SWITCHES = Switches()


class Position(NamedTuple):
    """The last look: where and when it was."""

    epoch: int
    seq: int
    time_s: float
    wall_s: float


class StreamState(msgspec.Struct, kw_only=True):
    """All that another `Stream` needs to go on; `offset_s` is what camera time had reached when the epoch began."""

    zones: CameraZonesState = msgspec.field(default_factory=CameraZonesState)
    covered: CoveredState = msgspec.field(default_factory=CoveredState)
    counts: CountsState = msgspec.field(default_factory=CountsState)
    rules: RulesState = msgspec.field(default_factory=RulesState)
    last: Position | None = None
    offset_s: float = 0.0
    size: tuple[int, int] = (1, 1)
    interval: Interval | None = None
    interval_wall_s: float = 0.0
    reset_wall_s: float | None = None


class Stream:
    """Turns the tracks of one look after another into events, and reports counts at the end of each interval."""

    def __init__(
        self, scope: Scope, settings: StreamRulesSettings, state: StreamState | None = None, *, longest_s: float = GAP_S
    ) -> None:
        self._state = state = state or StreamState()
        self._scope = scope
        self._settings = settings
        self._zones = CameraZones(settings.zones, state.zones)
        self._covered = CoveredTime(longest_s, state.covered)
        self._counts = Counts(state.counts)
        self._counts.state.changed |= self._zones.changed
        self._rules = Rules(scope, settings.rules, state.rules, settings.zones.zones)
        self.view = self._last_view()
        """Everything that the rules know of the last look."""

    @property
    def state(self) -> StreamState:
        """The state, valid until the next call."""
        self._state.zones, self._state.covered = self._zones.state, self._covered.state
        self._state.counts, self._state.rules = self._counts.state, self._rules.state
        return self._state

    @property
    def offset_s(self) -> float:
        """Camera time that had passed when this epoch began."""
        return self._state.offset_s

    @property
    def instant(self) -> Instant:
        """The last look."""
        return self._covered.state.last or Instant(0.0, 0.0)

    @property
    def looks(self) -> list[Instant]:
        """The last look and the one before, as far as there are any."""
        return [one for one in (self._covered.state.last, self._covered.state.before) if one]

    @property
    def renamed(self) -> list[tuple[int, int]]:
        """Tracks that the last look continued under another number, each with that number."""
        return self._zones.renamed

    @property
    def ignored(self) -> set[int]:
        """Tracks that began in an ignored area."""
        return {number for number, track in self._zones.tracks.items() if track.ignored}

    @property
    def skipped(self) -> dict[str, list[Skipped]]:
        """Tracks in which a condition held without an event at the last look, by rule."""
        return self._rules.skipped

    @property
    def totals(self) -> Totals:
        """Totals of lines and zones, and of the time that nobody looked."""
        lines = {
            line: {name: {"in": one.in_total, "out": one.out_total} for name, one in classes.items()}
            for line, classes in self._counts.lines().items()
        }
        zones = {
            zone: {name: one.now for name, one in classes.items()}
            for zone, classes in self._counts.zones(self._zones.now()).items()
        }
        instant = self.instant
        return Totals(lines=lines, zones=zones, blind_s=round(instant.time_s - instant.looked_s, 3))

    def zones_of(self, tracker_id: int) -> list[str]:
        """The zones in which a track is."""
        return [zone.name for zone in self._zones.zones if tracker_id in zone.state.visits]

    def update(self, tracks: Tracks, switches: Switches = NO_SWITCHES) -> list[Outcome]:
        """Take in the next look. One that is not later than the last one was taken in already.

        While the camera is moved, nobody knows where zones and lines are: the time is blind, and paths begin again
        when it is back.
        """
        last = self._state.last
        if last and (tracks.epoch, tracks.seq) <= (last.epoch, last.seq):
            return []
        outage = self._continue(last, tracks) if last and tracks.epoch != last.epoch else None
        moved = MOVED in switches.states.get("scene", ())
        self._state.last = Position(tracks.epoch, tracks.seq, tracks.time_s, tracks.wall_s)
        self._state.size = tracks.size
        time_s = self._state.offset_s + tracks.time_s
        if moved:
            instant, facts = self._covered.skip(time_s, MOVED), list[Fact]()
            self._zones.restart()
        else:
            instant = self._covered.look(time_s, tracks.dropped, outage)
            look = Look(instant, tracks.size[0] / tracks.size[1], tracks.seen, {}, self._covered.rest)
            facts = self._zones.update(look)
        self._counts.add(facts)
        self.view = self._view(self._state.last, instant, facts, switches, at_look=True)
        return self._evaluate(self.view, switches)

    def pass_time(self, away_s: float, wall_s: float, switches: Switches = NO_SWITCHES) -> list[Outcome]:
        """Let time pass without a look, `away_s` since the last one on the monotonic clock, so that the states of a
        camera that is down become events.
        """
        last = self._state.last or Position(0, 0, 0.0, wall_s)
        looked_s = self._covered.state.last.looked_s if self._covered.state.last else 0.0
        now = last._replace(time_s=last.time_s + away_s, wall_s=wall_s)
        instant = Instant(self._state.offset_s + now.time_s, looked_s)
        return self._evaluate(self._view(now, instant, (), switches), switches)

    def answer(self, event: str, confirmed: bool) -> list[Outcome]:
        """The answer of a model that confirms an event."""
        return self._rules.answer(event, confirmed, self._last_view())

    def close(self, reason: str) -> list[Event]:
        """End all events: the source has ended."""
        return [event for event in self._rules.close(self._last_view(), reason) if isinstance(event, Event)]

    def note(self, dropped: Mapping[str, int]) -> None:
        """Frames that were dropped since the last look, as far as it is known before the next one."""
        self._covered.note(dropped)

    def report(
        self,
        monotonic_s: float,
        wall_s: float,
        *,
        away_s: float = 0.0,
        outage: str | None = None,
        last: bool = False,
    ) -> CountsReport | None:
        """The counts of an interval that is over, or of the `last` one; None if it is not over yet.

        The last look was `away_s` ago on the monotonic clock; `outage` is why the camera gives no frames since.
        """
        state = self._state
        if state.interval is None:
            state.interval = Interval.begin(self._settings.every_s, monotonic_s, wall_s)
            state.interval_wall_s = wall_s
        if not state.interval.is_over(monotonic_s, wall_s) and not last:
            return None
        if state.last:
            self._covered.until(state.offset_s + state.last.time_s + away_s, outage)
        report = self._report(monotonic_s - state.interval.start_s, wall_s)
        state.interval, state.interval_wall_s = state.interval.following(monotonic_s), wall_s
        self._counts.begin_interval()
        self._covered.begin("interval")
        return report

    def reset_if_due(self, wall_s: float) -> bool:
        """Begin to count again, if it has been time for that since the last reset."""
        zone, now = self._scope.place.zone, datetime.fromtimestamp(wall_s, UTC)
        if self._state.reset_wall_s is None:
            self._state.reset_wall_s = wall_s
        since = datetime.fromtimestamp(self._state.reset_wall_s, UTC)
        if not self._settings.reset or min(next_local(since, clock, zone) for clock in self._settings.reset) > now:
            return False
        self._state.reset_wall_s = wall_s
        self._counts.reset()
        self._covered.begin("since_reset")
        return True

    def _continue(self, last: Position, now: Tracks) -> str:
        """Let camera time go on by the time that passed on the wall clock between two epochs."""
        self._state.offset_s += last.time_s + max(0.0, now.wall_s - last.wall_s) - now.time_s
        return NO_FRAMES

    def _evaluate(self, view: View, switches: Switches) -> list[Outcome]:
        return [*self._rules.resume(view), *self._rules.update(view, switches.off)]

    def _last_view(self) -> View:
        last = self._state.last or Position(0, 0, 0.0, 0.0)
        return self._view(last, self.instant, (), NO_SWITCHES)

    def _view(
        self, at: Position, instant: Instant, facts: Sequence[Fact], switches: Switches, *, at_look: bool = False
    ) -> View:
        return View(
            instant,
            at.wall_s,
            at.time_s,
            at.epoch,
            at.seq,
            self._state.size,
            facts,
            self._zones.tracks,
            {zone.name: zone.state.visits for zone in self._zones.zones},
            switches.states,
            switches.mode,
            self._zones.ended if at_look else {},
            self._zones.renamed if at_look else (),
        )

    def _report(self, duration_s: float, wall_s: float) -> CountsReport:
        blind = self._covered.blind_s("interval")
        reset = self._state.reset_wall_s
        return CountsReport(
            camera=self._scope.camera,
            model=self._scope.model,
            from_=utc(round(self._state.interval_wall_s * 1e9)),
            to=utc(round(wall_s * 1e9)),
            duration_s=round(duration_s, 3),
            blind_s=round(sum(blind.values()), 3),
            blind=_rounded(blind),
            blind_since_reset=_rounded(self._covered.blind_s("since_reset")),
            reset_at=None if reset is None else utc(round(reset * 1e9)),
            changed=self._counts.state.changed,
            lines=self._counts.lines(),
            zones=self._counts.zones(self._zones.now()),
        )


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {reason: round(value, 3) for reason, value in seconds.items()}
