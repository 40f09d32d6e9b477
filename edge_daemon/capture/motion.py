"""The motion gate: lets frames through while something moves, and one of a still scene now and then."""

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.capture.picture import Picture
from edge_daemon.errors import PictureError
from edge_daemon.imaging.grey import Grey
from edge_daemon.messages.published import utc
from edge_daemon.messages.status import MotionStatus
from edge_daemon.settings import MotionSettings

MEMORY_S = 0.5
"""Time constant of the average that frames are compared with: anything still for two or three of these is part of the
background.
"""
HOLD_S = 1.0
"""The gate stays open this long after the last movement, so that a person who hesitates stays in sight."""
EVERYWHERE = 0.5
"""A change of more than this share of the picture at once is due to the light, or to the camera."""
GRAIN = 3
"""Changes smaller than this many pixels either way are noise, rain or distant insects."""
_SAMPLE = 3
"""Distance of the pixels that the overall brightness is taken from."""

Change = Literal["none", "movement", "light"]


class Motion:
    """Compares small grey pictures with the running average of those before them."""

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._before: NDArray[np.float32] | None = None
        self._time_s = 0.0
        self._seen = np.empty((0, 0), np.uint8)  # 255 where it is looked at, 0 under a mask
        self._sample = np.empty(0, np.intp)
        self._grain = np.ones((GRAIN, GRAIN), np.uint8)

    def add(self, grey: Grey, time_s: float) -> Change:
        """Take in the next picture, captured at `time_s`; returns what has changed.

        A picture that became brighter or darker as a whole has not changed. `light` is a change that is neither that
        nor something in the picture; the new picture becomes the reference, as do the first picture and the first of
        each size.
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
        """Make the first picture of a size the reference."""
        self._before = first
        height, width = first.shape
        self._seen = np.full((height, width), 255, np.uint8)
        corners = [np.array(polygon) * (width, height) for polygon in self._settings.mask]
        for polygon in corners:  # one by one: where two overlap in one call, they cancel each other
            cv2.fillPoly(self._seen, [np.rint(polygon).astype(np.int32)], (0,))
        every = np.zeros((height, width), bool)
        every[::_SAMPLE, ::_SAMPLE] = True
        self._sample = np.flatnonzero(every & (self._seen > 0))

    def _changed(self, difference: NDArray[np.float32]) -> NDArray[np.uint8]:
        """255 where the difference is large enough and no mask lies."""
        far = (np.abs(difference) > self._settings.threshold).view(np.uint8)
        return np.asarray(cv2.bitwise_and(self._seen, far * np.uint8(255)), np.uint8)

    def _share(self, marked: "cv2.typing.MatLike") -> float:
        """Share of the unmasked picture that is marked."""
        return cv2.countNonZero(marked) / max(1, cv2.countNonZero(self._seen))


class MotionGate:
    """Decides which of a camera's frames are offered to the models.

    It is `moving` while something moves and for a second after; `since_ns` is when that changed, on the wall clock.
    `passed` of the `seen` pictures were offered.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._motion, self._always_every_s = Motion(settings), settings.always_every_s
        self._moved_s = self._passed_s = -math.inf
        self.moving, self.since_ns = False, 0
        self.seen = self.passed = 0

    def admit(self, picture: Picture, at_ns: int) -> bool:
        """Take in the next picture, at `at_ns` of the wall clock; True if it is offered, as undecodable ones always
        are.

        Raises:
            SourceError: its source cannot give it.
        """
        time_s = picture.time_s
        if time_s < self._passed_s:  # the clock was set back
            self._moved_s = self._passed_s = -math.inf
        try:
            change = self._motion.add(picture.grey, time_s)
        except PictureError:
            change = "light"
        if change == "movement":
            self._moved_s = time_s
        moving = time_s - self._moved_s < HOLD_S
        if moving != self.moving or not self.seen:
            self.moving, self.since_ns = moving, at_ns
        admitted = moving or change == "light" or time_s - self._passed_s >= self._always_every_s
        self.seen += 1
        if admitted:
            self._passed_s = time_s
            self.passed += 1
        return admitted

    @property
    def status(self) -> MotionStatus:
        """For `status/`: `moving` or `still`, since when, and the share of the frames that were offered."""
        share = self.passed / self.seen if self.seen else 0.0
        state: Literal["moving", "still"] = "moving" if self.moving else "still"
        return MotionStatus(state=state, since=utc(self.since_ns), passed=round(share, 4))
