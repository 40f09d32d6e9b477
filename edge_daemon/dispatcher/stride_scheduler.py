"""Fair scheduling by weight."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

MAX_LAG = 8
"""Assignments that a client may be behind and still catches up with: a live camera often has no frame just when it is
its turn.
"""

Client = TypeVar("Client", bound=Hashable)


class StrideScheduler(Generic[Client]):
    """Stride scheduling: each selection advances the pass of a client by 1/weight, and the one with the lowest pass is
    selected next.

    A client that had nothing to offer lags by MAX_LAG selections at most: after a long absence it gets its share from
    now on. One that lags by that much and is expected to have a frame at any moment is waited for: it would lose its
    share for good to those that happen to have one now. Among live cameras that are at most one selection apart, the
    one with the newest frame is selected; the others get newer frames while they wait. (Waldspurger and Weihl, "Stride
    Scheduling", MIT/LCS/TM-528, 1995.)
    """

    def __init__(self, weights: Mapping[Client, float]) -> None:
        self._now = 0.0
        self._pass: dict[Client, float] = {}
        self.change(weights)

    def change(self, weights: Mapping[Client, float]) -> None:
        """Switch to other clients or weights."""
        self._stride = {client: 1.0 / weight for client, weight in weights.items()}
        self._pass = {client: self._pass.get(client, self._now) for client in weights}
        self._shortest = min(self._stride.values(), default=1.0)
        self._lowest = min(self._pass.values(), default=0.0)  # no pass is lower than this

    def next(
        self,
        candidates: Iterable[Client],
        expected: Iterable[Client] = (),
        age: Callable[[Client], int | None] = lambda client: None,
    ) -> Client | None:
        """Select one of the candidates; None if there are none, or if an `expected` client is waited for.

        `age` returns the age of a live camera's newest frame, and None for others.
        """
        due = {client: self._due(client) for client in candidates}
        client = min(due, key=due.__getitem__, default=None)
        if client is None or any(self._lags(other) and self._due(other) < due[client] for other in expected):
            return None
        if len(due) > 1 and age(client) is not None:
            near = due[client] + self._shortest
            ages = {one: ns for one in due if due[one] <= near and (ns := age(one)) is not None}
            client = min(ages, key=lambda one: (ages[one], due[one]))
        self._now = max(self._now, due[client])
        self._pass[client] = due[client] + self._stride[client]
        return client

    def may_wait(self) -> bool:
        """True if a client may lag so much that it would be waited for. That is rare, and cheap to rule out."""
        limit = self._now - MAX_LAG * self._shortest
        if self._lowest <= limit:
            self._lowest = min(self._pass.values())
        return self._lowest <= limit

    def _lags(self, client: Client) -> bool:
        return self._pass[client] <= self._now - MAX_LAG * self._stride[client]

    def _due(self, client: Client) -> float:
        return max(self._pass[client], self._now - MAX_LAG * self._stride[client])
