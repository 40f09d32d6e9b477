"""RetinaFace: distances from anchors (1xNx4), softmax of background and face (1xNx2), five points (1xNx10).

As exported from Pytorch_Retinaface: two anchors a cell at strides 8, 16 and 32, centre and size encoded with SSD's
variances 0.1 and 0.2. The first YuNet (`loc` 1xNx14 of box and points, `conf` 1xNx2, `iou` 1xNx1, at strides of 8 to
64; opencv_zoo's `yunet.py` of 2022) uses the same encoding.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
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
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_MEANS = Recipe(fit="corner", color="bgr", scale=1.0, mean=(104.0, 117.0, 123.0), pad=0)
_PLAIN = Recipe(fit="corner", color="bgr", scale=1.0, pad=0)
_SIZES: Mapping[int, Sequence[int]] = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
_YUNET_SIZES: Mapping[int, Sequence[int]] = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
_VARIANCES = (0.1, 0.2)


class Retinaface(Decoder):
    """Decodes outputs by role: `box`, `face`, `points`, and for the first YuNet `iou`."""

    name = "retinaface"
    classes = 1

    def __init__(
        self, size: tuple[int, int], roles: Mapping[str, str], anchors: Array, *, named_face: bool = True
    ) -> None:
        self._roles, self._anchors = roles, anchors
        self._whole = np.array([size[1], size[0]], np.float32)
        self.recipe = _PLAIN if "iou" in roles else _MEANS
        # OpenCV's detector of licence plates has the first YuNet's outputs, and four corners among its points.
        self.usual_names = () if "iou" in roles else ("face",)
        self.skeleton = "points5" if "iou" in roles and not named_face else None
        self.why = f"boxes and five points from {len(anchors)} anchors" + (", scores with IoU" * ("iou" in roles))

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        arrays = tables.tables(seen.outputs)
        by_columns = {array.shape[-1]: name for name, array in arrays.items()}
        rows = {tables.rows(array) for array in arrays.values()}
        if len(seen.outputs) != 3 or len(arrays) != 3 or len(rows) != 1:
            return
        if set(by_columns) == {2, 4, 10}:
            roles, sizes = {"box": by_columns[4], "face": by_columns[2], "points": by_columns[10]}, _SIZES
        elif set(by_columns) == {1, 2, 14}:
            roles, sizes = {"box": by_columns[14], "face": by_columns[2], "iou": by_columns[1]}, _YUNET_SIZES
        else:
            return
        priors = anchors(seen.size, sizes, rounded_up="iou" not in roles)
        if len(priors) == rows.pop() and floats(seen.outputs):
            faces = tables.table(arrays[roles["face"]])
            quiet(faces[:, 1])
            if (np.abs(faces.sum(axis=1) - 1) > 0.05).any():
                raise ModelError("its scores of background and face do not add up to 1, as a softmax's do")
            yield cls(seen.size, roles, priors, named_face=seen.names == ("face",))

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. The first YuNet's score is the root of probability times IoU."""
        value = {role: tables.table(outputs[name]) for role, name in self._roles.items()}
        scores = checked(finite(value["face"][:, 1]))
        if "iou" in value:
            # The IoU is not a probability: the project clips it to 0..1.
            scores = np.sqrt(np.clip(scores, 0, 1) * np.clip(finite(value["iou"])[:, 0], 0, 1))
        kept = np.flatnonzero(scores >= confidence)
        box, anchor = finite(value["box"][kept]), self._anchors[kept]
        points = box[:, 4:] if "points" not in value else finite(value["points"][kept])
        near, far = _VARIANCES
        centre = anchor[:, :2] + box[:, :2] * near * anchor[:, 2:]
        with np.errstate(over="ignore"):
            size: Array = anchor[:, 2:] * np.exp(box[:, 2:4] * far)
        moved = anchor[:, None, :2] + points.reshape(-1, 5, 2) * near * anchor[:, None, 2:]
        keypoints = np.concatenate((moved * self._whole, np.ones((len(kept), 5, 1), np.float32)), axis=2)
        boxes = corners(centre * self._whole, size * self._whole)
        return found(boxes, scores[kept], np.zeros(len(kept), np.int32), keypoints=keypoints)


def anchors(size: tuple[int, int], sizes: Mapping[int, Sequence[int]], *, rounded_up: bool = True) -> Array:
    """Centre and size (float32 Nx4) of each anchor as shares of an input of `size` (height, width), level by level.

    `sizes` are the sides of the square anchors at each stride, in pixels. If a stride does not divide the size,
    RetinaFace rounds levels up and the first YuNet rounds them down.
    """
    height, width = size
    made = []
    for stride, sides in sizes.items():
        rows, columns = (-(-side // stride) if rounded_up else side // stride for side in size)
        y, x = np.mgrid[:rows, :columns]
        centre = (np.stack((x, y), axis=-1).reshape(-1, 1, 2) + 0.5) * stride / (width, height)
        extent = np.array([(side / width, side / height) for side in sides])[None]
        cells = np.broadcast_to(centre, (len(centre), len(sides), 2))
        made.append(np.concatenate((cells, np.broadcast_to(extent, cells.shape)), axis=2).reshape(-1, 4))
    return np.concatenate(made).astype(np.float32)
