"""When to show the frames of a file that is played, and of a stream that comes in pieces of several seconds (HLS)."""

LONGEST_S = 2.0
"""A frame due later than this belongs to another clock: the stream has jumped."""
PAUSE_S = 0.1
"""A played file rests at the most so long after a frame, for the next may come sooner than the last did."""


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


class Playback:
    """A file or scene played as if it were a camera, from the time `started_s` on.

    Its frames are decoded when a camera would have sent them: done ahead, that would take the processor away from those
    who are at the frame before.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = self._read_at_s = started_s
        self._shown_s = 0.0

    def until_read_s(self, now_s: float) -> float:
        """How long the next frame is left alone."""
        return self._read_at_s - now_s

    def until_shown_s(self, time_s: float, now_s: float) -> float:
        """How long the frame of this time in the file is to wait when it has been read."""
        self._read_at_s = self._started_s + time_s + min(time_s - self._shown_s, PAUSE_S)
        self._shown_s = time_s
        return self._started_s + time_s - now_s
