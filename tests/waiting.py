"""Waiting with a deadline, for what another process or thread will do soon."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], timeout_s: float, *, what: str = "", every_s: float = 0.01) -> T:
    """The first true value of `predicate()`, which is asked at least twice; fails after `timeout_s`.

    `what` says in the failure what was waited for. `predicate` must not block for long itself.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := predicate()):
        if time.monotonic() >= deadline:
            if value := predicate():
                return value
            raise AssertionError(f"not within {timeout_s:g} s: {what or predicate}; last value: {value!r}")
        time.sleep(every_s)
    return value
