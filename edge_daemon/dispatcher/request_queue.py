"""Pictures that people sent in, on their way to one model: each waits for its turn, none is replaced."""

from collections import deque


class RequestQueue:
    """Requests by number, oldest first; who has which.

    That a worker is done with one does not end it: its answer may die with it. The web says when it has that.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int]] = deque()
        self._given: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def suspect(self) -> bool:
        """Whether a worker has died of the next one: it shall be alone with its worker."""
        return bool(self._waiting and self._waiting[0][1])

    def add(self, seq: int, deaths: int) -> None:
        """One more waits."""
        if seq not in self._given and all(seq != waiting for waiting, _ in self._waiting):
            self._waiting.append((seq, deaths))

    def withdraw(self, seq: int) -> None:
        """Nobody waits for an answer to it any more; what a worker has is not taken away."""
        self._given.pop(seq, None)
        self._waiting = deque(one for one in self._waiting if one[0] != seq)

    def give(self, worker: str) -> tuple[int, int]:
        """The oldest goes to `worker`: its number, and how many died of it."""
        seq, deaths = self._waiting.popleft()
        self._given[seq] = worker
        return seq, deaths

    def lost(self, worker: str) -> list[int]:
        """`worker` is gone; what it had."""
        lost = [seq for seq, who in self._given.items() if who == worker]
        for seq in lost:
            del self._given[seq]
        return lost

    def clear(self) -> None:
        """Nobody is there to send any of it."""
        self._waiting.clear()
        self._given.clear()
