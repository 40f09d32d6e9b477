"""CenterNet (Objects as Points): a heat map of centres for each class (Cxhxw), sizes (2xhxw) and offsets within cells
(2xhxw), a quarter of the input; MMDetection and xingyizhou/CenterNet.

A peak is a value that no neighbour exceeds, which stands for NMS.
"""

from collections.abc import Iterator
from typing import Self

import cv2
import numpy as np

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
    found,
    quiet,
    sigmoid,
)
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_STRIDE = 4


class Centernet(Decoder):
    """Decodes the outputs `heat`, `size` and `offset`."""

    name = "centernet"
    reads = frozenset({"activation"})
    recipe = Recipe(
        fit="letterbox", color="bgr", scale=1 / 255, mean=(0.408, 0.447, 0.470), std=(0.289, 0.274, 0.278), pad=0
    )
    needs_nms = False

    def __init__(self, heat: str, size: str, offset: str, classes: int, *, logits: bool) -> None:
        self.classes: int = classes
        self._heat, self._size, self._offset, self._logits = heat, size, offset, logits
        self.why = f"heat maps of {classes} classes, sizes and offsets for cells of {_STRIDE} pixels"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        stacks = {name: planes for name, array in seen.outputs.items() if (planes := tables.planes(array)) is not None}
        sides = tuple(side // _STRIDE for side in seen.size)
        if len(stacks) != 3 or len(seen.outputs) != 3 or any(planes.shape[1:] != sides for planes in stacks.values()):
            return
        pairs = [name for name, planes in stacks.items() if len(planes) == 2]
        heat = next((name for name in stacks if name.lower() in ("hm", "heatmap", "heat")), None)
        heat = heat or next((name for name in stacks if name not in pairs), None)
        pairs = [name for name in pairs if name != heat]
        if heat is None or len(pairs) != 2:
            return
        # Offsets are shares of a cell, sizes are larger.
        size, offset = sorted(pairs, key=lambda name: -float(np.abs(stacks[name]).max()))
        values = np.asarray(stacks[heat], np.float32)
        activation = activated(values, seen)
        logits = activation.value == "sigmoid"
        quiet((sigmoid(values) if logits else checked(values)).max(axis=0))
        decoder = cls(heat, size, offset, len(values), logits=logits)
        decoder.facts, decoder.pinned = activation_fact(activation), {"activation": activation.value}
        yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        heat = _planes(outputs[self._heat])
        scores = sigmoid(heat) if self._logits else checked(heat)
        highest = np.stack([cv2.dilate(plane, np.ones((3, 3), np.uint8)) for plane in scores])
        kinds, y, x = np.nonzero((scores >= confidence) & (scores == highest))
        size, offset = (_planes(outputs[name])[:, y, x].T for name in (self._size, self._offset))
        centre = (np.stack((x, y), axis=1) + offset) * np.float32(_STRIDE)
        return found(corners(centre, size * np.float32(_STRIDE)), scores[kinds, y, x], kinds)


def _planes(array: np.ndarray) -> Array:
    return finite(np.asarray(array, np.float32)).reshape(-1, *array.shape[-2:])
