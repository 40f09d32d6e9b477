"""SSD without NMS: class probabilities (1xNxC, a softmax whose first class is background) and boxes for N anchors.

- UltraFace, pytorch-ssd and jetson-inference: boxes (1xNx4) are finished, as shares of the picture.
- ST's model zoo: boxes are distances of each corner from its anchor's, in sizes of the anchor, and the anchors
  (left, top, right, bottom as shares of the picture) are a third output.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    Array,
    Decoder,
    Outputs,
    Seen,
    best_of,
    finite,
    floats,
    found,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.grid import grid_of
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_CENTRED = Recipe(fit="stretch", color="rgb", scale=1.0, mean=(127.0,), std=(128.0,))
_BOTH_SIDES = Recipe(fit="stretch", color="rgb", scale=1 / 127.5, mean=(1.0,))


class Ssd(Decoder):
    """Decodes boxes and scores; `anchors` is the name of an output, or None if boxes are finished."""

    name = "ssd"

    def __init__(self, size: tuple[int, int], boxes: str, scores: str, columns: int, anchors: str | None) -> None:
        self.classes: int = columns - 1
        self.recipe = _BOTH_SIDES if anchors else _CENTRED
        self._boxes, self._scores, self._anchors = boxes, scores, anchors
        self._whole = np.array([size[1], size[0]] * 2, np.float32)
        what = f"distances from the anchors in {anchors}" if anchors else "shares of the picture"
        self.why = f"{columns} scores that add up to 1, the first for background; boxes are {what}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        arrays = {name: tables.table(array) for name, array in tables.tables(seen.outputs).items()}
        rows = {len(array) for array in arrays.values()}
        if len(arrays) != len(seen.outputs) or len(arrays) not in (2, 3) or len(rows) != 1:
            return
        if not floats(seen.outputs):
            return
        fours = [name for name, array in arrays.items() if array.shape[1] == 4 and not _is_softmax(array)]
        others = [name for name in arrays if name not in fours]
        if len(others) != 1 or not _is_softmax(arrays[others[0]]) or grid_of(rows.pop(), seen.size):
            return
        columns = arrays[others[0]].shape[1]
        quiet(arrays[others[0]][:, 1:].max(axis=1))
        if len(fours) == 1 and np.abs(arrays[fours[0]]).max() < 3:
            yield cls(seen.size, fours[0], others[0], columns, None)
        elif len(fours) == 2:
            upright = [name for name in fours if (arrays[name][..., 2:] > arrays[name][..., :2]).all()]
            if len(upright) == 1:
                (deltas,) = (name for name in fours if name not in upright)
                yield cls(seen.size, deltas, others[0], columns, upright[0])

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        scores = finite(tables.table(outputs[self._scores])[:, 1:])
        kept, top, best = best_of(scores, confidence)
        boxes = finite(tables.table(outputs[self._boxes])[kept])
        if self._anchors:
            anchors = finite(tables.table(outputs[self._anchors])[kept])
            boxes = anchors + boxes * np.tile(anchors[:, 2:] - anchors[:, :2], 2)
        return found(boxes * self._whole, top, best)


def _is_softmax(array: Array) -> bool:
    return array.shape[-1] >= 2 and is_share(array) and bool((np.abs(array.sum(axis=-1) - 1) < 0.02).all())
