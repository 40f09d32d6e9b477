"""Instance masks from prototypes: each is a weighted sum of maps from the model, cut to its box (YOLACT)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.decoders.decoder import Array, Outputs, finite
from edge_daemon.models.detections import Detections, Mask
from edge_daemon.models.preprocess import Placement


def prototypes_of(outputs: Outputs) -> str | None:
    """The name of the output with prototypes (1xMxhxw), beside one with boxes; None if there is none."""
    names = [name for name, array in outputs.items() if array.ndim == 4 and array.shape[0] == 1 and array.size]
    return names[0] if len(outputs) == 2 and len(names) == 1 else None


def channels_first(prototypes: NDArray[np.generic]) -> NDArray[np.generic]:
    """Prototypes (any type) as 1xMxhxw. Converters to TensorFlow give 1xhxwxM, where M is less than h and w."""
    is_last = prototypes.shape[3] < min(prototypes.shape[1:3])
    return prototypes.transpose(0, 3, 1, 2) if is_last else prototypes


def masks(found: Detections, prototypes: Array, placement: Placement, size: tuple[int, int]) -> list[Mask]:
    """The mask of each detection (pixels of the source, coefficients float32 NxM) from prototypes (float32 1xMxhxw, or
    1xhxwxM).

    `size` is the input's height and width, all of which the prototypes cover. A pixel belongs to a mask if the
    sum is above 0, a probability of 0.5. (YOLACT, arXiv:1904.02689; Ultralytics' `process_mask`.)
    """
    prototypes = np.asarray(channels_first(prototypes), np.float32)
    count, height, width = prototypes.shape[1:]
    made = []
    coefficients = np.zeros((0, count), np.float32) if found.coefficients is None else finite(found.coefficients)
    sums = coefficients @ finite(prototypes).reshape(count, -1)
    for box, plane in zip(found.xyxy, sums.reshape(-1, height, width), strict=True):
        left, top = np.floor(box[:2]).astype(int).tolist()
        right, bottom = np.ceil(box[2:]).astype(int).tolist()
        wide, tall = max(1, right - left), max(1, bottom - top)
        made.append(Mask(left, top, cut_out(plane, (left, top, wide, tall), placement, size) > 0))
    return made


def cut_out(
    plane: Array, box: tuple[int, int, int, int], placement: Placement, size: tuple[int, int]
) -> NDArray[np.float32]:
    """The part of a map of the whole input (float32, height x width) in a `box` (left, top, width, height, in pixels of
    the source frame), as float32 of the box's size. `size` is the input's height and width.
    """
    left, top, wide, tall = box
    height, width = plane.shape
    # Positions of the mask's pixel centres in the map.
    x = placement.width / placement.source_width * width / size[1]
    y = placement.height / placement.source_height * height / size[0]
    at_x = (left + 0.5) * x + placement.left * width / size[1] - 0.5
    at_y = (top + 0.5) * y + placement.top * height / size[0] - 0.5
    back = np.array([[x, 0, at_x], [0, y, at_y]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, back, (wide, tall), flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)


def with_masks(found: Detections, made: list[Mask]) -> Detections:
    """`found` with its masks, without the coefficients they were made from."""
    column = np.empty(len(made), object)
    column[:] = made
    return Detections(found.xyxy, found.confidence, found.class_id, masks=column)
