"""Test pictures for models, and checks that their findings in it are plausible."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Findings

MOST = 500
"""Most detections in a picture without objects; with more, the outputs are misread or the model is useless."""
LARGEST = 4
"""Largest plausible box, in sides of the picture; some models report objects beyond the edge in full."""


def texture(height: int, width: int) -> NDArray[np.uint8]:
    """A picture (BGR, uint8, height x width x 3) with coarse and fine structure, always the same."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.random((cells, cells, 3), np.float32), (width, height)) for cells in (4, 16, 64)]
    picture: NDArray[np.uint8] = (np.mean(layers, axis=0) * 255).astype(np.uint8)
    return picture


def picture(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """A picture without objects (BGR, uint8, height x width x 3): 0 is the texture, 1 noise, 2 a single grey."""
    if number == 0:
        return texture(height, width)
    if number == 1:
        return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return np.full((height, width, 3), 127, np.uint8)


def check_plausible(findings: Findings, size: tuple[int, int]) -> None:
    """Check boxes in pixels of an input of `size` (height, width).

    Raises:
        ModelError: most of them have no area, lie outside or are far larger than the picture.
    """
    boxes = findings.detections.xyxy
    if not len(boxes):
        return
    height, width = size
    large = (boxes[:, 2] - boxes[:, 0] > LARGEST * width) | (boxes[:, 3] - boxes[:, 1] > LARGEST * height)
    if large.mean() > 0.5:
        raise ModelError(f"{int(large.sum())} of its {len(boxes)} boxes are far larger than the picture")
    flat = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if flat.mean() > 0.5:
        raise ModelError(f"{int(flat.sum())} of its {len(boxes)} boxes have no area")
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    outside = (x < -0.1 * width) | (x > 1.1 * width) | (y < -0.1 * height) | (y > 1.1 * height)
    if outside.mean() > 0.5:
        raise ModelError(f"{int(outside.sum())} of its {len(boxes)} boxes lie outside the picture")


def check_few(findings: Findings) -> None:
    """Check the number of detections in a picture without objects.

    Raises:
        ModelError: there are too many.
    """
    if len(findings.detections) > MOST:
        raise ModelError(f"it finds {len(findings.detections)} objects in a test picture without any")
