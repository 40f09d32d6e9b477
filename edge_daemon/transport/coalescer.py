"""Messages that can wait are sent, and read, several at a time: a message alone wakes up the process that reads it.

`Coalescer` is for the sender, as TCP delays acknowledgements; `Moderator` is for the reader, as network cards moderate
their interrupts. Neither knows sockets.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Clock = Callable[[], float]
NEVER = float("-inf")


class Coalescer(Generic[T]):
    """Holds messages back until one is urgent, `count` are held, or the first has been held for `delay_s`. Then all of
    them are due.
    """

    def __init__(self, *, delay_s: float, count: int | None = None, clock: Clock = time.monotonic) -> None:
        self.delay_s, self.count, self._clock = delay_s, count, clock
        self._held: list[T] = []
        self._until = NEVER

    def __len__(self) -> int:
        """Number of messages that are held."""
        return len(self._held)

    def add(self, message: T, *, urgent: bool = False) -> None:
        """Hold a message until it is due."""
        if not self._held:
            self._until = self._clock() + self.delay_s
        self._held.append(message)
        if urgent or len(self._held) == self.count:
            self._until = NEVER

    def is_due(self) -> bool:
        """True if the messages that are held are to be sent now."""
        return bool(self._held) and self._clock() >= self._until

    def take(self) -> list[T]:
        """Return the messages that are held, in order, and hold them no longer."""
        taken, self._held = self._held, []
        return taken

    def wait_s(self, most: float) -> float:
        """Time until they are due, up to `most`."""
        return max(0.0, min(most, self._until - self._clock())) if self._held else most


class Moderator:
    """Decides how to wait for messages that arrive in quick succession.

    While they arrive less than `busy_s` apart, the next one is about to arrive, and messages that can wait are read
    with it. If one arrives within `dense_s` of waiting for it, a pause lets several arrive together.
    """

    def __init__(self, *, busy_s: float, dense_s: float, clock: Clock = time.monotonic) -> None:
        self._busy_s, self._dense_s, self._clock = busy_s, dense_s, clock
        self._previous = self._last = self._began = NEVER
        self.is_dense = False

    @property
    def is_busy(self) -> bool:
        """True while the next message is about to arrive."""
        return self._clock() - self._previous < self._busy_s

    def waits(self) -> None:
        """The process begins to wait."""
        self._began = self._clock()

    def wakes(self) -> None:
        """The process has waited."""
        self.is_dense = self._clock() - self._began < self._dense_s

    def arrived(self) -> None:
        """Messages have arrived."""
        self._previous, self._last = self._last, self._clock()

    def interrupt(self) -> None:
        """Count as idle until another message arrives: one that is held back is needed now."""
        self._previous = NEVER
