"""Deaths of workers that the frames of a live camera have caused, and how long it waits for that."""

from edge_daemon.backoff import delay_s

FIRST_S, LONGEST_S = 1.0, 600.0
"""How long a camera waits after the second death, and at most."""
FORGOTTEN_NS, SUSPECTED_NS = 1200 * 1_000_000_000, 60 * 1_000_000_000
"""Deaths this long ago do not count any more; frames are run alone for as long as the latter."""


class Blame:
    """The first death has no consequence; after each further one, the camera waits twice as long."""

    def __init__(self) -> None:
        self._deaths = 0
        self._last_ns = self._until_ns = 0
        self._wait_s: float | None = None  # set until the clock is known
        self.is_suspect = False
        """True for a while after a worker died with one of several frames: they are run alone, to see which it was."""

    def add(self) -> float:
        """Count a death that a frame of this camera caused; return how long the camera is to wait."""
        self._deaths += 1
        self._wait_s = 0.0 if self._deaths == 1 else delay_s(self._deaths - 1, FIRST_S, LONGEST_S)
        return self._wait_s

    def suspect(self) -> None:
        """A worker died with a frame of this camera among others."""
        self._wait_s, self.is_suspect = 0.0, True

    def holds(self, now_ns: int) -> bool:
        """True while the camera has to wait."""
        if self._wait_s is not None:
            self._last_ns = now_ns
            self._until_ns = max(self._until_ns, now_ns + int(self._wait_s * 1e9))
            self._wait_s = None
        elif now_ns - max(self._last_ns, self._until_ns) > FORGOTTEN_NS:
            self._deaths = 0
        self.is_suspect &= now_ns - self._last_ns < SUSPECTED_NS
        return now_ns < self._until_ns
