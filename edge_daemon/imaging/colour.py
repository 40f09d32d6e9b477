"""The only place that converts between BGR (OpenCV) and RGB (Pillow, the web, annotated frames).

All functions take and return 8-bit pictures of height x width x 3; results are new, contiguous and writable, never
views of the input.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_daemon.errors import PictureError

Pixels = NDArray[np.uint8]


def check_pixels(pixels: Pixels) -> None:
    """Check that `pixels` is a picture: uint8, height x width x 3, with at least one pixel.

    Raises:
        PictureError: it is not.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PictureError(
            f"a picture is 8-bit, height x width x 3 and not empty; this is {pixels.dtype} {pixels.shape}"
        )


def bgr_to_rgb(bgr: Pixels) -> Pixels:
    """An RGB copy of a BGR picture (both uint8, height x width x 3).

    Raises:
        PictureError: the array is no such picture.
    """
    check_pixels(bgr)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def rgb_to_bgr(rgb: Pixels) -> Pixels:
    """A BGR copy of an RGB picture (both uint8, height x width x 3).

    Raises:
        PictureError: the array is no such picture.
    """
    check_pixels(rgb)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)


def rgb_image(bgr: Pixels) -> Image.Image:
    """A BGR picture (uint8, height x width x 3) as a Pillow RGB image.

    Raises:
        PictureError: the array is no such picture.
    """
    return Image.fromarray(bgr_to_rgb(bgr))


def rgb_array(image: Image.Image) -> Pixels:
    """A Pillow RGB image as an RGB array (uint8, height x width x 3).

    Raises:
        PictureError: the image has another mode.
    """
    _check_mode(image)
    return np.array(image, np.uint8)


def bgr_from_image(image: Image.Image) -> Pixels:
    """A Pillow RGB image as a BGR array (uint8, height x width x 3).

    Raises:
        PictureError: the image has another mode.
    """
    _check_mode(image)
    return rgb_to_bgr(np.asarray(image, np.uint8))


def _check_mode(image: Image.Image) -> None:
    if image.mode != "RGB":
        raise PictureError(f"the image must have mode RGB, not {image.mode}")
