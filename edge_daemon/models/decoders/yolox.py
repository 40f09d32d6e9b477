"""YOLOX: 1xNx(5+C), one row per cell: centre, size, objectness, class probabilities.

As exported by YOLOX's `tools/export_onnx.py`: centre and size are relative to the cell unless exported with
`--decode_in_inference`; objectness and classes have passed a sigmoid.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    Array,
    Decoder,
    Outputs,
    Seen,
    activated,
    activation_fact,
    checked,
    corners,
    finite,
    floats,
    found,
    quiet,
    sigmoid,
)
from edge_daemon.models.decoders.grid import Grid, centred, grid_of, units
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe


class Yolox(Decoder):
    """Decodes an output over one grid; with `in_pixels` the export has decoded centres and sizes already."""

    name = "yolox"
    reads = frozenset({"activation"})
    _logits = False
    recipe = Recipe(fit="corner", color="bgr", scale=1.0)

    def __init__(self, grid: Grid, columns: int, *, in_pixels: bool) -> None:
        self.classes = columns - 5
        self._in_pixels = in_pixels
        self._stride = grid.stride[:, None]
        # Offsets are relative to the cell's top left.
        self._corner: Array = grid.centre - self._stride * np.float32(0.5)
        boxes = "boxes in pixels" if in_pixels else "boxes relative to their cell"
        self.why = f"1x{len(grid)}x{columns}, {grid}, {boxes}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        array = next(iter(seen.outputs.values()))
        if len(seen.outputs) != 1 or tables.rows(array) is None or array.shape[-1] <= 5:
            return
        if not floats(seen.outputs):
            return
        rows = tables.table(array)
        grid = grid_of(len(rows), seen.size)
        in_pixels = grid is not None and centred(rows[:, :4], grid)
        if grid and (in_pixels or _relative(rows, grid)):
            # Only the number of classes shows if column 4 is objectness or a class; COCO has 80. An objectness that is
            # always 1 is YOLOv6's.
            others = rows.shape[1] - 5 != (seen.named or 80) or (rows[:, 4] == 1).all()
            if in_pixels and others and seen.asked == "auto":
                return
            activation = activated(finite(rows[:, 4:]), seen)
            scores = sigmoid(rows[:, 4:]) if activation.value == "sigmoid" else checked(rows[:, 4:])
            quiet(scores[:, 0] * scores[:, 1:].max(axis=1))
            decoder = cls(grid, rows.shape[1], in_pixels=in_pixels)
            decoder._logits = activation.value == "sigmoid"
            decoder.facts, decoder.pinned = activation_fact(activation), {"activation": activation.value}
            yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A score is objectness times the best class's probability."""
        rows = finite(tables.table(next(iter(outputs.values()))))
        objectness = sigmoid(rows[:, 4]) if self._logits else checked(rows[:, 4])
        # A score is at most the objectness, since class probabilities are at most 1.
        likely = np.flatnonzero(objectness >= confidence)
        classes = sigmoid(rows[likely, 5:]) if self._logits else checked(rows[likely, 5:])
        best = classes.argmax(axis=1)
        scores = objectness[likely] * classes[np.arange(len(best)), best]
        sure = scores >= confidence
        return found(self._boxes(rows, likely[sure]), scores[sure], best[sure])

    def _boxes(self, rows: Array, kept: NDArray[np.intp]) -> Array:
        centre, size = rows[kept, 0:2], rows[kept, 2:4]
        if self._in_pixels:
            return corners(centre, size)
        stride = self._stride[kept]
        with np.errstate(over="ignore"):  # an overflow becomes infinite, which is reported
            grown: Array = np.exp(size) * stride
            moved: Array = centre * stride + self._corner[kept]
        return corners(moved, grown)


def _relative(rows: Array, grid: Grid) -> bool:
    """True if boxes are offsets from their cells and logarithms of sizes: small numbers."""
    return units(rows[:, :2], grid) == "offsets" and bool((np.abs(rows[:, :4]) < 10).mean() > 0.95)
