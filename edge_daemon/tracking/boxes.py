"""Detections as columns, in the unit in which they are tracked, and how boxes overlap."""

from collections.abc import Sequence
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
    """

    places: Floats
    confidences: Floats
    classes: list[int]

    @classmethod
    def of(cls, detections: Sequence[Box], height: int) -> "Boxes":
        """The columns of detections in a picture of this height."""
        corners = np.array([found.xyxy for found in detections], np.float64).reshape(-1, 4) / height
        confidences = np.array([found.confidence for found in detections], np.float64)
        return cls(centred(corners), confidences, [found.class_id for found in detections])


def centred(corners: Floats) -> Floats:
    """Centre x, centre y, width and height (N x 4 float64) of left, top, right, bottom (N x 4 float64)."""
    size = corners[:, 2:] - corners[:, :2]
    return np.concatenate([corners[:, :2] + size / 2, size], axis=1)


def overlaps(one: Floats, other: Floats, margins: Floats) -> Floats:
    """Intersection over union of each of N places with each of M, both widened on all sides.

    Args:
        one: N x 4 float64, centre and size.
        other: M x 4 float64, centre and size.
        margins: K x N float64: K widths of the margin of each of the N, which its partner gets too.

    Returns:
        K x N x M float64.
    """
    distance = np.abs(one[:, None, :2] - other[None, :, :2])
    size, others = one[:, None, 2:], other[None, :, 2:]
    # Along each axis: half of both sizes less the distance, but no more than the smaller one.
    shared = np.minimum((size + others) / 2 - distance, np.minimum(size, others))
    wide = 2 * margins[:, :, None]
    both = np.maximum(shared[..., 0] + wide, 0) * np.maximum(shared[..., 1] + wide, 0)
    areas = (size[..., 0] + wide) * (size[..., 1] + wide) + (others[..., 0] + wide) * (others[..., 1] + wide)
    return np.asarray(both / np.maximum(areas - both, TINY), np.float64)
