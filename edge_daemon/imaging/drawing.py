"""Boxes and their captions, drawn into RGB frames for people to look at."""

import colorsys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels, check_pixels
from edge_daemon.imaging.fonts import Fonts
from edge_daemon.imaging.labels import Labels

_COLOURS = 64
_GOLDEN = 0.6180339887  # neighbouring classes get hues far from each other, however many there are
_SHADES = ((0.85, 0.95), (0.8, 0.8), (0.55, 1.0))  # saturation and value


def draw_boxes(
    rgb: Pixels,
    xyxy: NDArray[np.floating],
    class_ids: Sequence[int],
    captions: Sequence[str],
    labels: Labels | None = None,
) -> None:
    """Draw boxes and their captions into an RGB picture (height x width x 3, uint8), which must be writable.

    `xyxy` is N x 4 in pixels. A class has the same colour in every picture; an empty caption draws none.
    Boxes are cut at the picture's edge; of those that lie outside or have a NaN nothing is drawn. Raises
    PictureError for another kind of picture or a read-only one, ValueError when there are not as many boxes
    as class ids and captions.
    """
    check_pixels(rgb)
    if not rgb.flags.writeable:
        raise PictureError("the picture to draw on is read-only: draw on a copy")
    labels = labels or _default_labels()
    height, width = rgb.shape[:2]
    size = font_size(width, height)
    line = max(1, round(min(width, height) / 360))
    visible = [
        (corners, class_id, caption)
        for box, class_id, caption in zip(np.reshape(xyxy, (-1, 4)), class_ids, captions, strict=True)
        if (corners := _corners(box, width, height))
    ]
    for corners, class_id, _ in visible:
        _outline(rgb, corners, line, colour(class_id))
    for (x1, y1, _, _), class_id, caption in visible:
        mask = labels.mask(caption, size)
        if mask.size:
            _blit(rgb, _tab(mask, class_id, pad=max(2, size // 3)), x1 - line // 2, y1 - line // 2)


def font_size(width: int, height: int) -> int:
    """Give the size of captions, in pixels, for a picture of this size."""
    return int(np.clip(round(min(width, height) / 42), 11, 40))


def colour(class_id: int) -> tuple[int, int, int]:
    """Give the RGB colour of a class, always the same one."""
    index = int(class_id) % _COLOURS
    saturation, value = _SHADES[index // 7 % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb((0.36 + index * _GOLDEN) % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink(fill: tuple[int, int, int]) -> tuple[int, int, int]:
    """Give black or white, whichever has more contrast to an RGB colour (WCAG 2.2, relative luminance)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in fill)]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


@lru_cache(maxsize=1)
def _default_labels() -> Labels:
    return Labels(Fonts())


def _corners(box: ArrayLike, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Give a box in whole pixels within the picture, or None when nothing of it is there."""
    xs, ys = np.sort(np.reshape(np.asarray(box, np.float64), (2, 2)), axis=0).T.tolist()
    if not (xs[0] < width and xs[1] >= 0 and ys[0] < height and ys[1] >= 0):
        return None  # comparisons with NaN are false
    x1, x2 = (round(min(max(x, 0), width - 1)) for x in xs)
    y1, y2 = (round(min(max(y, 0), height - 1)) for y in ys)
    return x1, y1, x2, y2


def _outline(rgb: Pixels, corners: tuple[int, int, int, int], line: int, fill: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = corners
    out = line // 2  # half of the line lies outside of the box
    left, top = max(0, x1 - out), max(0, y1 - out)
    right, bottom = x2 + out + 1, y2 + out + 1
    rgb[top : top + line, left:right] = fill
    rgb[max(top, bottom - line) : bottom, left:right] = fill
    rgb[top:bottom, left : left + line] = fill
    rgb[top:bottom, max(left, right - line) : right] = fill


@lru_cache(maxsize=_COLOURS)
def _ramp(index: int) -> Pixels:
    """Give the 256 colours from a class's own to that of the text on it."""
    fill = np.array(colour(index), np.float64)
    share = np.linspace(0, 1, 256)[:, None]
    return np.rint(fill + (np.array(ink(colour(index))) - fill) * share).astype(np.uint8)


def _tab(mask: Pixels, class_id: int, pad: int) -> Pixels:
    ramp = _ramp(int(class_id) % _COLOURS)
    height, width = mask.shape
    tab = np.empty((height, width + 2 * pad, 3), np.uint8)
    tab[:] = ramp[0]
    np.take(ramp, mask, axis=0, out=tab[:, pad : pad + width], mode="clip")
    return tab


def _blit(rgb: Pixels, tab: Pixels, x: int, y: int) -> None:
    """Put a tab above a point, below it where there is no room, and always within the picture."""
    height, width = rgb.shape[:2]
    tab = tab[:height, :width]
    tall, wide = tab.shape[:2]
    x = max(0, min(x, width - wide))
    y = y - tall if y >= tall else max(0, min(y, height - tall))
    rgb[y : y + tall, x : x + wide] = tab
