"""YOLOX: 1xNx(5+C), a row for each cell: centre, size, objectness, class probabilities.

As exported by YOLOX's `tools/export_onnx.py`: centre and size are relative to the cell unless it was told
`--decode_in_inference`; objectness and classes have been through the sigmoid.
"""

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.decoders.decoder import Array, checked, corners, finite
from edge_daemon.models.decoders.grid import Grid
from edge_daemon.models.detections import Detections
from edge_daemon.models.preprocess import Recipe


class Yolox:
    """Decodes an output over one grid; `in_pixels` where the export has decoded centres and sizes itself."""

    name = "yolox"
    recipe = Recipe(fit="corner", rgb=False, scale=1.0)

    def __init__(self, grid: Grid, columns: int, *, in_pixels: bool) -> None:
        self.classes = columns - 5
        self._in_pixels = in_pixels
        self._stride = grid.stride[:, None]
        # Offsets count from the cell's top left.
        self._corner: Array = grid.centre - self._stride * np.float32(0.5)
        boxes = "boxes in pixels" if in_pixels else "boxes relative to their cell"
        self.why = f"1x{len(grid)}x{columns}, cells of {', '.join(map(str, grid.strides))} pixels, {boxes}"

    def decode(self, output: Array, confidence: float) -> Detections:
        """See `Decoder.decode`; `output` is 1xNx(5+C).

        A score is objectness times the best class's probability.
        """
        rows = finite(output)[0]
        # No class probability lifts a score above its objectness.
        likely = np.flatnonzero(checked(rows[:, 4]) >= confidence)
        classes = checked(rows[likely, 5:])
        best = classes.argmax(axis=1)
        scores = rows[likely, 4] * classes[np.arange(len(best)), best]
        sure = scores >= confidence
        return Detections(self._boxes(rows, likely[sure]), np.clip(scores[sure], 0, 1), best[sure].astype(np.int32))

    def _boxes(self, rows: Array, kept: NDArray[np.intp]) -> Array:
        centre, size = rows[kept, 0:2], rows[kept, 2:4]
        if self._in_pixels:
            return finite(corners(centre, size))
        stride = self._stride[kept]
        with np.errstate(over="ignore"):  # an overflow shows as infinite
            grown: Array = np.exp(size) * stride
            moved: Array = centre * stride + self._corner[kept]
        return finite(corners(moved, grown))
