"""When something that could not be delivered is tried again, and when it is given up.

A receiver that is *away* holds the line: nothing is lost, and it is tried again for as long as it takes, at growing
intervals. A message that it *rejects* is tried `MOST_TRIES` times; then it is a dead letter, and the next one goes on.
"""

from typing import NamedTuple

from edge_daemon.backoff import delay_s

FIRST_S, LONGEST_S = 1.0, 10.0
"""The first delay, and the longest one: a receiver that is back has everything soon."""
MOST_TRIES = 3
MOST_AFTER_S = 3600.0
"""The longest delay that a receiver may ask for."""


class Failure(NamedTuple):
    """A failed try: `why` in a word or two, if the message was `rejected` (otherwise the receiver is away), and the
    delay that the receiver has asked for.
    """

    why: str
    rejected: bool = False
    after_s: float | None = None


def next_try_s(failures: int, failure: Failure, chance: float) -> float | None:
    """Delay after the `failures`-th failure in a row; None: the message is a dead letter. `chance` is from 0 to 1."""
    if failure.rejected and failures >= MOST_TRIES:
        return None
    usual = delay_s(failures, FIRST_S, LONGEST_S) * (0.5 + chance / 2)
    return max(usual, min(failure.after_s or 0.0, MOST_AFTER_S))
