"""PP-YOLOE and YOLO-NAS without NMS: finished boxes (1xNx4, left, top, right, bottom in pixels) for each cell, and
probabilities: 1xCxN as PaddleDetection exports them (`exclude_nms`), 1xNxC as super-gradients does.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen, best_of, finite, found, is_share
from edge_daemon.models.decoders.grid import grid_of, units
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe


class Ppyoloe(Decoder):
    """Decodes such boxes; `transposed` where there is a row of scores for each class."""

    name = "ppyoloe"

    def __init__(self, boxes: str, scores: str, classes: int, *, transposed: bool) -> None:
        self.classes: int = classes
        fit = "stretch" if transposed else "corner"
        self.recipe = Recipe(fit=fit, color="rgb", scale=1 / 255)  # type: ignore[arg-type]
        self._boxes, self._scores, self._transposed = boxes, scores, transposed
        self.why = f"finished boxes for each cell, and {classes} probabilities {'above' if transposed else 'beside'}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        arrays = {n: np.asarray(a, np.float32) for n, a in seen.outputs.items() if a.ndim == 3 and a.shape[0] == 1}
        if len(arrays) != 2 or len(seen.outputs) != 2:
            return
        for boxes, scores in (tuple(arrays), tuple(reversed(arrays))):
            xyxy, shares = arrays[boxes][0], arrays[scores][0]
            grid = grid_of(len(xyxy), seen.size) if xyxy.shape[1] == 4 else None
            if not grid or not is_share(shares) or units((xyxy[:, :2] + xyxy[:, 2:]) / 2, grid) != "pixels":
                continue
            if len(xyxy) in shares.shape:
                transposed = shares.shape[1] == len(xyxy)
                yield cls(boxes, scores, shares.shape[0 if transposed else 1], transposed=transposed)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        scores = finite(np.asarray(outputs[self._scores], np.float32)[0])
        kept, top, best = best_of(scores.T if self._transposed else scores, confidence)
        return found(np.asarray(outputs[self._boxes], np.float32)[0][kept], top, best)
