"""The interface of decoders (outputs in, findings in pixels of the model's input out) and their shared functions."""

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
"""A model's outputs for one picture by name: any shape, with the batch axis (1) if there is one; never float16."""
SLACK = 0.01
"""Amount by which rounding, above all in quantised models, may push a score outside 0..1."""
LOUD, MOST = 0.5, 0.5
"""A high score, and the largest share of high scores in a picture without objects."""
MOST_CLASSES = 20_000
"""More classes than the largest vocabularies have (V3Det: 13204)."""
RGB_SHARE = Recipe(fit="letterbox", color="rgb", scale=1 / 255)
"""Ultralytics and many others: centred letterbox with grey padding, RGB, 0..1."""
IMAGENET = Recipe(fit="stretch", color="rgb", scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""torchvision's models and most of those trained from them."""
BOTH_SIDES = Recipe(fit="stretch", color="rgb", scale=1 / 127.5, mean=(1.0,))
"""Most of TensorFlow's models, which have channels last: -1..1."""


@dataclass(frozen=True)
class Seen:
    """A model's outputs and metadata, by which decoders recognise their layout.

    `outputs` are those for a textured picture, `size` is the input's height and width, `metadata` the file's own,
    `named` the number of named classes if known, and `asked` the configured decoder, or `auto`.
    """

    outputs: Outputs
    size: tuple[int, int]
    metadata: Mapping[str, str]
    named: int | None = None
    asked: str = "auto"
    channels_last: bool = False

    @property
    def task(self) -> str:
        """The model's task in Ultralytics' terms, from the metadata; empty if unknown."""
        return self.metadata.get("task", "")


class Decoder(ABC):
    """One output layout. `why` describes the properties by which it was recognised.

    `classes` is the number of classes, None if only the names can tell; `needs_nms` is true if one object yields
    several boxes; `clips_boxes` is true if boxes are cut at the picture's edge.
    """

    name: ClassVar[str]
    recipe: Recipe
    classes: int | None = None
    why: str
    needs_nms = True
    clips_boxes = True

    @classmethod
    @abstractmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """One decoder for each way to read these outputs in this layout: usually one or none.

        Raises:
            ModelError: the outputs have this layout, but cannot be used; the message gives the cause and a remedy.
        """

    @abstractmethod
    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """Findings at or above `confidence`, in pixels of the input: before NMS, in any order.

        Raises:
            ModelError: the outputs are not finite, or scores are outside 0..1.
        """

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add costly parts, such as masks, to the selected findings; `found` is in pixels of the source."""
        return found


def checked(scores: Array) -> Array:
    """`scores` (float32, any shape), checked.

    Raises:
        ModelError: some are outside 0..1, or not a number.
    """
    if scores.size:
        low, high = float(scores.min()), float(scores.max())
        if not (low >= -SLACK and high <= 1 + SLACK):
            raise ModelError(f"its scores range from {low:.3g} to {high:.3g}, but probabilities are in 0..1")
    return scores


def finite(values: Array) -> Array:
    """`values` (float32, any shape), checked.

    Raises:
        ModelError: some are infinite or not a number.
    """
    if not np.isfinite(values).all():
        raise ModelError("its outputs contain values that are infinite or not a number")
    return values


def quiet(scores: Array) -> Array:
    """`scores` (float32, any shape) of cells or anchors in a picture without objects, checked.

    Raises:
        ModelError: they are not probabilities, or most of them are high.
    """
    loud = float((checked(finite(scores)) > LOUD).mean()) if scores.size else 0.0
    if loud > MOST:
        raise ModelError(f"{loud:.0%} of its scores are above {LOUD} for a picture without objects")
    return scores


def floats(outputs: Outputs) -> bool:
    """True if all outputs are floating point and none has the same value everywhere."""
    return all(
        np.issubdtype(array.dtype, np.floating) and array.size > 0 and array.min() != array.max()
        for array in outputs.values()
    )


def found(xyxy: Array, scores: Array, class_ids: NDArray[Any], **more: Array | None) -> Findings:
    """Findings with these boxes (float32 Nx4), scores and classes (N each); scores are clipped to 0..1.

    Raises:
        ModelError: boxes are not finite, or class numbers are out of range.
    """
    for class_id in class_ids[(class_ids < 0) | (class_ids >= MOST_CLASSES)][:1]:
        raise ModelError(f"it returns class {class_id:.7g}, which is out of range")
    boxes = finite(np.asarray(xyxy, np.float32).reshape(-1, 4))
    sure = np.clip(scores, 0, 1).astype(np.float32, copy=False)
    return Findings(Detections(boxes, sure, class_ids.astype(np.int32), **more))  # type: ignore[arg-type]


def corners(centre: Array, size: Array) -> Array:
    """Boxes as left, top, right, bottom (float32 Nx4) from centres and sizes (Nx2 each)."""
    return np.concatenate((centre - size / 2, centre + size / 2), axis=1)


def best_of(scores: Array, confidence: float) -> tuple[NDArray[np.intp], Array, NDArray[np.intp]]:
    """From scores (float32 NxC): the rows whose best class reaches `confidence`, with its score and number (M each)."""
    if not scores.size:
        return np.empty(0, np.intp), np.empty(0, np.float32), np.empty(0, np.intp)
    top = checked(scores.max(axis=1))
    rows = np.flatnonzero(top >= confidence)
    return rows, top[rows], scores[rows].argmax(axis=1)


def sigmoid(values: Array) -> Array:
    """The logistic function of each value (float32, any shape)."""
    with np.errstate(over="ignore"):
        shares: Array = np.float32(1) / (np.float32(1) + np.exp(-values))
    return shares


def softmax(values: Array) -> Array:
    """The softmax along the last axis (float32, any shape)."""
    with np.errstate(invalid="ignore"):  # differences of infinities, which `finite` reports
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def is_share(values: NDArray[np.generic]) -> bool:
    """True if the values (any shape, any dtype) are floating-point numbers in 0..1, with some slack for rounding."""
    if not values.size or not np.issubdtype(values.dtype, np.floating):
        return False
    return bool(values.min() >= -SLACK and values.max() <= 1 + SLACK)


def shapes(outputs: Outputs) -> str:
    """Names and shapes of outputs, for messages."""
    return ", ".join(f"{name} {'x'.join(map(str, array.shape)) or 'scalar'}" for name, array in outputs.items())
