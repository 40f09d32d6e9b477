"""A limit of messages in a time: what is too much waits."""

from collections import deque

from edge_daemon.delivery.settings import LimitSettings


class Pace:
    """Counts what was sent in the last `per_s`. Times are on any clock that does not jump."""

    def __init__(self, limit: LimitSettings | None) -> None:
        self._limit, self._sent = limit, deque[float]()

    def wait_s(self, now_s: float) -> float:
        """Time until another message may be sent."""
        if self._limit is None:
            return 0.0
        while self._sent and now_s - self._sent[0] >= self._limit.per_s:
            self._sent.popleft()
        if len(self._sent) < self._limit.count:
            return 0.0
        return self._sent[0] + self._limit.per_s - now_s

    def sent(self, now_s: float) -> None:
        """A message is sent now."""
        if self._limit:
            self._sent.append(now_s)
