"""Draws upright and oriented boxes, and captions, into RGB frames.

The other parts of a result are drawn by `masks` and `keypoints`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_daemon.imaging.canvas import canvas, check_canvas, clipped, line_width, measured, outline
from edge_daemon.imaging.captions import font_size, put, tab
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.labels import Labels
from edge_daemon.imaging.palette import Colour, colour, ink

__all__ = ["colour", "draw_boxes", "draw_classes", "draw_polygons", "font_size", "ink"]

DASH = 4
"""Length of a dash, and of a gap, in widths of the line."""


def draw_boxes(
    rgb: Pixels,
    xyxy: NDArray[np.floating],
    class_ids: Sequence[int],
    captions: Sequence[str],
    labels: Labels | None = None,
    *,
    dashed: bool = False,
) -> None:
    """Draw boxes and their captions into a writable RGB picture (uint8, height x width x 3).

    `xyxy` is N x 4 (left, top, right, bottom) in pixels. A class has the same colour in every picture; an empty caption
    is not drawn. Boxes are clipped to the picture; boxes outside it or with a NaN are skipped.

    Raises:
        PictureError: `rgb` is no such picture, or is read-only.
        ValueError: the numbers of boxes, class ids and captions differ.
    """
    check_canvas(rgb)
    height, width = rgb.shape[:2]
    line = line_width(width, height)
    visible = [
        (corners, class_id, caption)
        for corners, class_id, caption in zip(_corners(xyxy, width, height), class_ids, captions, strict=True)
        if corners
    ]
    for corners, class_id, _ in visible:
        _frame(rgb, corners, line, colour(class_id), DASH * line if dashed else 0)
    for (x1, y1, _, _), class_id, caption in visible:
        _caption(rgb, caption, class_id, (x1 - line // 2, y1 - line // 2), labels)


def draw_polygons(
    rgb: Pixels,
    corners: NDArray[np.floating],
    class_ids: Sequence[int],
    captions: Sequence[str],
    labels: Labels | None = None,
) -> None:
    """Draw oriented boxes and their captions into a writable RGB picture; see `draw_boxes`.

    `corners` is N x 4 x 2 (x and y) in pixels, in order along the outline. Boxes are clipped to the picture; boxes
    outside it, or with a corner that is NaN or infinite, are skipped.
    """
    xy, known = measured(np.reshape(corners, (-1, 4, 2)))
    height, width = rgb.shape[:2]
    line = line_width(width, height)
    with canvas(rgb) as picture:
        visible = [
            (points, class_id, caption)
            for box, there, class_id, caption in zip(
                xy.tolist(), np.all(known, axis=1).tolist(), class_ids, captions, strict=True
            )
            if there and (points := clipped(box, width, height))
        ]
        for points, class_id, _ in visible:
            outline(picture, points, line, colour(class_id))
        for points, class_id, caption in visible:
            top = min(y for _, y in points)
            # For a nearly level side, the left end, as with an upright box.
            left = min(x for x, y in points if y <= top + font_size(width, height) / 2)
            _caption(picture, caption, class_id, (round(left) - line // 2, round(top) - line // 2), labels)


def draw_classes(rgb: Pixels, captions: Sequence[str], class_ids: Sequence[int], labels: Labels | None = None) -> None:
    """Draw the classes of a whole picture into the top left corner of `rgb` (uint8, height x width x 3), one per line.

    Lines that do not fit are left out. Raises as `draw_boxes` does.
    """
    check_canvas(rgb)
    height, width = rgb.shape[:2]
    size = font_size(width, height)
    x = y = min(size // 2, min(width, height) // 16)
    for caption, class_id in zip(captions, class_ids, strict=True):
        label = tab(caption, class_id, size, labels)
        if label is not None and y + len(label) <= height:
            put(rgb, label, x, y + len(label))
            y += len(label) + line_width(width, height)


def _caption(rgb: Pixels, caption: str, class_id: int, at: tuple[int, int], labels: Labels | None) -> None:
    label = tab(caption, class_id, font_size(rgb.shape[1], rgb.shape[0]), labels)
    if label is not None:
        put(rgb, label, *at)


def _corners(xyxy: ArrayLike, width: int, height: int) -> list[tuple[int, int, int, int] | None]:
    """Each box (N x 4, pixels) in whole pixels within the picture, or None if it lies outside."""
    boxes = np.sort(np.asarray(xyxy, np.float64).reshape(-1, 2, 2), axis=1)
    first, last = boxes[:, 0], boxes[:, 1]
    there: NDArray[np.bool_] = np.all((first < (width, height)) & (last >= 0), axis=1)  # comparisons with NaN are False
    within = np.clip(np.nan_to_num(boxes), 0, (width - 1, height - 1))
    corners = np.rint(within).astype(np.int64).reshape(-1, 4).tolist()
    return [(x1, y1, x2, y2) if seen else None for (x1, y1, x2, y2), seen in zip(corners, there.tolist(), strict=True)]


def _frame(rgb: Pixels, corners: tuple[int, int, int, int], line: int, fill: Colour, dash: int) -> None:
    """Draw an upright frame; dashes and gaps are `dash` pixels long, if it is not 0."""
    x1, y1, x2, y2 = corners
    out = line // 2  # half of the line lies outside the box
    left, top = max(0, x1 - out), max(0, y1 - out)
    right, bottom = min(x2 + out + 1, rgb.shape[1]), min(y2 + out + 1, rgb.shape[0])
    columns: slice | NDArray[np.int64] = slice(left, right)
    rows: slice | NDArray[np.int64] = slice(top, bottom)
    if dash:
        columns, rows = (
            np.array([at for at in range(first, last) if (at - first) // dash % 2 == 0], np.int64)
            for first, last in ((left, right), (top, bottom))
        )
    rgb[top : top + line, columns] = fill
    rgb[max(top, bottom - line) : bottom, columns] = fill
    rgb[rows, left : left + line] = fill
    rgb[rows, max(left, right - line) : right] = fill
