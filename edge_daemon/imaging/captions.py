"""Captions on tabs in the colour of their class, placed within the picture."""

from functools import lru_cache

import numpy as np

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.fonts import Fonts
from edge_daemon.imaging.labels import Labels
from edge_daemon.imaging.palette import ramp


def font_size(width: int, height: int) -> int:
    """The font size of captions, in pixels, for a picture of this size."""
    return min(max(round(min(width, height) / 42), 11), 40)


@lru_cache(maxsize=1)
def default_labels() -> Labels:
    """Captions in the fonts of this machine."""
    return Labels(Fonts())


def tab(caption: str, class_id: int, size: int, labels: Labels | None = None) -> Pixels | None:
    """A caption as a small read-only RGB picture (uint8, height x width x 3), in a font of `size` pixels; None if
    empty.
    """
    return _usual_tab(caption, class_id, size) if labels is None else _tab(caption, class_id, size, labels)


@lru_cache(maxsize=256)
def _usual_tab(caption: str, class_id: int, size: int) -> Pixels | None:
    """Cached, since confidences repeat: about a hundred cover all cases."""
    return _tab(caption, class_id, size, default_labels())


def _tab(caption: str, class_id: int, size: int, labels: Labels) -> Pixels | None:
    mask = labels.mask(caption, size)
    if not mask.size:
        return None
    shades, pad = ramp(class_id), max(2, size // 3)
    height, width = mask.shape
    picture = np.empty((height, width + 2 * pad, 3), np.uint8)
    picture[:] = shades[0]
    np.take(shades, mask, axis=0, out=picture[:, pad : pad + width], mode="clip")
    return picture


def put(rgb: Pixels, tab: Pixels, x: int, y: int) -> None:
    """Draw a tab above a point, or below it for lack of room, within the picture (both uint8, height x width x 3)."""
    height, width = rgb.shape[:2]
    tab = tab[:height, :width]
    tall, wide = tab.shape[:2]
    x = max(0, min(x, width - wide))
    y = y - tall if y >= tall else max(0, min(y, height - tall))
    rgb[y : y + tall, x : x + wide] = tab
