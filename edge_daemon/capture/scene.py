"""Notices what somebody did to a camera: covered it, turned it away, or switched off the light.

Small grey pictures, twice a second of camera time, are compared with what the camera has shown before: with the edges
in its picture, which stay where they are when the light changes and people walk by.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging.grey import Grey
from edge_daemon.imaging.privacy import Polygon
from edge_daemon.messages.frames import SceneState

Edges = NDArray[np.float32]
INTERVAL_S = 0.5
"""Least camera time between two pictures that are looked at."""
MEMORY_S, LEARN_S = 60.0, 10.0
"""Time constant of what is usual, and the time in which it is learnt at first."""
ACCEPT_S = 1800.0
"""A camera that looks elsewhere for this long is there to stay: its new view is learnt."""
DARK, BRIGHT = 40, 52
"""Grey levels: 95% of a dark picture's pixels are below the first one, until fewer are below the second."""
NEARLY_ALL = 95
UNSHARP, BLANK = 0.3, 0.15
"""Shares of the usual contrast of edges: a camera is covered below the first one, if the usual edges are gone too, and
below the second one anyway.
"""
UNIFORM = 6.0
"""Mean gradient of a picture that has so little in it that nothing can be said of it."""
UNVEILED = 3.0
"""A picture with this many times the usual contrast shows that the usual one was not the scene."""
ALIKE, OTHER = 0.6, 0.5
"""Shares of the usual likeness to what is usual: above the first one the camera looks where it always does, below the
second one it sees something else.
"""
STEADY = 0.4
"""Usual likeness of the pictures of a camera that is fixed."""
DISPLACED = 0.025
"""Share of the picture's width by which the view of a camera that was moved is displaced."""
FARTHEST = 0.4
"""Largest displacement that can be measured, as a share of width and height."""
SOON_S, LATER_S, BACK_S = 3.0, 10.0, 2.0
"""How long something has to be so: what is certain, what may be a lorry that stops in front, and that it is over."""


class Held:
    """A state that begins when its condition has held for a time, and ends when it has not for BACK_S."""

    def __init__(self) -> None:
        self.holds = False
        self._since_s: float | None = None

    def update(self, time_s: float, other: bool, after_s: float) -> bool:
        """Take in whether the condition is now `other` than the state; returns the state."""
        if not other:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = time_s
        if self._since_s is not None and time_s - self._since_s >= (BACK_S if self.holds else after_s):
            self.holds, self._since_s = not self.holds, None
        return self.holds

    @property
    def wavers(self) -> bool:
        """True if it is about to begin or to end."""
        return self._since_s is not None


class Usual:
    """Slow averages of what a camera shows: `edges`, their `contrast` relative to the brightness, and how like them
    (`likeness`, from -1 to 1) a picture is.
    """

    def __init__(self, edges: Edges, contrast: float, time_s: float) -> None:
        self.edges, self.contrast, self.likeness = edges.copy(), contrast, 1.0
        self.began_s = self._time_s = time_s

    def is_like(self, edges: Edges) -> float:
        """Likeness of a picture: correlation of its edges (float32, height x width) with the usual ones."""
        return correlation(self.edges, edges)

    def learn(self, edges: Edges, contrast: float, likeness: float, time_s: float) -> None:
        """Take in a picture, with its edges (float32, height x width)."""
        elapsed_s, age_s = time_s - self._time_s, time_s - self.began_s
        share = min(1.0, elapsed_s / min(MEMORY_S, age_s + INTERVAL_S))
        cv2.accumulateWeighted(edges, self.edges, share)
        self.contrast += share * (contrast - self.contrast)
        self.likeness += share * (likeness - self.likeness)
        self._time_s = time_s

    def is_learnt(self, time_s: float) -> bool:
        """True if it is known what is usual, and the camera is one that is fixed."""
        return time_s - self.began_s >= LEARN_S and self.likeness >= STEADY


