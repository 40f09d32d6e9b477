"""Rate and latencies of the last seconds, for people and dashboards."""

from collections import deque

WINDOW_NS = 10_000_000_000
SAMPLES = 2000
PERCENTILES = (50, 90, 99)


class Meter:
    """Counts events, and how long each took."""

    def __init__(self) -> None:
        self._at_ns: deque[int] = deque(maxlen=SAMPLES)
        self._took_ms: deque[float] = deque(maxlen=SAMPLES)

    def add(self, at_ns: int, took_ms: float) -> None:
        """Count an event at `at_ns` that took `took_ms`."""
        self._at_ns.append(at_ns)
        self._took_ms.append(took_ms)

    def rate(self, now_ns: int) -> float:
        """Events a second."""
        self._forget(now_ns)
        if len(self._at_ns) < 2:
            return 0.0
        span_ns = max(now_ns - self._at_ns[0], 1)
        return len(self._at_ns) / (span_ns / 1e9)

    def percentiles(self, now_ns: int) -> dict[str, float]:
        """Milliseconds taken, `p50` to `p99` (nearest rank); empty without an event."""
        self._forget(now_ns)
        took = sorted(self._took_ms)
        if not took:
            return {}
        return {f"p{p}": round(took[min(len(took) * p // 100, len(took) - 1)], 2) for p in PERCENTILES}

    def _forget(self, now_ns: int) -> None:
        while self._at_ns and now_ns - self._at_ns[0] > WINDOW_NS:
            self._at_ns.popleft()
            self._took_ms.popleft()
