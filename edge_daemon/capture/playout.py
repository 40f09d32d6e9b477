"""When to show the frames of a stream that comes in pieces of several seconds, as HLS does."""

LONGEST_S = 2.0
"""A frame due later than this belongs to another clock: the stream has jumped."""


class Playout:
    """Holds each frame back until its time by the stream's clock, so that a piece does not pass in one instant."""

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def wait_s(self, stamp_s: float, now_s: float) -> float:
        """How long the frame with this time stamp is to wait; the stream goes on from a frame that comes too late."""
        if self._offset_s is None or not 0 <= self._offset_s + stamp_s - now_s <= LONGEST_S:
            self._offset_s = now_s - stamp_s
            return 0.0
        return self._offset_s + stamp_s - now_s
