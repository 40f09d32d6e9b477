"""Pictures to try a model on before it is trusted, and what no trustworthy model says of a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Findings

MOST = 500
"""Things found in a picture that shows none, beyond which a model is read wrongly or sees ghosts."""
LARGEST = 4
"""Times the picture's side that a box may measure; what the edge cuts off is told whole by some."""


def texture(height: int, width: int) -> NDArray[np.uint8]:
    """A picture (BGR, uint8) with coarse and fine structure, the same each time."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.random((cells, cells, 3), np.float32), (width, height)) for cells in (4, 16, 64)]
    picture: NDArray[np.uint8] = (np.mean(layers, axis=0) * 255).astype(np.uint8)
    return picture


def believable(findings: Findings, size: tuple[int, int]) -> None:
    """See that boxes, in pixels of an input of `size` (height, width), can be true.

    Raises:
        ModelError: most of them have no area, lie outside or are far larger than the picture.
    """
    boxes = findings.detections.xyxy
    if not len(boxes):
        return
    height, width = size
    large = (boxes[:, 2] - boxes[:, 0] > LARGEST * width) | (boxes[:, 3] - boxes[:, 1] > LARGEST * height)
    if large.mean() > 0.5:
        raise ModelError(f"{int(large.sum())} of the {len(boxes)} boxes that it gives are far larger than the picture")
    flat = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if flat.mean() > 0.5:
        raise ModelError(f"{int(flat.sum())} of the {len(boxes)} boxes that it gives have no area")
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    outside = (x < -0.1 * width) | (x > 1.1 * width) | (y < -0.1 * height) | (y > 1.1 * height)
    if outside.mean() > 0.5:
        raise ModelError(f"{int(outside.sum())} of the {len(boxes)} boxes that it gives lie outside the picture")


def modest(findings: Findings) -> None:
    """See that not much was found in a picture that shows nothing.

    Raises:
        ModelError: too much was.
    """
    if len(findings.detections) > MOST:
        raise ModelError(f"it finds {len(findings.detections)} things in a picture that shows none")
