"""Which positions of the store have been delivered: the cursor is behind the first that has not."""

from collections.abc import Collection
from heapq import heappop, heappush


class Pending:
    """Positions that were read, in their order, and are not done yet. All up to `position` are done, and `done` beyond
    it.
    """

    def __init__(self, position: int, done: Collection[int] = ()) -> None:
        self._read, self._open = position, dict[int, None]()
        self._before = frozenset(done)
        self._done = sorted(done)

    @property
    def read(self) -> int:
        """The last position that was read."""
        return self._read

    @property
    def position(self) -> int:
        """All up to this one are done."""
        return next(iter(self._open)) - 1 if self._open else self._read

    @property
    def done(self) -> list[int]:
        """Those that are done, beyond the first one that is not."""
        return sorted(self._done)

    def __len__(self) -> int:
        return len(self._open)

    def is_done(self, position: int) -> bool:
        """True for what an earlier process has delivered."""
        return position in self._before

    def add(self, position: int) -> None:
        """A position that is to be delivered was read."""
        self._read = max(self._read, position)
        self._open[position] = None

    def advance(self, position: int) -> None:
        """All up to this one was read, and what was not added is not to be delivered."""
        self._read = max(self._read, position)
        self._forget()

    def finish(self, positions: Collection[int]) -> None:
        """These are done."""
        for one in positions:
            self._open.pop(one, None)
            heappush(self._done, one)
        self._forget()

    def _forget(self) -> None:
        position = self.position
        while self._done and self._done[0] <= position:
            heappop(self._done)
