"""Waiting with a deadline, for what another process or thread will do soon."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
RATIO, LONGEST_S = 40.0, 0.1
"""Time between two questions, as a share of the time since the first, and its limit."""


def eventually(predicate: Callable[[], T], timeout_s: float, *, what: str = "", every_s: float = 0.01) -> T:
    """The first true value of `predicate()`, which is asked at least twice; fails after `timeout_s`.

    `what` says in the failure what was waited for. `predicate` must not block for long itself. What takes long is
    asked for less often: processes that wait take time from those that they wait for.
    """
    began = time.monotonic()
    while not (value := predicate()):
        waited_s = time.monotonic() - began
        if waited_s >= timeout_s:
            if value := predicate():
                return value
            raise AssertionError(f"not within {timeout_s:g} s: {what or predicate}; last value: {value!r}")
        time.sleep(max(every_s, min(waited_s / RATIO, LONGEST_S)))
    return value
