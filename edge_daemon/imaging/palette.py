"""Colours of classes, equal in all pictures, and readable text colours on them."""

import colorsys
from functools import lru_cache

import numpy as np

from edge_daemon.imaging.colour import Pixels

COLOURS = 64
"""Number of different colours; class 64 has that of class 0."""

_GOLDEN = 0.6180339887  # the golden ratio gives neighbouring classes distant hues for any number of classes
_SHADES = ((0.85, 0.95), (0.8, 0.8), (0.55, 1.0))  # saturation and value

Colour = tuple[int, int, int]


def colour(class_id: int) -> Colour:
    """The RGB colour of a class, always the same."""
    index = int(class_id) % COLOURS
    saturation, value = _SHADES[index // 7 % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb((0.36 + index * _GOLDEN) % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink(fill: Colour) -> Colour:
    """Black or white, whichever contrasts more with an RGB colour (WCAG 2.2, relative luminance)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in fill)]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def ramp(class_id: int) -> Pixels:
    """The 256 colours (RGB, uint8, 256 x 3, read-only) from a class's own to that of the text on it."""
    return _ramp(int(class_id) % COLOURS)


@lru_cache(maxsize=COLOURS)
def _ramp(index: int) -> Pixels:
    fill = np.array(colour(index), np.float64)
    share = np.linspace(0, 1, 256)[:, None]
    return np.rint(fill + (np.array(ink(colour(index))) - fill) * share).astype(np.uint8)
