"""What a model found in one picture, as columns."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Mask:
    """A part of a picture: `shape` (bool, hxw) with its top left at (`left`, `top`), in pixels."""

    left: int
    top: int
    shape: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Detections:
    """N boxes, the surest first.

    `xyxy` is float32 Nx4: left, top, right, bottom. `confidence` is float32 N in 0..1, descending; `class_id` is
    int32 N, an index into the model's names. None or of length N are `keypoints` (float32 NxKx3: x, y, confidence),
    `corners` of oriented boxes (float32 Nx4x2, clockwise from the box's own top left), `masks` (an object array of
    `Mask`) and `coefficients` (float32 NxM, what a decoder makes masks from).

    Coordinates are pixels: of the model's input when a decoder gives them, of the source picture afterwards.
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
        """The same so many pixels further to the right and down."""
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
        """Nothing found."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


@dataclass(frozen=True)
class Class:
    """One of the classes that a whole picture may belong to, with its probability."""

    class_id: int
    confidence: float


@dataclass(frozen=True, eq=False)
class Findings:
    """All that a model may say of a picture; most say one of these.

    `classes`: what the whole picture shows, the surest first. `label_map`: the class of each pixel (uint8 HxW, as
    large as the picture). `embedding`: float32 D, of length 1.
    """

    detections: Detections
    classes: tuple[Class, ...] | None = None
    label_map: NDArray[np.uint8] | None = None
    embedding: Array | None = None

    def moved(self, left: int, top: int) -> "Findings":
        """The same in a picture that this one was cut out of, at `left` and `top`."""
        return replace(self, detections=self.detections.moved(left, top)) if left or top else self
