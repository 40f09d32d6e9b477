"""Masks of detections in an output of their own: one map for each row."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.decoders.decoder import Array, Outputs, finite, is_share, sigmoid
from edge_daemon.models.decoders.prototypes import cut_out
from edge_daemon.models.detections import Detections, Mask
from edge_daemon.models.preprocess import Placement


@dataclass(frozen=True)
class Masks:
    """An output with a map for each row, of probabilities or logits: over the `whole` input (torchvision, MMDeploy,
    RF-DETR), or over the row's `box` (TensorFlow).
    """

    output: str
    over: Literal["whole", "box"]

    def of(self, found: Detections, outputs: Outputs, placement: Placement, size: tuple[int, int]) -> list[Mask]:
        """The mask of each detection (pixels of the source), whose first coefficient is its row, for an input of `size`
        (height, width).
        """
        array = outputs[self.output]
        maps = array.reshape(-1, *array.shape[-2:])
        rows = np.empty(0) if found.coefficients is None else found.coefficients[:, 0]
        made = []
        for box, row in zip(found.xyxy, rows.astype(int).tolist(), strict=True):
            plane = finite(np.asarray(maps[row], np.float32))
            shares = plane if is_share(plane) else sigmoid(plane)
            made.append(_over_box(shares, box) if self.over == "box" else _over_whole(shares, box, placement, size))
        return made


def masks_among(outputs: Outputs) -> Masks | None:
    """The output with masks: by name, with at least three axes."""
    for name, array in outputs.items():
        if "mask" in name.lower() and array.ndim >= 3 and min(array.shape[-2:]) >= 8:
            return Masks(name, "box" if "detection_masks" in name.lower() else "whole")
    return None


def _edges(box: Array) -> tuple[int, int, int, int]:
    left, top = np.floor(box[:2]).astype(int).tolist()
    right, bottom = np.ceil(box[2:]).astype(int).tolist()
    return left, top, max(1, right - left), max(1, bottom - top)


def _over_box(shares: Array, box: Array) -> Mask:
    left, top, wide, tall = _edges(box)
    grown: NDArray[np.float32] = cv2.resize(shares, (wide, tall))  # type: ignore[assignment]
    return Mask(left, top, grown > 0.5)


def _over_whole(shares: Array, box: Array, placement: Placement, size: tuple[int, int]) -> Mask:
    left, top, wide, tall = _edges(box)
    grown = cut_out(shares, (left, top, wide, tall), placement, size)
    return Mask(left, top, grown > 0.5)
