"""What every decoder is: a model's outputs in, findings in pixels of its input out; and what decoders share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.preprocess import Placement, Recipe

Array = NDArray[np.float32]
Outputs = Mapping[str, NDArray[np.generic]]
"""A model's outputs for one picture by name, the axis of the batch (1) kept where there is one; no halves."""
SLACK = 0.01
"""How far rounding, in quantised models above all, may carry a score out of 0..1."""
LOUD, MOST = 0.5, 0.5
"""A score that says that something is there, and how many of all may say so of a picture that shows nothing."""
MOST_CLASSES = 20_000
"""Classes beyond those of the largest vocabularies (V3Det has 13204)."""
RGB_SHARE = Recipe(fit="letterbox", color="rgb", scale=1 / 255)
"""Ultralytics and many others: letterbox in the middle of grey, RGB, 0..1."""
IMAGENET = Recipe(fit="stretch", color="rgb", scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What torchvision's models and most trained from them expect."""
BOTH_SIDES = Recipe(fit="stretch", color="rgb", scale=1 / 127.5, mean=(1.0,))
"""What TensorFlow's models, which have channels last, mostly expect: -1..1."""


@dataclass(frozen=True)
class Seen:
    """What a decoder is recognised by.

    `outputs` are what the model made of a textured picture, `size` is its input's height and width, `metadata` what
    its file says of itself, `named` how many classes it or the configuration names, if any, and `asked` the decoder
    that the configuration asks for, or `auto`.
    """

    outputs: Outputs
    size: tuple[int, int]
    metadata: Mapping[str, str]
    named: int | None = None
    asked: str = "auto"
    channels_last: bool = False

    @property
    def task(self) -> str:
        """What the metadata says the model is for, in Ultralytics' words; empty if nothing."""
        return self.metadata.get("task", "")


class Decoder(ABC):
    """One output layout. `why` tells what in the outputs it was recognised by.

    `classes` is how many it tells apart, None if only the names can tell; `crowded` is whether a thing is found
    several times over, so that NMS has to choose; `clipped` is whether boxes are cut at the picture's edge.
    """

    name: ClassVar[str]
    recipe: Recipe
    classes: int | None = None
    why: str
    crowded = True
    clipped = True

    @classmethod
    @abstractmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """Each way in which these outputs can be read in this layout: none, mostly one.

        Raises:
            ModelError: they are surely of this layout, but of no use; says why and what to do.
        """

    @abstractmethod
    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """What is surer than `confidence`, in pixels of the input: before NMS, in any order.

        Raises:
            ModelError: the outputs are not finite, or scores are none.
        """

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add what is worth its cost only for what is kept, such as masks; `found` is in pixels of the source."""
        return found


def checked(scores: Array) -> Array:
    """`scores` themselves.

    Raises:
        ModelError: some are outside 0..1, or not a number.
    """
    if scores.size:
        low, high = float(scores.min()), float(scores.max())
        if not (low >= -SLACK and high <= 1 + SLACK):
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


def quiet(scores: Array) -> Array:
    """`scores` themselves, of cells or anchors in a picture that shows nothing.

    Raises:
        ModelError: they are no probabilities, or nearly everything is found nearly everywhere.
    """
    loud = float((checked(finite(scores)) > LOUD).mean()) if scores.size else 0.0
    if loud > MOST:
        raise ModelError(f"{loud:.0%} of its scores are above {LOUD} for a picture that shows nothing")
    return scores


def floats(outputs: Outputs) -> bool:
    """Whether all outputs are of floating point and say something: not the same value everywhere."""
    return all(
        np.issubdtype(array.dtype, np.floating) and array.size > 0 and array.min() != array.max()
        for array in outputs.values()
    )


def found(xyxy: Array, scores: Array, class_ids: NDArray[Any], **more: Array | None) -> Findings:
    """Findings of these boxes (Nx4), scores and classes (N each), with scores cut to 0..1.

    Raises:
        ModelError: boxes are not finite, or no model has such classes.
    """
    for class_id in class_ids[(class_ids < 0) | (class_ids >= MOST_CLASSES)][:1]:
        raise ModelError(f"it gives the class {class_id:.7g}, where no model has so many")
    boxes = finite(np.asarray(xyxy, np.float32).reshape(-1, 4))
    sure = np.clip(scores, 0, 1).astype(np.float32, copy=False)
    return Findings(Detections(boxes, sure, class_ids.astype(np.int32), **more))  # type: ignore[arg-type]


def corners(centre: Array, size: Array) -> Array:
    """Boxes as left, top, right, bottom (Nx4) from their centres and sizes (Nx2 each)."""
    return np.concatenate((centre - size / 2, centre + size / 2), axis=1)


def best_of(scores: Array, confidence: float) -> tuple[NDArray[np.intp], Array, NDArray[np.intp]]:
    """Of NxC scores: the rows whose best class reaches `confidence`, with that class's score and number."""
    if not scores.size:
        return np.empty(0, np.intp), np.empty(0, np.float32), np.empty(0, np.intp)
    top = checked(scores.max(axis=1))
    rows = np.flatnonzero(top >= confidence)
    return rows, top[rows], scores[rows].argmax(axis=1)


def sigmoid(values: Array) -> Array:
    """Each value between 0 and 1."""
    with np.errstate(over="ignore"):
        shares: Array = np.float32(1) / (np.float32(1) + np.exp(-values))
    return shares


def softmax(values: Array) -> Array:
    """Shares of 1 along the last axis."""
    with np.errstate(invalid="ignore"):  # differences of infinities, which `finite` tells of
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def is_share(values: NDArray[np.generic]) -> bool:
    """Whether all values can be probabilities."""
    if not values.size or not np.issubdtype(values.dtype, np.floating):
        return False
    return bool(values.min() >= -SLACK and values.max() <= 1 + SLACK)


def shapes(outputs: Outputs) -> str:
    """Names and shapes of outputs, for people."""
    return ", ".join(f"{name} {'x'.join(map(str, array.shape)) or 'scalar'}" for name, array in outputs.items())
