"""Detections and other findings of a model in one picture, as columns of arrays."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
NO_CLASS = 255
"""Label of pixels that show none of the classes, as in data sets."""


@dataclass(frozen=True)
class Mask:
    """A region of a picture: `shape` (bool, height x width), with its top left corner at (`left`, `top`) in pixels."""

    left: int
    top: int
    shape: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Detections:
    """N boxes, highest confidence first.

    `xyxy` is float32 Nx4: left, top, right, bottom. `confidence` is float32 N in 0..1, descending; `class_id` is
    int32 N, an index into the model's names. Optional, of length N: `keypoints` (float32 NxKx3: x, y, confidence),
    `corners` of oriented boxes (float32 Nx4x2, clockwise from the box's own top left), `masks` (an object array of
    `Mask`) and `coefficients` (float32 NxM, from which a decoder makes masks).

    Coordinates are pixels: of the model's input in a decoder's result, of the source picture afterwards.
    """

    xyxy: Array
    confidence: Array
    class_id: NDArray[np.int32]
    keypoints: Array | None = None
    corners: Array | None = None
    masks: NDArray[np.object_] | None = None
    coefficients: Array | None = None

    def __len__(self) -> int:
        return len(self.confidence)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Detections":
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: column[rows] for name, column in columns.items() if column is not None})

    def moved(self, left: int, top: int) -> "Detections":
        """The same detections, shifted right and down by this many pixels."""
        by = np.array([left, top], np.float32)
        points, masks = self.keypoints, self.masks
        if points is not None:
            points = np.concatenate((points[..., :2] + by, points[..., 2:]), axis=2)
        if masks is not None:
            masks = masks.copy()
            masks[:] = [Mask(mask.left + left, mask.top + top, mask.shape) for mask in masks]
        turned = None if self.corners is None else self.corners + by
        return replace(self, xyxy=self.xyxy + np.tile(by, 2), keypoints=points, corners=turned, masks=masks)

    @classmethod
    def none(cls) -> "Detections":
        """No detections."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


@dataclass(frozen=True)
class Class:
    """A class of the whole picture, with its probability."""

    class_id: int
    confidence: float


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything a model returns for one picture; most models fill one field.

    `classes`: classes of the whole picture, most probable first. `label_map`: class of each pixel (uint8, height x
    width of the picture; NO_CLASS for none). `embedding`: float32 D, of length 1. `keypoints`: float32 Kx3 (x, y,
    confidence) of the one person, face or hand in the picture, in the coordinates of detections. `values`: numbers by
    name. `text`: characters, and their mean confidence. `surest`: if no object was found, and that was asked for, the
    one with the highest score below its threshold.
    """

    detections: Detections
    classes: tuple[Class, ...] | None = None
    label_map: NDArray[np.uint8] | None = None
    embedding: Array | None = None
    keypoints: Array | None = None
    values: tuple[tuple[str, float], ...] | None = None
    text: tuple[str, float] | None = None
    surest: Class | None = None

    def moved(self, left: int, top: int) -> "Findings":
        """The same findings in the picture that this one was cut out of, at `left` and `top`."""
        if not (left or top):
            return self
        points = None if self.keypoints is None else self.keypoints + np.array([left, top, 0], np.float32)
        return replace(self, detections=self.detections.moved(left, top), keypoints=points)
