"""How many requests a server may have at once, from its latency alone, as TCP Vegas does it.

With one request at a time, most of the time of a distant server is the network's. Each further one adds throughput
until the server is always busy, and from then on only latency. So the number grows while too few requests wait at the
server, and shrinks while too many do: `in flight * (1 - latency of a single request / latency)` is the number that
waits. Means are compared, not the least: on a busy machine all latencies are longer than the least.
"""

MOST = 32
FEWEST_WAIT, MOST_WAIT = 1.5, 3.5
SMOOTHING = 0.3
SPREADS = 6.0
"""Mean deviations from the usual latency that an answer may take longer."""
PROBE_S = 20.0
"""Interval at which single requests are measured again: the server may have another load, or the network another way.
"""
ALONE = 2
"""Single requests that are measured."""


class Credit:
    """The limit of requests in flight to one server."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._limit = most, 1
        self._single_s = self._latency_s = self._spread_s = 0.0
        self._counted, self._measured = 0, 0
        self._probe_at = 0.0

    @property
    def limit(self) -> int:
        """Requests that may be in flight."""
        return 1 if self._measured < ALONE else self._limit

    @property
    def latency_s(self) -> float:
        """Usual time until an answer; 0 before the first."""
        return self._latency_s or self._single_s

    @property
    def late_s(self) -> float:
        """Time after which an answer is unusually late, as TCP calculates it; 0 before the first."""
        return self.latency_s + SPREADS * self._spread_s

    def answered(self, latency_s: float, in_flight: int, now: float) -> None:
        """Take the latency of an answer. When its request was sent, `in_flight` were, itself included."""
        self._spread_s = _smoothed(self._spread_s, abs(latency_s - (self.latency_s or latency_s)))
        if in_flight == 1:
            self._single_s = _smoothed(self._single_s, latency_s)
            if self._measured < ALONE:
                self._measured += 1
                self._limit, self._probe_at = max(self._limit, 2), now + PROBE_S
        if self._measured < ALONE:
            return
        self._latency_s = _smoothed(self._latency_s, latency_s)
        self._counted += 1
        if self._counted >= self._limit:
            self._counted = 0
            self._adjust(in_flight)
        if now >= self._probe_at:
            self._measured = 0

    def _adjust(self, in_flight: int) -> None:
        waiting = self._limit * (1 - self._single_s / self._latency_s)
        if waiting < FEWEST_WAIT and in_flight >= self._limit:  # a limit that is not reached is no reason for more
            self._limit = min(self._limit + 1, self._most)
        elif waiting > MOST_WAIT:
            self._limit = max(self._limit - 1, 1)

    def lost(self) -> None:
        """Begin again after the server was away."""
        self._limit, self._counted, self._measured = 1, 0, 0
        self._single_s = self._latency_s = self._spread_s = 0.0


def _smoothed(mean: float, value: float) -> float:
    return mean + SMOOTHING * (value - mean) if mean else value
