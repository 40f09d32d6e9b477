"""The memory that all requests together may hold: bodies, pictures, answers. Knows no HTTP."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge_daemon.errors import EdgeError

MOST_BYTES = 512 << 20


class BusyError(EdgeError):
    """Too much waits already; the client may try again."""


class Share:
    """The bytes that one request holds, within a `with` block. `give_up` is called when others need them."""

    def __init__(self, budget: "Budget", give_up: Callable[[], object]) -> None:
        self._budget, self.give_up = budget, give_up
        self.held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._budget.release(self)

    def hold(self, count: int, *, slow: bool = False) -> None:
        """Hold this many bytes from now on; `slow` while the client is sending or taking them.

        Raises:
            BusyError: others hold too many.
        """
        self._budget.change(self, count, slow=slow)


class Budget:
    """At most `most` bytes, unless a single request holds more. Those whose client is slow make room for others."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.held = 0
        self._slow: dict[Share, None] = {}
        """Shares whose clients are waited for, the one that has waited longest first."""

    def share(self, give_up: Callable[[], object]) -> Share:
        """The share of one request."""
        return Share(self, give_up)

    def change(self, share: Share, count: int, *, slow: bool) -> None:
        """Have a share hold `count` bytes.

        Raises:
            BusyError: others hold too many, and none of them waits for its client.
        """
        while count > share.held < self.held and self.held - share.held + count > self._most:
            victim = next((other for other in self._slow if other is not share), None)
            if victim is None:
                raise BusyError(f"requests of {self.held >> 20} MB are being worked on")
            self.release(victim)
            victim.give_up()
        self.held += count - share.held
        share.held = count
        if slow:
            self._slow.setdefault(share)
        else:
            self._slow.pop(share, None)

    def release(self, share: Share) -> None:
        """Have a share hold nothing."""
        self.change(share, 0, slow=False)
