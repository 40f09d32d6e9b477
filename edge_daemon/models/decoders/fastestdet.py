"""FastestDet: 1x(5+C)xHxW, one map of cells: objectness, centre, size, class probabilities.

From the project's `example/onnx-runtime`: tanh of the centre is relative to the cell's top left, the sigmoid of the
size is a share of the input; a score is objectness^0.6 x class^0.4.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    Decoder,
    Outputs,
    Seen,
    checked,
    corners,
    finite,
    found,
    is_share,
    quiet,
    sigmoid,
)
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_STRIDE = 16


class Fastestdet(Decoder):
    """Decodes one map for an input of `size` (height, width)."""

    name = "fastestdet"
    recipe = Recipe(fit="stretch", color="bgr", scale=1 / 255)
    clips_boxes = False  # as in the project: boxes of objects cut off by the edge are returned in full

    def __init__(self, size: tuple[int, int], shape: tuple[int, ...]) -> None:
        self.classes: int = shape[0] - 5
        self._size, self._cells = size, (shape[1], shape[2])
        self.why = f"{'x'.join(map(str, shape))}, one map of cells of {_STRIDE} pixels"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        planes = tables.planes(next(iter(seen.outputs.values())))
        if len(seen.outputs) != 1 or planes is None or len(planes) <= 5:
            return
        if planes.shape[1:] != (seen.size[0] // _STRIDE, seen.size[1] // _STRIDE):
            return
        values = np.asarray(planes, np.float32)
        # Class probabilities have passed a softmax; the four numbers of a box are unbounded.
        sums = values[5:].sum(axis=0)
        if is_share(values[0]) and is_share(values[5:]) and (np.abs(sums - 1) < 0.05).all():
            quiet(values[0])
            yield cls(seen.size, planes.shape)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        values = finite(np.asarray(next(iter(outputs.values())), np.float32)).reshape(5 + self.classes, -1)
        classes = checked(values[5:])
        scores = np.clip(checked(values[0]), 0, 1) ** 0.6 * np.clip(classes.max(axis=0), 0, 1) ** 0.4
        kept = np.flatnonzero(scores >= confidence)
        x, y, width, height = values[1:5, kept]
        rows, columns = self._cells
        share_x = (kept % columns + np.tanh(x)) / columns
        share_y = (kept // columns + np.tanh(y)) / rows
        whole = np.array([self._size[1], self._size[0]], np.float32)
        boxes = corners(
            np.stack((share_x, share_y), axis=1) * whole,
            np.stack((sigmoid(width), sigmoid(height)), axis=1) * whole,
        )
        return found(boxes, scores[kept], classes[:, kept].argmax(axis=0))