class Scene:
    """States of one camera's scene. Nothing is looked for in the areas that are hidden."""

    def __init__(self, hidden: Sequence[Polygon] = ()) -> None:
        self._hidden = hidden
        self._begin()
        self._time_s = -math.inf
        self.present: tuple[SceneState, ...] = ()

    def is_due(self, time_s: float) -> bool:
        """True if a picture of this time is to be looked at."""
        return not self._time_s <= time_s < self._time_s + INTERVAL_S

    def add(self, grey: Grey, time_s: float) -> bool:
        """Take in a picture, uint8, height x width, 0 is black; True if the states changed."""
        if time_s < self._time_s or (self._usual and self._usual.edges.shape != grey.shape):
            self._begin()
        self._time_s = time_s
        before, self.present = self.present, self._states(grey, time_s)
        return before != self.present

    def _begin(self) -> None:
        self._dark, self._covered, self._moved = Held(), Held(), Held()
        self._usual: Usual | None = None
        self._moved_s = 0.0

    def _states(self, grey: Grey, time_s: float) -> tuple[SceneState, ...]:
        seen = self._seen(grey)
        limit = BRIGHT if self._dark.holds else DARK
        dark = float(np.percentile(grey[seen], NEARLY_ALL)) < limit if seen.any() else False
        self._dark.update(time_s, dark != self._dark.holds, SOON_S)
        if not dark:
            self._compare(grey, seen, time_s)
        held: dict[SceneState, Held] = {"covered": self._covered, "moved": self._moved, "dark": self._dark}
        return tuple(state for state, one in held.items() if one.holds)

    def _compare(self, grey: Grey, seen: NDArray[np.bool_], time_s: float) -> None:
        """Compare a picture that is bright enough with the usual one."""
        gradient = gradient_of(grey)
        contrast, edges = float(gradient[seen].mean()), np.sqrt(gradient) * seen
        relative = contrast / (float(grey[seen].mean()) + 16)
        usual = self._usual
        if usual is None or (relative > UNVEILED * usual.contrast and not self._covered.holds):
            self._usual = Usual(edges, relative, time_s) if contrast > UNIFORM else None
            self._covered, self._moved = Held(), Held()
            return
        likeness = usual.is_like(edges)
        if not usual.is_learnt(time_s):
            usual.learn(edges, relative, likeness, time_s)
            return
        limit = UNSHARP if likeness < ALIKE * usual.likeness else BLANK
        blank = relative < limit * usual.contrast
        self._covered.update(time_s, blank != self._covered.holds, SOON_S)
        if not blank and not self._covered.holds:
            self._look_where(usual, edges, likeness, time_s)
        if not (blank or self._covered.holds or self._moved.holds or self._moved.wavers):
            usual.learn(edges, relative, likeness, time_s)

    def _look_where(self, usual: Usual, edges: Edges, likeness: float, time_s: float) -> None:
        """Find out if the camera looks elsewhere."""
        share = likeness / usual.likeness
        if self._moved.holds:
            self._moved.update(time_s, share >= ALIKE, BACK_S)
            if time_s - self._moved_s >= ACCEPT_S:
                self._begin()
            return
        displaced = share < ALIKE and is_displaced(usual.edges, edges, ALIKE * usual.likeness)
        if self._moved.update(time_s, displaced or share < OTHER, SOON_S if displaced else LATER_S):
            self._moved_s = time_s

    def _seen(self, grey: Grey) -> NDArray[np.bool_]:
        """Where nothing is hidden (bool, height x width)."""
        seen = np.full(grey.shape, 255, np.uint8)
        height, width = grey.shape
        for area in self._hidden:
            corners = np.rint(np.array(area) * (width, height)).astype(np.int32)
            cv2.fillPoly(seen, [corners], (0,))
            cv2.polylines(seen, [corners], True, (0,), 5)
        return seen > 0


def gradient_of(grey: Grey) -> Edges:
    """Strength of the edges (float32, height x width) in a grey picture (uint8, height x width)."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    return np.asarray(
        cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)), np.float32
    )


def correlation(one: Edges, other: Edges) -> float:
    """Correlation of two pictures of edges (float32, height x width); 0 if one of them is uniform."""
    a, b = one - one.mean(), other - other.mean()
    norm = math.sqrt(float(np.vdot(a, a)) * float(np.vdot(b, b)))
    return float(np.vdot(a, b)) / norm if norm > 0 else 0.0


def is_displaced(usual: Edges, edges: Edges, least: float) -> bool:
    """True if the usual edges (float32, height x width) are found in a picture, but elsewhere: where they are, both
    have at least this correlation.
    """
    height, width = usual.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(usual - usual.mean(), edges - edges.mean(), window)
    x, y = round(right), round(down)
    if math.hypot(right, down) < DISPLACED * width or abs(x) > FARTHEST * width or abs(y) > FARTHEST * height:
        return False
    before = usual[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    after = edges[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    return correlation(before, after) >= least
