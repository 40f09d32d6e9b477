"""Which of the frames that were read the dispatcher has to know, and when: no more, no sooner than is of use."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_daemon.capture.window import Held

ENOUGH = 2
"""Frames of a file that the dispatcher knows of, so that it has always one to give."""


@dataclass(frozen=True)
class PassedOver:
    """Frames up to `seq` that nobody is offered, since the last that was or that was told of."""

    seq: int
    paced: int
    still: int


@dataclass(frozen=True)
class Offer:
    """A frame that can be asked for; of those before it, some were passed over, and some `replaced` by it."""

    seq: int
    captured_ns: int
    paced: int = 0
    still: int = 0
    replaced: int = 0


class Offers:
    """Filled by the reader's thread, emptied by the process's loop.

    A file's frames are told of while the dispatcher knows of less than ENOUGH that it has not asked for, the others
    when there is something else to say. Of a live camera it knows one that it has not asked for; newer ones take its
    place when it is asked for, and every `refresh_s`.
    """

    def __init__(self, *, live: bool, refresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._live, self._refresh_s, self._clock = live, refresh_s, clock
        self._waiting: deque[Held | PassedOver] = deque()
        self._known = 0  # announced and not asked for
        self._told_at = 0.0
        self.told = 0
        """Frames that the dispatcher was told of, for the supervisor to see that it goes on."""

    def add(self, one: Held | PassedOver) -> None:
        """A frame was read, or is passed over."""
        self._waiting.append(one)

    def asked(self) -> None:
        """A frame that was announced was asked for."""
        self._known = 0 if self._live else self._known - 1

    def due(self) -> bool:
        """Whether the dispatcher has to know what waits."""
        if self._live:
            return not self._known or self._clock() - self._told_at >= self._refresh_s
        return self._known < ENOUGH

    def all_told(self) -> bool:
        """Whether all was told."""
        return not self._waiting

    def take(self, up_to: int | None = None) -> Sequence[Offer | PassedOver]:
        """What is to be told now: all that waits, or that up to frame `up_to`."""
        taken: list[Held | PassedOver] = []
        while self._waiting and (up_to is None or self._waiting[0].seq <= up_to):
            taken.append(self._waiting.popleft())
        told = _newest(taken) if self._live else [_offer(one) if isinstance(one, Held) else one for one in taken]
        if taken:
            frames = sum(isinstance(one, Offer) for one in told)
            self._known, self.told = self._known + frames, self.told + frames
            self._told_at = self._clock()
        return told


def _offer(held: Held, replaced: int = 0) -> Offer:
    return Offer(held.seq, held.captured_ns, held.paced, held.still, replaced)


def _newest(taken: Sequence[Held | PassedOver]) -> Sequence[Offer | PassedOver]:
    """The last frame stands for all before it; then what was passed over after it."""
    frames = [number for number, one in enumerate(taken) if isinstance(one, Held)]
    told: list[Offer | PassedOver] = []
    for part in (taken[: frames[-1] + 1], taken[frames[-1] + 1 :]) if frames else (taken,):
        if not part:
            continue
        last, paced, still = part[-1], sum(one.paced for one in part), sum(one.still for one in part)
        if isinstance(last, Held):
            told.append(Offer(last.seq, last.captured_ns, paced, still, replaced=len(frames) - 1))
        else:
            told.append(PassedOver(last.seq, paced, still))
    return told
