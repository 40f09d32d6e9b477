"""What every decoder is: a model's output array in, boxes in pixels of its input out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Detections
from edge_daemon.models.preprocess import Recipe

Array = NDArray[np.float32]
_SLACK = 0.01
"""How far rounding, in quantised models above all, may carry a score out of 0..1."""


class Decoder(Protocol):
    """One output layout. `why` tells what in the output it was recognised by."""

    name: str
    recipe: Recipe
    classes: int
    why: str

    def decode(self, output: Array, confidence: float) -> Detections:
        """Boxes that score at least `confidence`, in pixels of the input: before NMS, in any order.

        Raises:
            ModelError: the output is not finite, or scores are none.
        """
        ...


def checked(scores: Array) -> Array:
    """`scores` themselves.

    Raises:
        ModelError: some are outside 0..1.
    """
    if scores.size:
        low, high = float(scores.min()), float(scores.max())
        if not (low >= -_SLACK and high <= 1 + _SLACK):
            raise ModelError(f"it gives scores from {low:.3g} to {high:.3g}, where probabilities are in 0..1")
    return scores


def finite(values: Array) -> Array:
    """`values` themselves.

    Raises:
        ModelError: some are infinite or not a number.
    """
    if not np.isfinite(values).all():
        raise ModelError("it gives values that are infinite or not a number")
    return values


def corners(centre: Array, size: Array) -> Array:
    """Boxes as left, top, right, bottom (Nx4) from their centres and sizes (Nx2 each)."""
    return np.concatenate((centre - size / 2, centre + size / 2), axis=1)
