"""The motion gate: lets frames through while something moves, and one of a still picture now and then."""

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.capture.picture import Picture
from edge_daemon.errors import PictureError
from edge_daemon.imaging.grey import Grey, small_grey, small_grey_of_jpeg
from edge_daemon.messages.published import utc
from edge_daemon.messages.status import MotionStatus
from edge_daemon.settings import MotionSettings

WIDTH = 160
"""Pixels across the picture that is looked at."""
MEMORY_S = 0.5
"""Time constant of what a frame is compared with: whatever has stood still for two or three of these is no news."""
HOLD_S = 1.0
"""The gate stays open for so long after the last movement: a person who hesitates is not lost from sight."""
EVERYWHERE = 0.5
"""When more of the picture changes at once than this share, it is the light, or the camera."""
GRAIN = 3
"""What is smaller than so many pixels either way is noise, rain or an insect far away."""
_SAMPLE = 3
"""Every so-manyth pixel either way tells the brightness of all."""

Change = Literal["none", "movement", "light"]


class Motion:
    """Compares small grey pictures with the running average of those before them."""

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._before: NDArray[np.float32] | None = None
        self._time_s = 0.0
        self._seen = np.empty((0, 0), np.uint8)  # 255 where it is looked at, 0 where a mask lies
        self._sample = np.empty(0, np.intp)
        self._grain = np.ones((GRAIN, GRAIN), np.uint8)

    def sees(self, grey: Grey, time_s: float) -> Change:
        """What has changed at `time_s`, in seconds on a clock that goes on from picture to picture.

        A picture that became brighter or darker as a whole has not changed. `light` is what can be told neither as
        that nor as something in the picture; it is known from then on. So it is with the first picture, and with one of
        another size than the last.
        """
        now = grey.astype(np.float32)
        elapsed_s, self._time_s = max(0.0, time_s - self._time_s), time_s
        if self._before is None or self._before.shape != now.shape:
            self._begin(now)
            return "light"
        difference = now - self._before
        brighter = float(np.median(difference.ravel()[self._sample])) if self._sample.size else 0.0
        moved = self._share(cv2.morphologyEx(self._changed(difference - brighter), cv2.MORPH_OPEN, self._grain))
        moved *= cv2.countNonZero(self._seen) / self._seen.size
        if self._share(self._changed(difference)) > EVERYWHERE:
            self._before = now
            return "light" if moved > self._settings.area else "none"
        cv2.accumulateWeighted(now, self._before, 1 - math.exp(-elapsed_s / MEMORY_S))
        return "movement" if moved > self._settings.area else "none"

    def _begin(self, first: NDArray[np.float32]) -> None:
        """Take the first picture of a size as what is known."""
        self._before = first
        height, width = first.shape
        self._seen = np.full((height, width), 255, np.uint8)
        corners = [np.array(polygon) * (width, height) for polygon in self._settings.mask]
        cv2.fillPoly(self._seen, [np.rint(polygon).astype(np.int32) for polygon in corners], (0,))
        every = np.zeros((height, width), bool)
        every[::_SAMPLE, ::_SAMPLE] = True
        self._sample = np.flatnonzero(every & (self._seen > 0))

    def _changed(self, difference: NDArray[np.float32]) -> NDArray[np.uint8]:
        """255 where the difference counts and it is looked at."""
        far = (np.abs(difference) > self._settings.threshold).view(np.uint8)
        return np.asarray(cv2.bitwise_and(self._seen, far * np.uint8(255)), np.uint8)

    def _share(self, marked: "cv2.typing.MatLike") -> float:
        """How much of what is looked at is marked."""
        return cv2.countNonZero(marked) / max(1, cv2.countNonZero(self._seen))


class MotionGate:
    """Decides which of a camera's frames are offered to the models.

    It is `moving` while something moves and for a second after; `since_ns` is when that changed, on the wall clock. Of
    the `seen` pictures `passed` went through.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._motion, self._always_every_s = Motion(settings), settings.always_every_s
        self._moved_s = self._passed_s = -math.inf
        self.moving, self.since_ns = False, 0
        self.seen = self.passed = 0

    def passes(self, picture: Picture, at_ns: int) -> bool:
        """Whether this picture, come at `at_ns` of the wall clock, is offered; so is one that cannot be decoded.

        Raises:
            SourceError: its source cannot give it.
        """
        time_s = picture.time_s
        if time_s < self._passed_s:  # the clock was set back
            self._moved_s = self._passed_s = -math.inf
        try:
            change = self._motion.sees(_grey(picture), time_s)
        except PictureError:
            change = "light"
        if change == "movement":
            self._moved_s = time_s
        moving = time_s - self._moved_s < HOLD_S
        if moving != self.moving or not self.seen:
            self.moving, self.since_ns = moving, at_ns
        passes = moving or change == "light" or time_s - self._passed_s >= self._always_every_s
        self.seen += 1
        if passes:
            self._passed_s = time_s
            self.passed += 1
        return passes

    @property
    def status(self) -> MotionStatus:
        """Its state, for `status/`."""
        share = self.passed / self.seen if self.seen else 0.0
        state: Literal["moving", "still"] = "moving" if self.moving else "still"
        return MotionStatus(state=state, since=utc(self.since_ns), passed=round(share, 4))


def _grey(picture: Picture) -> Grey:
    if picture.jpeg is not None:
        return small_grey_of_jpeg(picture.jpeg, WIDTH)
    return small_grey(picture.pixels, WIDTH)
