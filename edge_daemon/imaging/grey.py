"""Small grey pictures for checks that run on every frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.yuv import Yuv

Grey = NDArray[np.uint8]
"""A grey picture: uint8, height x width, 0 is black."""
_REDUCED = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2}
"""The scales at which a JPEG decoder can skip most of its work."""
_FULL = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)
"""Limited range (black is 16, white is 235) to full range."""


def small_grey(picture: Pixels | Yuv, width: int) -> Grey:
    """A picture (BGR, uint8, height x width x 3, or planes) in grey, `width` wide, or in its own size if that is
    smaller.

    In large pictures 16 pixels are averaged for each result: averaging all would cost six times as much.
    """
    pixels = picture.y if isinstance(picture, Yuv) else picture
    height, given = pixels.shape[:2]
    if given >= 4 * width:
        pixels = np.asarray(cv2.resize(pixels, _size(given, height, 2 * width)), np.uint8)
    if not isinstance(picture, Yuv):
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    small = _shrunk(pixels, _size(given, height, min(width, given)))
    if isinstance(picture, Yuv) and not picture.format.full:
        return np.asarray(cv2.LUT(small, _FULL), np.uint8)
    return small


def small_grey_of_jpeg(jpeg: bytes, width: int) -> Grey:
    """The same for the bytes of a JPEG, decoded at the smallest sufficient scale; see `small_grey`.

    Raises:
        PictureError: the bytes cannot be decoded.
    """
    header = read_header(jpeg)
    if header is None:
        raise PictureError("this is not a picture in a supported format")
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
