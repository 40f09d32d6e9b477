"""DetectNet_v2 (NVIDIA TAO: PeopleNet, TrafficCamNet, DashCamNet, FaceNet): coverage Cxhxw, and 4Cxhxw distances from
the centre of each cell of 16 pixels to the sides of a box.

From TAO's post-processor: distances are in units of 35 pixels, and centres lie half a pixel behind the cell's corner.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import Array, Decoder, Outputs, Seen, checked, finite, found, is_share, quiet
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_UNIT, _OFFSET = 35.0, 0.5


class Detectnet(Decoder):
    """Decodes an output of coverage and one of boxes."""

    name = "detectnet"
    recipe = Recipe(fit="stretch", color="rgb", scale=1 / 255)

    def __init__(self, size: tuple[int, int], coverage: str, boxes: str, shape: tuple[int, ...]) -> None:
        self.classes: int = shape[0]
        self._coverage, self._boxes = coverage, boxes
        rows, columns = shape[1:]
        y, x = np.mgrid[:rows, :columns]
        stride = np.array([size[1] / columns, size[0] / rows])
        centres = np.stack((x.ravel(), y.ravel()), axis=1) * stride + _OFFSET
        self._centre = centres.astype(np.float32)
        self.why = f"coverage and distances to four sides for cells of {stride[0]:g} pixels, {shape[0]} classes"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        stacks = {name: planes for name, array in seen.outputs.items() if (planes := tables.planes(array)) is not None}
        if len(stacks) != 2 or len(seen.outputs) != 2:
            return
        coverage, boxes = sorted(stacks, key=lambda name: len(stacks[name]))
        few, many = stacks[coverage], stacks[boxes]
        if len(many) != 4 * len(few) or many.shape[1:] != few.shape[1:] or not is_share(few) or is_share(many):
            return
        if [-(-side // 16) for side in seen.size] == list(few.shape[1:]):
            quiet(np.asarray(few, np.float32).max(axis=0))
            yield cls(seen.size, coverage, boxes, few.shape)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        coverage = checked(finite(np.asarray(outputs[self._coverage], np.float32)).reshape(self.classes, -1))
        kinds, cells = np.nonzero(coverage >= confidence)
        distances: Array = finite(np.asarray(outputs[self._boxes], np.float32)).reshape(self.classes, 4, -1)
        sides = distances[kinds, :, cells] * np.float32(_UNIT)
        centre = self._centre[cells]
        boxes = np.concatenate((centre - sides[:, :2], centre + sides[:, 2:]), axis=1)
        return found(boxes, coverage[kinds, cells], kinds)
