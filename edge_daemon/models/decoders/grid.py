"""The cells for which one-stage detectors predict boxes, level by level and row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_HEADS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""Strides of common heads: plain, P6 and P2."""
_RARE = ((16, 32), (8, 16), (32, 16, 8), (32, 16), (4, 8, 16), (64, 32, 16, 8), (16,), (8,), (32,))
"""Those of tiny ones, and of YOLOv3 and v4, whose coarse level may come first: only to be believed of boxes that follow
the cells.
"""
LOOSE, EXACT = 0.4, 0.15
"""Slack of the slope of boxes in pixels, and of shares, which are of two sides that may differ."""
SHARES = 2
"""Boxes in pixels extend further than this from the corner; smaller numbers are shares of the picture."""


@dataclass(frozen=True, eq=False)
class Grid:
    """For each box (usually one per cell), the `centre` of its cell (float32 Nx2: x, y, pixels of the input) and its
    `stride` (float32 N).
    """

    strides: tuple[int, ...]
    centre: NDArray[np.float32]
    stride: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.stride)

    def __str__(self) -> str:
        return f"cells of {', '.join(map(str, self.strides))} pixels"


def grid_of(boxes: int, size: tuple[int, int], boxes_a_cell: int = 1) -> Grid | None:
    """The cells for this number of boxes in an input of `size` (height, width); None if no common head fits.

    With several boxes per cell, a level's cells are repeated: first all for the first anchor, then for the second.
    """
    return next(_grids(boxes, size, boxes_a_cell, _HEADS), None)


def followed(boxes: NDArray[np.float32], size: tuple[int, int], boxes_a_cell: int = 1) -> tuple[Grid, bool] | None:
    """The grid whose cells the centres of boxes (float32 Nx4: centre and size) follow in an input of `size` (height,
    width), and true if the boxes are shares of it; None if there is none.
    """
    is_share = bool(boxes.size) and float(np.abs(boxes).max()) <= SHARES
    whole = np.array([size[1], size[0]] * 2, np.float32) if is_share else np.float32(1)
    grids = _grids(len(boxes), size, boxes_a_cell, (*_HEADS, *_RARE))
    return next(
        ((grid, is_share) for grid in grids if centred(boxes * whole, grid, EXACT if is_share else LOOSE)), None
    )


def _grids(boxes: int, size: tuple[int, int], boxes_a_cell: int, heads: tuple[tuple[int, ...], ...]) -> Iterator[Grid]:
    for strides in heads:
        levels = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in strides]
        if sum(rows * columns for rows, columns in levels) * boxes_a_cell == boxes:
            yield _grid(strides, levels, boxes_a_cell)


def level(stride: int, size: tuple[int, int]) -> Grid:
    """The cells of one level for an input of `size` (height, width)."""
    return _grid((stride,), [(-(-size[0] // stride), -(-size[1] // stride))], 1)


def _grid(strides: tuple[int, ...], levels: list[tuple[int, int]], boxes_a_cell: int) -> Grid:
    centres, of_cell = [], []
    for stride, (rows, columns) in zip(strides, levels, strict=True):
        y, x = np.mgrid[:rows, :columns]
        cells = np.stack((x.ravel(), y.ravel()), axis=1) * stride + stride / 2
        centres.append(np.tile(cells, (boxes_a_cell, 1)))
        of_cell.append(np.full(rows * columns * boxes_a_cell, stride))
    return Grid(strides, np.concatenate(centres).astype(np.float32), np.concatenate(of_cell).astype(np.float32))


def centred(boxes: NDArray[np.float32], grid: Grid, slack: float = LOOSE) -> bool:
    """True if boxes (float32 Nx4, one per cell) are centre and size in pixels; False for corners, whose right and
    bottom follow the cells as well. `slack` is the tolerance of the slope between both (see `units`).
    """
    return units(boxes[:, :2], grid, slack) == "pixels" and units(boxes[:, 2:4], grid) != "pixels"


def cornered(boxes: NDArray[np.float32], grid: Grid) -> bool:
    """True if boxes (float32 Nx4, one per cell) are left, top, right and bottom in pixels."""
    centre = (boxes[:, :2] + boxes[:, 2:4]) * np.float32(0.5)
    if units(centre, grid) != "pixels" or units(boxes[:, 2:4], grid) != "pixels":
        return False
    return bool((boxes[:, 2:4] >= boxes[:, :2]).mean() > 0.95)


def units(xy: NDArray[np.float32], grid: Grid, slack: float = LOOSE) -> Literal["pixels", "offsets"] | None:
    """The unit of box centres (float32 Nx2, one per cell); None if it is neither.

    Centres in pixels follow those of their cells one to one, whatever the picture shows; offsets within cells
    do not depend on the cell's position. In real exports, pixels have correlation above 0.97 and slope 0.93..1.0,
    offsets have correlation below 0.3 and slope below 0.002.
    """
    cells = grid.centre - grid.centre.mean(axis=0)
    if not np.isfinite(xy).all():
        return None
    boxes = xy.astype(np.float64) - xy.mean(axis=0, dtype=np.float64)
    both = (cells * boxes).mean(axis=0)
    slope = both / np.maximum(cells.var(axis=0), 1e-6)
    correlation = both / np.maximum(cells.std(axis=0) * boxes.std(axis=0), 1e-6)
    # An input one cell wide carries no information in that direction.
    telling = cells.std(axis=0) > 0
    if not telling.any():
        return None
    slope, correlation = slope[telling], correlation[telling]
    if (correlation > 0.8).all() and (np.abs(slope - 1) < slack).all():
        return "pixels"
    return "offsets" if (np.abs(correlation) < 0.8).all() and (np.abs(slope) < 0.1).all() else None
