"""Poses as two distributions for each keypoint, over columns and rows (SimCC): RTMPose, exported by MMDeploy.

`simcc_x` is KxrW and `simcc_y` KxrH for an input of WxH, with r = 2 bins a pixel. From RTMPose's `simcc_label.py`: a
point lies at the highest bins, and its confidence is the lower of the two values.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen, finite
from edge_daemon.models.decoders.heatmaps import POSE
from edge_daemon.models.detections import Detections, Findings

MOST_BINS = 4
"""Most bins a pixel."""


class Simcc(Decoder):
    """Decodes the outputs `x` and `y`, with `bins` a pixel."""

    name = "simcc"
    recipe = POSE
    classes = 0
    needs_nms = False

    def __init__(self, x: str, y: str, points: int, bins: float) -> None:
        self._x, self._y, self._bins = x, y, bins
        self.why = f"distributions of {points} keypoints over columns and rows, {bins:g} bins a pixel"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        matrices = {
            name: matrix for name, array in seen.outputs.items() if (matrix := tables.matrix(array)) is not None
        }
        if len(matrices) != 2 or len(seen.outputs) != 2:
            return
        first, second = matrices
        height, width = seen.size
        for x, y in ((first, second), (second, first)):
            points, columns = matrices[x].shape
            bins = columns / width
            fits = len(matrices[y]) == points and matrices[y].shape[1] == bins * height
            if fits and points > 1 and 1 <= bins <= MOST_BINS and not (height == width and "y" in x.lower()[-1:]):
                finite(np.asarray(matrices[x], np.float32))
                decoder = cls(x, y, points, bins)
                decoder.sure = "known" if "simcc" in x.lower() else "proved" if height != width else "likely"
                yield decoder
                return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. There is no pose unless a point reaches `confidence`."""
        x, y = (finite(np.asarray(outputs[name], np.float32)) for name in (self._x, self._y))
        x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        sure = np.clip(np.minimum(x.max(axis=1), y.max(axis=1)), 0, 1)
        if not (sure >= confidence).any():
            return Findings(Detections.none())
        xy = np.stack((x.argmax(axis=1), y.argmax(axis=1)), axis=1) / self._bins
        points = np.concatenate((xy, sure[:, None]), axis=1).astype(np.float32)
        return Findings(Detections.none(), keypoints=points)
