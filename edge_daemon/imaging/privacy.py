"""Areas of a picture that nobody may see."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv

Polygon = Sequence[tuple[float, float]]
"""Corners (x, y) in shares of the picture as shown."""
BORDER = 3
"""Width in pixels of the border that is hidden too: a pixel that an area touches does not show what lies in it."""
SIZES = 16
"""Sizes of planes whose corners are kept: those of a picture and its scaled copies."""
_NO_COLOUR = 128
_BLACK = {False: 16, True: 0}
"""Black luma, by full range."""


class Mask:
    """Blackens areas of pictures of any size. Polygons may overlap."""

    def __init__(self, areas: Sequence[Polygon]) -> None:
        self.areas = areas
        self._corners = lru_cache(maxsize=SIZES)(self._in_pixels)

    def hide(self, picture: Pixels | Yuv) -> Pixels | Yuv:
        """A copy of a picture (BGR, uint8, height x width x 3, or planes) in which the areas are black."""
        if isinstance(picture, Yuv):
            y = self.fill(picture.y, _BLACK[picture.format.full])
            return Yuv(y, self.fill(picture.u, _NO_COLOUR), self.fill(picture.v, _NO_COLOUR), picture.format)
        return self.fill(picture, 0)

    def fill(self, plane: Pixels, value: int) -> Pixels:
        """A copy of a plane (uint8, height x width, or x 3) with one value in the areas.

        The original is not written to: a video decoder may still refer to it.
        """
        filled = plane.copy()
        for corners in self._corners(plane.shape[1], plane.shape[0]):
            cv2.fillPoly(filled, [corners], (value,) * 3)
            cv2.polylines(filled, [corners], True, (value,) * 3, BORDER)
        return filled

    def _in_pixels(self, width: int, height: int) -> list[NDArray[np.int32]]:
        """The corners of each area (int32, corners x 2), as numbers of pixels."""
        centre = np.array(0.5)
        return [np.rint(np.array(area) * (width, height) - centre).astype(np.int32) for area in self.areas]


def mask_of(areas: Sequence[Polygon]) -> Mask | None:
    """The mask of some areas, if there are any."""
    return Mask(areas) if areas else None
