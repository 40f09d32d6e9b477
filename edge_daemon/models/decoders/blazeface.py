"""MediaPipe's BlazeFace: 896 anchors (of 128 or 256 pixels), each with 16 numbers (box and six points, in pixels from
the anchor's centre) and a logit.

From MediaPipe's `tensors_to_detections_calculator.cc` and the anchors of `face_detection_short_range`: two a cell of 8
pixels (of 128), six a cell of 16. The points are eyes, nose, mouth and ears, the person's right first.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import Array, Decoder, Outputs, Seen, corners, finite, found, quiet, sigmoid
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_CELLS = {896: ((16, 2), (8, 6)), 2304: ((48, 1),)}
"""Cells a side, and anchors a cell, of the models for short and for full range."""
_POINTS = 6


class Blazeface(Decoder):
    """Decodes an output of boxes and points, and one of logits."""

    name = "blazeface"
    classes = 1
    usual_names = ("face",)
    recipe = Recipe(fit="letterbox", color="rgb", scale=1 / 127.5, mean=(1.0,), pad=0)

    def __init__(self, size: tuple[int, int], boxes: str, scores: str, rows: int) -> None:
        self._boxes, self._scores = boxes, scores
        centres = []
        for cells, anchors in _CELLS[rows]:
            y, x = np.mgrid[:cells, :cells]
            shares = (np.stack((x.ravel(), y.ravel()), axis=1) + 0.5) / cells
            centres.append(np.repeat(shares, anchors, axis=0))
        self._centre: Array = (np.concatenate(centres) * (size[1], size[0])).astype(np.float32)
        self.why = f"{rows} anchors, each with a box, six points and a logit"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        by_width = {array.shape[-1]: name for name, array in tables.tables(seen.outputs, 1, 4 + 2 * _POINTS).items()}
        if len(seen.outputs) != 2 or len(by_width) != 2:
            return
        boxes, scores = by_width[4 + 2 * _POINTS], by_width[1]
        rows = tables.rows(seen.outputs[boxes])
        if rows in _CELLS and tables.rows(seen.outputs[scores]) == rows:
            quiet(_faces(seen.outputs[scores]))
            yield cls(seen.size, boxes, scores, rows)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        scores = _faces(outputs[self._scores])
        kept = np.flatnonzero(scores >= confidence)
        values = finite(tables.table(outputs[self._boxes])[kept])
        centre = self._centre[kept]
        points = values[:, 4:].reshape(-1, _POINTS, 2) + centre[:, None]
        keypoints = np.concatenate((points, np.ones_like(points[..., :1])), axis=2)
        boxes = corners(centre + values[:, :2], values[:, 2:4])
        return found(boxes, scores[kept], np.zeros(len(kept)), keypoints=keypoints)


def _faces(logits: np.ndarray) -> Array:
    return sigmoid(np.clip(finite(tables.flat(logits)), -100, 100))
