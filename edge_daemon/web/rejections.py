"""Counts rejected connections and requests, and logs a summary at intervals, so that nobody can fill the log."""

import logging
from collections import Counter

logger = logging.getLogger(__name__)
PERIOD_S = 600.0


class Rejections:
    """Rejected connections and requests, by reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged: Counter[str] = Counter()
        self._address = ""
        self._next_s = 0.0

    def add(self, reason: str, address: str) -> None:
        """Count one of a client."""
        self.counts[reason] += 1
        self._address = address

    def report(self, now_s: float) -> None:
        """Log those that are new, at most once in ten minutes."""
        new = self.counts - self._logged
        if not new or now_s < self._next_s:
            return
        self._next_s, self._logged = now_s + PERIOD_S, self.counts.copy()
        listed = ", ".join(f"{count} {reason}" for reason, count in new.most_common())
        logger.warning("rejected connections: %s; the last one came from %s", listed, self._address)
