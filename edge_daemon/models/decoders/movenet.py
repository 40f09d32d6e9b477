"""MoveNet: 17 keypoints as y, x and score, shares of the input: 1x1x17x3 of one person, or 1x6x56 of up to six people
with a box (top, left, bottom, right) and a score after the points.

From TensorFlow Hub's model cards; inputs are whole numbers (int32) with channels last.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models.decoders.decoder import Array, Decoder, Outputs, Seen, checked, finite, found, is_share
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.preprocess import Recipe

_POINTS = 17
_WIDTH = 3 * _POINTS + 5


class Movenet(Decoder):
    """Decodes one person, or `several`."""

    name = "movenet"
    recipe = Recipe(fit="letterbox", color="rgb", scale=1.0, pad=0)
    needs_nms = False
    usual_names = ("person",)

    def __init__(self, seen: Seen, *, several: bool) -> None:
        self._several = several
        self.classes = 1 if several else 0
        height, width = seen.size
        self._whole = np.array([width, height, 1], np.float32)
        self.why = f"17 keypoints of {'each of six people' if several else 'one person'}, as shares"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        array = next(iter(seen.outputs.values()))
        if len(seen.outputs) != 1 or not is_share(array) or not seen.channels_last:
            return
        several = array.ndim == 3 and array.shape[1:] == (6, _WIDTH)
        if several or (array.ndim in (3, 4) and array.shape[-2:] == (_POINTS, 3) and array.size == 3 * _POINTS):
            yield cls(seen, several=several)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. There is no single pose unless a point reaches `confidence`."""
        values = checked(finite(np.asarray(next(iter(outputs.values())), np.float32)))
        if not self._several:
            points = self._turned(values.reshape(1, _POINTS, 3))[0]
            seen = bool((points[:, 2] >= confidence).any())
            return Findings(Detections.none(), keypoints=points if seen else None)
        rows = values.reshape(-1, _WIDTH)
        kept = rows[rows[:, -1] >= confidence]
        boxes = kept[:, [52, 51, 54, 53]] * np.tile(self._whole[:2], 2)
        points = self._turned(kept[:, : 3 * _POINTS].reshape(-1, _POINTS, 3))
        return found(boxes, kept[:, -1], np.zeros(len(kept)), keypoints=points)

    def _turned(self, points: Array) -> Array:
        """Points (float32 NxKx3: y, x, score) as x, y, score in pixels of the input."""
        turned: Array = points[..., [1, 0, 2]] * self._whole
        return turned
