"""What a model found in one picture, as columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """N boxes, the surest first.

    `xyxy` is float32 Nx4: left, top, right, bottom in pixels of the source picture, inside it.
    `confidence` is float32 N in 0..1, descending; `class_id` is int32 N, an index into the model's names.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.confidence)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Detections":
        return Detections(self.xyxy[rows], self.confidence[rows], self.class_id[rows])

    @classmethod
    def none(cls) -> "Detections":
        """Nothing found."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
