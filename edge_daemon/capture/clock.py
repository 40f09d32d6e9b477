"""A camera's clock: when each packet was captured, on CLOCK_MONOTONIC of this machine.

A camera stamps its packets by a clock of its own, whose zero is unknown and whose rate is a little off. Packets arrive
later than they were captured, some by little and some by much. The packet with the least delay shows where the camera's
clock stands: time = stamp + least delay so far (a minimum filter, as NTP's clock filter, RFC 5905 section 10).
"""

from collections import deque

DRIFT = 500e-6
"""The fastest that a usable camera clock may lose time; quartz clocks are ten times better."""
LATE_S, PATIENCE_S = 0.5, 3.0
"""Packets later than LATE_S for PATIENCE_S, without exception, are not late: the camera's clock was set back."""
STEP_S = 2.0
"""Stamps that go back or ahead this far from one packet to the next show a clock that was set, not reordering."""
JUDGED, BAD = 64, 16
"""Stamps are unusable when BAD of the last JUDGED are missing, repeated or the first after a step ..."""
STEPS, STEPS_S = 4, 60.0
"""... or when the clock was set STEPS times within STEPS_S."""


class LeastDelay:
    """The least of recent delays.

    A smaller delay counts at once. The minimum rises by DRIFT; if all delays exceeded it by more than `late_s` for
    `patience_s`, it becomes the least of those.
    """

    def __init__(self, late_s: float = LATE_S, patience_s: float = PATIENCE_S) -> None:
        self._late_s, self._patience_s = late_s, patience_s
        self._least_s, self._now_s = 0.0, 0.0
        self._late_since_s: float | None = None
        self._late_least_s = 0.0
        self.known = False

    def restart(self, delay_s: float, now_s: float) -> None:
        """Forget all delays but this one."""
        self._least_s, self._now_s, self._late_since_s, self.known = delay_s, now_s, None, True

    def at(self, now_s: float) -> float:
        """The least delay as of `now_s`, which must not run backwards."""
        return self._least_s + DRIFT * (now_s - self._now_s)

    def add(self, delay_s: float, now_s: float) -> float:
        """Take in a delay; returns the least, which does not exceed it."""
        if not self.known or delay_s <= self.at(now_s):
            self.restart(delay_s, now_s)
        else:
            self._least_s, self._now_s = self.at(now_s), now_s
            if delay_s - self._least_s <= self._late_s:
                self._late_since_s = None
            elif self._late_since_s is None:
                self._late_since_s, self._late_least_s = now_s, delay_s
            else:
                self._late_least_s = min(self._late_least_s, delay_s)
                if now_s - self._late_since_s >= self._patience_s:
                    self.restart(self._late_least_s, now_s)
        return self._least_s


class CameraClock:
    """Maps the time stamps of one connection to a camera to CLOCK_MONOTONIC.

    `wrap_s` is the period after which its stamps start over from 0, if they do.
    """

    def __init__(self, wrap_s: float | None = None) -> None:
        self._wrap_s = wrap_s
        self._delay = LeastDelay()
        self._stamp_s: float | None = None
        self._bad = 0  # of the last JUDGED stamps, a bit for each that cannot be believed
        self._steps: deque[float] = deque(maxlen=STEPS)
        self._newest_s = 0.0

    def received(self, arrived_s: float, stamp_s: float | None) -> float:
        """Capture time of a packet that arrived at `arrived_s`, stamped `stamp_s`; never after its arrival.

        Packets are given as they arrive, in order of decoding. The arrival is all that is known of one whose stamp
        cannot be believed, and of all while stamps are unusable.
        """
        if stamp_s is None:
            self._judge(bad=True)
            return arrived_s
        last_s = self._stamp_s
        if last_s is not None and self._wrap_s is not None:
            stamp_s += self._wrap_s * round((last_s - stamp_s) / self._wrap_s)
        self._stamp_s = stamp_s
        stepped = self._follow(arrived_s - stamp_s, arrived_s, back=last_s is not None and stamp_s < last_s - STEP_S)
        believed = not stepped and stamp_s != last_s
        self._judge(bad=not believed)
        usable = believed and self.usable_at(arrived_s)
        return min(arrived_s, stamp_s + self._delay.at(arrived_s)) if usable else arrived_s

    def _follow(self, delay_s: float, now_s: float, *, back: bool) -> bool:
        """Take in a packet's delay; True if it shows that the camera's clock was set."""
        if not self._delay.known:
            self._delay.restart(delay_s, now_s)
            return False
        least_s = self._delay.at(now_s)
        stepped = back or delay_s < least_s - STEP_S
        if stepped:
            self._delay.restart(delay_s, now_s)
        else:
            stepped = self._delay.add(delay_s, now_s) > least_s + LATE_S
        if stepped:
            self._steps.append(now_s)
        return stepped

    def usable_at(self, now_s: float) -> bool:
        """True if capture times come from the camera's stamps, False if they are arrival times."""
        restless = len(self._steps) == STEPS and now_s - self._steps[0] < STEPS_S
        return self._bad.bit_count() < BAD and not restless

    def shown(self, time_s: float) -> float:
        """Capture time of the next frame in order of presentation: that of its packet, never before the last."""
        self._newest_s = max(self._newest_s, time_s)
        return self._newest_s

    def _judge(self, *, bad: bool) -> None:
        self._bad = (self._bad << 1 | bad) & ((1 << JUDGED) - 1)
