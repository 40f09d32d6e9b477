"""Times at which to show the frames of a file that is played, and of a stream that arrives in long pieces (HLS)."""

LONGEST_S = 2.0
"""A frame due later than this is stamped by another clock: the stream has jumped."""
PAUSE_S = 0.1
"""Longest rest of a played file after a frame, since the next may be due sooner than the last was."""


class Playout:
    """Holds each frame back until its time on the stream's clock, so that a piece does not pass in an instant."""

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def wait_s(self, stamp_s: float, now_s: float) -> float:
        """Time that the frame with this time stamp has to wait; a frame that is too late sets the clock."""
        if self._offset_s is None or not 0 <= self._offset_s + stamp_s - now_s <= LONGEST_S:
            self._offset_s = now_s - stamp_s
            return 0.0
        return self._offset_s + stamp_s - now_s


class Playback:
    """A file or scene that is played like a camera from `started_s` on.

    Its frames are decoded when a camera would have sent them: earlier, that would take the processor from the models
    that work on the frame before.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = self._read_at_s = started_s
        self._shown_s = 0.0

    def until_read_s(self, now_s: float) -> float:
        """Time to wait before the next frame is read."""
        return self._read_at_s - now_s

    def until_shown_s(self, time_s: float, now_s: float) -> float:
        """Time that the frame at this position in the file has to wait once it was read."""
        self._read_at_s = self._started_s + time_s + min(time_s - self._shown_s, PAUSE_S)
        self._shown_s = time_s
        return self._started_s + time_s - now_s
