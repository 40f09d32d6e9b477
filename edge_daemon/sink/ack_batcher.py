"""When the dispatcher is told how far streams have come: not for every frame, for that would wake it up."""

from collections.abc import Mapping, Sequence

from edge_daemon.messages.accounting import StreamState
from edge_daemon.settings import CameraPlan

LOT = {"lossless": 4, "live": 16}
"""Frames of one stream that are acknowledged at once: a file's are kept until then."""
PATIENCE_S = {"lossless": 0.02, "live": 1.0}


class AckBatcher:
    """Holds states back until a stream has moved by a LOT or has finished, or until PATIENCE_S have passed. Then all
    are due. Where one camera is lossless none waits for longer than its would.
    """

    def __init__(self, cameras: Mapping[str, CameraPlan]) -> None:
        self._held: dict[tuple[str, str], StreamState] = {}
        self._told: dict[tuple[str, str], int] = {}  # the last frame of a stream that was told of
        self._until = 0.0
        self._enough = False
        self.change(cameras)

    def change(self, cameras: Mapping[str, CameraPlan]) -> None:
        """Go on with other cameras."""
        lossless = any(turn.delivery == "lossless" for turn in cameras.values())
        delivery = "lossless" if lossless else "live"
        self._lot, self._patience_s = LOT[delivery], PATIENCE_S[delivery]

    def add(self, states: Sequence[StreamState], now: float) -> None:
        """Streams have come so far at `now` (seconds)."""
        if not self._held:
            self._until = now + self._patience_s
        for state in states:
            self._held[state.key] = state
            self._enough |= state.finished or not 0 <= state.resolved - self._told.get(state.key, -1) < self._lot

    def due(self, now: float) -> list[StreamState]:
        """What is to be told now, if anything."""
        if not (self._enough or now >= self._until):
            return []
        self._told |= {key: state.resolved for key, state in self._held.items()}
        states = list(self._held.values())
        self.clear()
        return states

    def wait_s(self, most: float) -> float:
        """How long to wait for more, up to `most`."""
        return min(most, self._patience_s) if self._held else most

    def clear(self) -> None:
        """All was told otherwise."""
        self._held.clear()
        self._enough = False
