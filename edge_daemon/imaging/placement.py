"""How a camera's small picture lies in its main one: which part of it the small one shows, stretched to its own size.

Found by correlating the edges of two pictures that were taken at about the same time. Edges stay where they are when
encoders, exposure and sharpness differ.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.grey import Grey

WIDTH = 320
"""Width at which pictures are compared."""
LEAST = 0.4
"""The smallest part that is looked for, as a share of each side."""
ALIKE = 0.5
"""Least correlation of edges that shows the same scene."""
EQUAL = 0.03
"""Places whose correlation is within this of the best one are as good; so the whole picture is preferred."""
APART = 0.05
"""If another place is as good and this far away, it is not known which is right."""
SNAP = 0.02
FLAT = 4.0
"""Pictures with weaker edges on average show too little."""
COARSE, STEPS = (160, 0.05), ((160, 0.02), (WIDTH, 0.008), (WIDTH, 0.004))
_Edges = NDArray[np.float32]


class Placement(NamedTuple):
    """The part of the main picture, in shares of its width and height."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def moved(self, xyxy: Sequence[float], small: tuple[int, int], main: tuple[int, int]) -> list[float]:
        """A box in the small picture of this width and height as one in the main picture, in pixels."""
        left, top, right, bottom = self
        x = [main[0] * (left + (right - left) * at / small[0]) for at in xyxy[::2]]
        y = [main[1] * (top + (bottom - top) * at / small[1]) for at in xyxy[1::2]]
        return [x[0], y[0], x[1], y[1]]


class _Found(NamedTuple):
    score: float
    placement: Placement


def find(small: Grey, main: Grey) -> Placement:
    """The part of the main picture that the small one shows; both uint8, height x width.

    Raises:
        PictureError: it cannot be found; says why.
    """
    edges = {width: (_edges(small, width), _edges(main, width)) for width in {COARSE[0], *(w for w, _ in STEPS)}}
    if min(float(one.mean()) for one in edges[WIDTH]) < FLAT:
        raise PictureError("too little can be seen in one of the pictures")
    shares = np.arange(1.0, LEAST - 1e-9, -COARSE[1])
    found = sorted((_place(*edges[COARSE[0]], x, y) for x in shares for y in shares), reverse=True)
    best = _refined(edges, found[0].placement)
    if best.score < ALIKE:
        raise PictureError(f"the two streams do not show the same picture (they are alike by {max(0, best.score):.0%})")
    if _second(*edges[WIDTH], best.placement) > best.score - EQUAL:
        raise PictureError("the looked-at picture fits in several places of the main one")
    whole = _place(*edges[WIDTH], 1.0, 1.0)
    return Placement() if whole.score > best.score - EQUAL else _snapped(best.placement)


def _edges(grey: Grey, width: int) -> _Edges:
    """Strength of the edges of a picture in this width; float32, height x width."""
    height = max(8, round(grey.shape[0] * width / grey.shape[1]))
    scaled = cv2.GaussianBlur(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), (3, 3), 0)
    x, y = cv2.Sobel(scaled, cv2.CV_32F, 1, 0), cv2.Sobel(scaled, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.GaussianBlur(cv2.magnitude(x, y), (3, 3), 0), np.float32)


def _place(small: _Edges, main: _Edges, x: float, y: float) -> _Found:
    """Where the small picture fits best if it shows these shares of the main one's sides."""
    scores = _scores(small, main, x, y)
    _, score, _, (left, top) = cv2.minMaxLoc(scores)
    height, width = main.shape
    right, bottom = width - scores.shape[1] + 1 + left, height - scores.shape[0] + 1 + top
    return _Found(score, Placement(left / width, top / height, right / width, bottom / height))


def _scores(small: _Edges, main: _Edges, x: float, y: float) -> _Edges:
    """How well the small picture fits at each place, if it shows these shares of the main one's sides."""
    size = max(8, round(x * main.shape[1])), max(8, round(y * main.shape[0]))
    scaled = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.matchTemplate(main, scaled, cv2.TM_CCOEFF_NORMED), np.float32)


def _refined(edges: dict[int, tuple[_Edges, _Edges]], start: Placement) -> _Found:
    """The best place with shares near those of another one, ever more exactly."""
    best = _Found(-1.0, start)
    for width, step in STEPS:
        x, y = best.placement.right - best.placement.left, best.placement.bottom - best.placement.top
        near = [(x + i * step, y + j * step) for i in range(-2, 3) for j in range(-2, 3)]
        best = max(_place(*edges[width], min(1.0, a), min(1.0, b)) for a, b in near)
    return best


def _second(small: _Edges, main: _Edges, best: Placement) -> float:
    """How well it fits elsewhere, with the same shares."""
    scores = _scores(small, main, best.right - best.left, best.bottom - best.top)
    left, top = round(best.left * main.shape[1]), round(best.top * main.shape[0])
    near = round(APART * WIDTH)
    scores[max(0, top - near) : top + near + 1, max(0, left - near) : left + near + 1] = -1
    return float(scores.max())


def _snapped(placement: Placement) -> Placement:
    """Sides that are at the border but for the error of measuring are there."""
    exact = (next((side for side in (0.0, 1.0) if abs(at - side) < SNAP), round(at, 3)) for at in placement)
    return Placement(*exact)
