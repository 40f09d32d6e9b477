"""The one place where BGR (OpenCV) becomes RGB (Pillow, the web, annotated frames) and back.

Every function takes and gives 8-bit pictures of height x width x 3; a new, contiguous, writable array or
image comes back, never a view of what went in.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_daemon.errors import PictureError

Pixels = NDArray[np.uint8]


def check_pixels(pixels: Pixels) -> None:
    """Raise PictureError unless `pixels` is uint8 of height x width x 3 with at least one pixel."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PictureError(
            f"a picture is 8-bit, height x width x 3 and not empty; this is {pixels.dtype} {pixels.shape}"
        )


def bgr_to_rgb(bgr: Pixels) -> Pixels:
    """Give the RGB copy of a BGR picture; raises PictureError for any other kind of array."""
    check_pixels(bgr)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def rgb_to_bgr(rgb: Pixels) -> Pixels:
    """Give the BGR copy of an RGB picture; raises PictureError for any other kind of array."""
    check_pixels(rgb)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)


def rgb_image(bgr: Pixels) -> Image.Image:
    """Give a BGR picture as a Pillow RGB image; raises PictureError for any other kind of array."""
    return Image.fromarray(bgr_to_rgb(bgr))


def rgb_array(image: Image.Image) -> Pixels:
    """Give a Pillow RGB image as an RGB array; raises PictureError for an image of another mode."""
    _check_mode(image)
    return np.array(image, np.uint8)


def bgr_from_image(image: Image.Image) -> Pixels:
    """Give a Pillow RGB image as a BGR array; raises PictureError for an image of another mode."""
    _check_mode(image)
    return rgb_to_bgr(np.asarray(image, np.uint8))


def _check_mode(image: Image.Image) -> None:
    if image.mode != "RGB":
        raise PictureError(f"a Pillow image of mode RGB is wanted here, this one is {image.mode}")
