"""Detections as columns, in the unit in which they are tracked, and how boxes overlap."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TINY = 1e-12
"""Area of a box without an area."""


class Box(Protocol):
    """The part of a detection that tracking needs; masks, keypoints and corners belong to the same detection."""

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels."""
        ...

    @property
    def confidence(self) -> float:
        """From 0 to 1."""
        ...

    @property
    def class_id(self) -> int:
        """Number of the class."""
        ...


class Boxes(NamedTuple):
    """Columns of N detections: `places` (centre x, centre y, width and height, N x 4 float64), `confidences` (N
    float64) and class ids. Lengths are in heights of the picture: another resolution of the camera ends no track.
    `aspect` is width by height of the picture, infinite if it is not known.
    """

    places: Floats
    confidences: Floats
    classes: list[int]
    aspect: float = inf

    @classmethod
    def of(cls, detections: Sequence[Box], size: tuple[int, int]) -> "Boxes":
        """The columns of detections in a picture of this width and height."""
        width, height = size
        corners = np.array([found.xyxy for found in detections], np.float64).reshape(-1, 4) / height
        confidences = np.array([found.confidence for found in detections], np.float64)
        return cls(centred(corners), confidences, [found.class_id for found in detections], width / height)


def centred(corners: Floats) -> Floats:
    """Centre x, centre y, width and height (N x 4 float64) of left, top, right, bottom (N x 4 float64)."""
    size = corners[:, 2:] - corners[:, :2]
    return np.concatenate([corners[:, :2] + size / 2, size], axis=1)


def overlaps(one: Floats, other: Floats) -> Floats:
    """Intersection over union of each of N places with each of M (N x 4 and M x 4 float64, centre and size).

    Returns:
        N x M float64.
    """
    return overlap(one.T[:, :, None], other.T[:, None])


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes of which centre x, centre y, width and height are the rows of two arrays (4 x K
    float64, or whatever is broadcast to that).
    """
    size, others = one[2:], other[2:]
    # Along each axis: half of both sizes less the distance, but no more than the smaller one.
    shared = np.minimum((size + others) / 2 - np.abs(one[:2] - other[:2]), np.minimum(size, others))
    both = np.multiply(*np.maximum(shared, 0.0))
    areas = size[0] * size[1] + others[0] * others[1]
    return np.asarray(both / np.maximum(areas - both, TINY), np.float64)
