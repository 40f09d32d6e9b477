"""How many requests a server may have at once, from its latency alone, as TCP Vegas does it.

With one request at a time, most of the time of a distant server is the network's. Each further one adds throughput
until the server is always busy, and from then on only latency. So the number grows while fewer than one request waits
at the server, and shrinks while more than two do: `in flight * (1 - least latency / latency)` is the number that waits.
"""

MOST = 32
FEWEST_WAIT, MOST_WAIT = 1.0, 2.5
SMOOTHING = 0.3
PROBE_S = 20.0
"""Interval at which the least latency is measured again, with single requests: the server may have another load."""
ALONE = 2
"""Single requests that are measured."""


class Credit:
    """The limit of requests in flight to one server."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._limit = most, 1
        self._least_s: float | None = None
        self._latency_s = 0.0
        self._counted = 0
        self._alone: list[float] = []
        self._probe_at: float | None = None

    @property
    def limit(self) -> int:
        """Requests that may be in flight."""
        return 1 if self._is_probing else self._limit

    @property
    def latency_s(self) -> float:
        """Usual time until an answer; 0 before the first."""
        return self._latency_s

    @property
    def _is_probing(self) -> bool:
        return len(self._alone) < ALONE

    def answered(self, latency_s: float, in_flight: int, now: float) -> None:
        """Take the latency of an answer. When its request was sent, `in_flight` were, itself included."""
        self._latency_s += (SMOOTHING if self._latency_s else 1.0) * (latency_s - self._latency_s)
        if self._is_probing:
            if in_flight == 1:
                self._probed(latency_s, now)
            return
        self._least_s = min(self._least_s or latency_s, latency_s)
        self._counted += 1
        if self._counted >= self._limit:
            self._counted = 0
            self._adjust(in_flight)
        if self._probe_at is not None and now >= self._probe_at:
            self._alone.clear()

    def _probed(self, latency_s: float, now: float) -> None:
        self._alone.append(latency_s)
        if not self._is_probing:
            self._least_s, self._probe_at = min(self._alone), now + PROBE_S
            self._latency_s = self._least_s
            self._limit = max(self._limit, 2)

    def _adjust(self, in_flight: int) -> None:
        assert self._least_s is not None
        waiting = self._limit * (1 - self._least_s / max(self._latency_s, 1e-6))
        if waiting < FEWEST_WAIT and in_flight >= self._limit:  # a limit that is not reached is no reason for more
            self._limit = min(self._limit + 1, self._most)
        elif waiting > MOST_WAIT:
            self._limit = max(self._limit - 1, 1)

    def lost(self) -> None:
        """Begin again after the server was away."""
        self._alone.clear()
        self._limit, self._latency_s, self._counted = 1, 0.0, 0
