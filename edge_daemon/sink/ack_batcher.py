"""When the dispatcher is sent acknowledgements: not for every frame, since each wakes it up."""

import time
from collections.abc import Mapping, Sequence

from edge_daemon.messages.accounting import StreamKey, StreamState
from edge_daemon.settings import CameraPlan
from edge_daemon.transport.coalescer import Clock, Coalescer

COUNT = {"lossless": 4, "live": 16}
"""Frames of one stream that are acknowledged together: those of a file are kept until then."""
DELAY_S = {"lossless": 0.02, "live": 1.0}


class AckBatcher:
    """Holds states back until one stream has moved by COUNT frames or has finished, or until DELAY_S have passed. With
    one lossless camera its figures apply to all.
    """

    def __init__(self, cameras: Mapping[str, CameraPlan], clock: Clock = time.monotonic) -> None:
        self._held: Coalescer[StreamState] = Coalescer(delay_s=0.0, clock=clock)
        self._acked: dict[StreamKey, int] = {}  # the last frame acknowledged of each stream
        self.change(cameras)

    def change(self, cameras: Mapping[str, CameraPlan]) -> None:
        """Switch to other cameras."""
        lossless = any(plan.delivery == "lossless" for plan in cameras.values())
        delivery = "lossless" if lossless else "live"
        self._count, self._held.delay_s = COUNT[delivery], DELAY_S[delivery]

    def add(self, states: Sequence[StreamState]) -> None:
        """Hold the states of streams that have moved."""
        for state in states:
            moved = state.resolved - self._acked.get(state.key, -1)
            self._held.add(state, urgent=state.finished or not 0 <= moved < self._count)

    def take_due(self) -> list[StreamState]:
        """Return the newest state of each stream if they are to be sent now, and hold them no longer."""
        if not self._held.is_due():
            return []
        states = {state.key: state for state in self._held.take()}
        self._acked |= {key: state.resolved for key, state in states.items()}
        return list(states.values())

    def wait_s(self, most: float) -> float:
        """Time until they are due, up to `most`."""
        return self._held.wait_s(most)

    def clear(self) -> None:
        """Hold nothing: all states were sent otherwise."""
        self._held.take()
