"""YOLOv8, YOLO11 and their kin: 1x(4+C)xN, a column for each cell: centre, size, class probabilities.

As exported to ONNX by Ultralytics: everything in pixels of the input, no objectness. Some converters
transpose it to 1xNx(4+C).
"""

import numpy as np

from edge_daemon.models.decoders.decoder import Array, checked, corners, finite
from edge_daemon.models.decoders.grid import Grid
from edge_daemon.models.detections import Detections
from edge_daemon.models.preprocess import Recipe


class Yolov8:
    """Decodes an output over one grid; `transposed` where each cell is a row."""

    name = "yolov8"
    recipe = Recipe(fit="centre", rgb=True, scale=1 / 255)

    def __init__(self, grid: Grid, channels: int, *, transposed: bool) -> None:
        self.classes = channels - 4
        self._transposed = transposed
        shape = f"1x{len(grid)}x{channels}" if transposed else f"1x{channels}x{len(grid)}"
        self.why = f"{shape}, cells of {', '.join(map(str, grid.strides))} pixels, boxes in pixels"

    def decode(self, output: Array, confidence: float) -> Detections:
        """See `Decoder.decode`; `output` is 1x(4+C)xN, or transposed.

        A score is the best class's probability.
        """
        channels = finite(output)[0].T if self._transposed else finite(output)[0]
        # The maximum runs along memory, over whole rows at once; finding which class it was does not.
        scores = checked(channels[4:].max(axis=0))
        kept = np.flatnonzero(scores >= confidence)
        best = channels[4:, kept].argmax(axis=0)
        boxes = channels[:4, kept].T
        return Detections(
            finite(corners(boxes[:, :2], boxes[:, 2:])), np.clip(scores[kept], 0, 1), best.astype(np.int32)
        )
