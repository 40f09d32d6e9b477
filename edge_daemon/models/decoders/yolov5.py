"""YOLOv5 and v7: 1xNx(5+C), three rows per cell: centre, size, objectness, class probabilities, all in pixels.

As exported by ultralytics/yolov5's `export.py` and YOLOv7's `export.py --grid`. YOLOv6 exports the same columns
for one row per cell, with an objectness of 1. YOLOv5's segmentation adds coefficients, and an output of prototypes.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    checked,
    corners,
    finite,
    floats,
    found,
    quiet,
)
from edge_daemon.models.decoders.grid import centred, grid_of
from edge_daemon.models.decoders.prototypes import masks, prototypes_of, with_masks
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Placement


class Yolov5(Decoder):
    """Decodes rows of `classes` classes; `prototypes` is the name of an output, or None."""

    name = "yolov5"
    recipe = RGB_SHARE

    def __init__(self, size: tuple[int, int], classes: int, why: str, boxes: str, prototypes: str | None) -> None:
        self.classes: int = classes
        self.why = why
        self._size, self._boxes, self._prototypes = size, boxes, prototypes

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        prototypes = prototypes_of(seen.outputs)
        rest = [name for name in seen.outputs if name != prototypes]
        # An export for training has the raw maps of each level beside the decoded rows.
        flat = [name for name in rest if seen.outputs[name].ndim == 3 and seen.outputs[name].shape[0] == 1]
        if (
            not floats(seen.outputs)
            or len(flat) != 1
            or any(seen.outputs[name].ndim != 5 for name in rest if name not in flat)
        ):
            return
        rows = np.asarray(seen.outputs[flat[0]][0], np.float32)
        tail = seen.outputs[prototypes].shape[1] if prototypes else 0
        if rows.shape[1] - tail <= 5:
            return
        for anchors in (3, 1):
            grid = grid_of(len(rows), seen.size, anchors)
            if not grid or not centred(rows[:, :4], grid):
                continue
            scores = rows[:, 4 : rows.shape[1] - tail]
            if anchors == 1 and seen.asked != cls.name and not (scores[:, 0] == 1).all():
                continue
            checked(finite(scores))
            quiet(scores[:, 0] * scores[:, 1:].max(axis=1))
            each = f"{anchors} rows a cell" if anchors > 1 else "objectness 1, as in YOLOv6"
            why = f"1x{len(rows)}x{rows.shape[1]}, {grid}, {each}, boxes in pixels"
            yield cls(seen.size, rows.shape[1] - 5 - tail, why, flat[0], prototypes)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A score is objectness times the best class's probability."""
        rows = finite(np.asarray(outputs[self._boxes], np.float32))[0]
        likely = rows[checked(rows[:, 4]) >= confidence]
        classes = checked(likely[:, 5 : 5 + self.classes])
        best = classes.argmax(axis=1)
        scores = likely[:, 4] * classes[np.arange(len(best)), best]
        sure = scores >= confidence
        kept = likely[sure]
        coefficients: Array | None = kept[:, 5 + self.classes :] if self._prototypes else None
        return found(corners(kept[:, :2], kept[:, 2:4]), scores[sure], best[sure], coefficients=coefficients)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add masks to detections with coefficients."""
        if self._prototypes is None:
            return found
        made = masks(found.detections, np.asarray(outputs[self._prototypes], np.float32), placement, self._size)
        return Findings(with_masks(found.detections, made))
