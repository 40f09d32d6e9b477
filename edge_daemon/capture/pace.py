"""Which frames a configured fps lets through, by their times alone."""

import math


class Pace:
    """Lets `fps` frames a second through, evenly, whatever rate the source announces or has.

    Time is cut into slots of 1/fps, and the first frame of each slot passes. A clock that jumps back starts afresh.
    """

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._slot: int | None = None

    def passes(self, time_s: float) -> bool:
        """Whether a frame of this time is offered to the models."""
        if self._fps is None:
            return True
        slot = math.floor(time_s * self._fps + 1e-6)
        if slot == self._slot:
            return False
        self._slot = slot
        return True
