"""Which frames a configured fps lets through, by their times alone."""

import math

from edge_daemon.settings import CaptureSettings


class Pace:
    """Admits `fps` frames a second, evenly spaced, whatever rate the source announces or has.

    Time is cut into slots of 1/fps, and the first frame of each slot is admitted. A clock that jumps back starts over.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        self._fps = settings.fps
        self._slot: int | None = None

    def admit(self, time_s: float) -> bool:
        """True if the frame of this time is offered to the models; its slot is taken then."""
        if self._fps is None:
            return True
        slot = math.floor(time_s * self._fps + 1e-6)
        if slot == self._slot:
            return False
        self._slot = slot
        return True
