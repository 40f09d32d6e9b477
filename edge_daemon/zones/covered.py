"""How much of the time a camera was looked at, and why not the rest."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from edge_daemon.tracking.gap import GAP_S, Gap
from edge_daemon.zones.look import Instant, Rest

NO_FRAMES = "no-frames"
"""Why nobody looked, where the account of frames does not say it: the camera was down, opening or stalled."""
Period = Literal["interval", "since_reset"]


class CoveredState(msgspec.Struct):
    """State of `CoveredTime`: the last look and the one before, the account since, what of this time is reported as
    blind already, and the blind seconds by reason.
    """

    last: Instant | None = None
    before: Instant | None = None
    dropped: dict[str, int] = {}
    reported: dict[str, float] = {}
    interval: dict[str, float] = {}
    since_reset: dict[str, float] = {}


class CoveredTime:
    """Divides camera time into time that was looked at and blind time.

    Between two looks, time is looked at if no more than `longest_s` lies between them, or as far as nothing moved
    (`still` frames); the rest is blind, for the reasons in the account. After an outage everything from the last look
    on is blind, apart from `longest_s`: frames that do not exist are in no account. `rest` is the time before the last
    look in which nothing moved, if there was any.
    """

    def __init__(self, longest_s: float = GAP_S, state: CoveredState | None = None) -> None:
        self.state = state or CoveredState()
        self.rest: Rest | None = None
        self._longest_s = longest_s

    def look(self, time_s: float, dropped: Mapping[str, int], outage: str | None = None) -> Instant:
        """A look at `time_s`; `dropped` counts the frames since the last look by reason, as a result does.

        `outage` is why the camera gave no frames since the last look, if it was away.
        """
        last, self.rest = self.state.last, None
        if last is None:
            instant = Instant(time_s, 0.0)
        else:
            elapsed_s = max(0.0, time_s - last.time_s)
            blind = self._blind(elapsed_s, dropped, outage)
            self._report(blind)
            instant = Instant(last.time_s + elapsed_s, last.looked_s + elapsed_s - sum(blind.values()))
            still_s = 0.0 if outage else Gap.of(dropped).step(elapsed_s, self._longest_s).still_s
            if still_s:
                self.rest = Rest(last, Instant(last.time_s + still_s, last.looked_s + still_s))
        self._go_on(instant)
        return instant

    def skip(self, time_s: float, reason: str) -> Instant:
        """A look at `time_s` that shows nothing: all time since the last look is blind for this reason."""
        last, self.rest = self.state.last or Instant(time_s, 0.0), None
        elapsed_s = max(0.0, time_s - last.time_s)
        self._report({reason: elapsed_s} if elapsed_s else {})
        instant = Instant(last.time_s + elapsed_s, last.looked_s)
        self._go_on(instant)
        return instant

    def note(self, dropped: Mapping[str, int]) -> None:
        """Frames that were dropped since the last look, as far as it is known before the next one."""
        self.state.dropped = dict(dropped)

    def until(self, time_s: float, outage: str | None = None) -> None:
        """Take in the time up to now, at the end of an interval. What it turns out to be later counts in the next."""
        if self.state.last is not None:
            self._report(self._blind(max(0.0, time_s - self.state.last.time_s), self.state.dropped, outage))

    def blind_s(self, period: Period) -> dict[str, float]:
        """Seconds that were not looked at, by reason."""
        return dict(getattr(self.state, period))

    def begin(self, period: Period) -> None:
        """Begin the next interval, or count again after a reset."""
        setattr(self.state, period, {})

    def _blind(self, elapsed_s: float, dropped: Mapping[str, int], outage: str | None) -> dict[str, float]:
        """Blind seconds of a time between two looks, by reason."""
        if outage:
            return {outage: max(0.0, elapsed_s - self._longest_s)}
        reasons = {reason: count for reason, count in dropped.items() if reason != "still" and count}
        step = Gap.of(dropped).step(elapsed_s, self._longest_s)
        blind_s = step.moving_s - step.looked_s
        frames = sum(reasons.values())
        if not blind_s:
            return {}
        if not frames:
            return {NO_FRAMES: blind_s}
        return {reason: blind_s * count / frames for reason, count in reasons.items()}

    def _go_on(self, instant: Instant) -> None:
        self.state.before, self.state.last = self.state.last, instant
        self.state.dropped, self.state.reported = {}, {}

    def _report(self, blind: Mapping[str, float]) -> None:
        """Add the blind seconds since the last look, less those that are reported already."""
        new = sum(blind.values()) - sum(self.state.reported.values())
        if new <= 0:
            return
        for reason, seconds in blind.items():
            share = new * seconds / sum(blind.values())
            for period in (self.state.interval, self.state.since_reset, self.state.reported):
                period[reason] = period.get(reason, 0.0) + share
