"""Small grey pictures, for whoever has to look at every frame and needs no detail."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header

Grey = NDArray[np.uint8]
"""Height x width, 0 is black."""
_REDUCED = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2}
"""The scales at which a JPEG decoder leaves out most of its work."""


def small_grey(bgr: Pixels, width: int) -> Grey:
    """A BGR picture in grey, `width` wide and of the same shape; one that is narrower keeps its size.

    Of large pictures 16 pixels are averaged for each that is left: all of them would cost six times as much.
    """
    height, given = bgr.shape[:2]
    if given >= 4 * width:
        bgr = np.asarray(cv2.resize(bgr, _size(given, height, 2 * width), interpolation=cv2.INTER_LINEAR), np.uint8)
    grey = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return _shrunk(grey, _size(given, height, min(width, given)))


def small_grey_of_jpeg(jpeg: bytes, width: int) -> Grey:
    """The same of a JPEG's bytes, which are decoded no larger than is needed.

    Raises:
        PictureError: they cannot be decoded.
    """
    header = read_header(jpeg)
    if header is None:
        raise PictureError("this is no picture in a known format")
    scale = next((scale for scale in _REDUCED if header.width >= scale * width), 1)
    try:
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), _REDUCED.get(scale, cv2.IMREAD_GRAYSCALE))
    except cv2.error as error:
        raise PictureError(f"the picture cannot be decoded: {error}") from error
    if decoded is None:
        raise PictureError("the picture is damaged or incomplete")
    grey = np.asarray(decoded, np.uint8)
    return _shrunk(grey, _size(grey.shape[1], grey.shape[0], min(width, grey.shape[1])))


def _size(given: int, height: int, width: int) -> tuple[int, int]:
    return width, max(1, round(height * width / given))


def _shrunk(grey: Grey, size: tuple[int, int]) -> Grey:
    if (grey.shape[1], grey.shape[0]) == size:
        return grey
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
