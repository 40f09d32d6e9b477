"""The interface of decoders (outputs in, findings in pixels of the model's input out) and their shared functions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.evidence import Fact, Sign, Sure
from edge_daemon.models.graph import Graph
from edge_daemon.models.preprocess import Placement, Recipe
from edge_daemon.settings import Activation, BoxesSettings

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
BYTES_BGR = Recipe(fit="stretch", color="bgr", scale=1.0)
"""OpenVINO's zoo, and others trained with Caffe."""
BOTH_SIDES = Recipe(fit="stretch", color="rgb", scale=1 / 127.5, mean=(1.0,))
"""Most of TensorFlow's models, which have channels last: -1..1."""


@dataclass(frozen=True)
class Seen:
    """Everything by which decoders recognise their layout.

    `outputs` are those for a textured picture, and `more` returns those for further pictures without objects. `size` is
    the input's height and width, `metadata` the file's own, `names` those of the classes if known, `asked` the
    configured decoder, or `auto`, and `boxes` what the configuration states of the outputs. `helpers` are the names of
    inputs beside the picture; `declared` are the outputs' shapes in the file, `batch` the pictures that it fixes.
    """

    outputs: Outputs
    size: tuple[int, int]
    metadata: Mapping[str, str]
    names: tuple[str, ...] | None = None
    asked: str = "auto"
    channels_last: bool = False
    boxes: BoxesSettings = field(default_factory=BoxesSettings)
    graph: Graph = field(default_factory=Graph)
    helpers: Sequence[str] = ()
    declared: Mapping[str, Sequence[int | str | None]] = field(default_factory=dict)
    batch: int = 1
    more: Callable[[], Sequence[Outputs]] = lambda: ()

    @property
    def named(self) -> int | None:
        """The number of named classes, if known."""
        return None if self.names is None else len(self.names)

    @property
    def task(self) -> str:
        """The model's task in Ultralytics' terms, from the metadata; empty if unknown."""
        return self.metadata.get("task", "")

    @property
    def is_ultralytics(self) -> bool:
        """True if the metadata is Ultralytics', whose exports all take the same input."""
        return "stride" in self.metadata or "Ultralytics" in self.metadata.get("author", "") or bool(self.task)

    def without(self, left_out: Sequence[str]) -> "Seen":
        """The same without some outputs."""

        def rest(outputs: Outputs) -> Outputs:
            return {name: array for name, array in outputs.items() if name not in left_out}

        return replace(self, outputs=rest(self.outputs), more=lambda: [rest(outputs) for outputs in self.more()])

    def with_axis(self) -> "Seen":
        """The same with an axis for the batch before the others."""

        def added(outputs: Outputs) -> Outputs:
            return {name: array.reshape(1, *array.shape) for name, array in outputs.items()}

        return replace(self, outputs=added(self.outputs), more=lambda: [added(outputs) for outputs in self.more()])

    def last(self, output: str) -> str:
        """The operator that gives an output its values; empty if the graph does not show it."""
        return self.graph.last(output)


class Decoder(ABC):
    """One output layout. `why` describes the properties by which it was recognised, and `sure` how certain that is;
    `facts` are further properties of the reading.

    `classes` is the number of classes, None if only the names can tell; `needs_nms` is true if one object yields
    several boxes; `clips_boxes` is true if boxes are cut at the picture's edge; `left_out` are outputs that are not
    read, and with `adds_axis` the others are read with an axis for the batch, which they lack. `reads` are the keys of
    `boxes` that apply to the layout, `pinned` those that state what was found. `skeleton` names the set of keypoints,
    None if it follows from their number; `is_named` is false while names are not known to fit. `usual_names` are
    those of classes that such a model usually has.
    """

    name: ClassVar[str]
    reads: ClassVar[frozenset[str]] = frozenset()
    recipe: Recipe
    classes: int | None = None
    why: str
    sure: Sure = "proved"
    facts: Sequence[Fact] = ()
    pinned: Mapping[str, Any] = {}
    needs_nms = True
    clips_boxes = True
    left_out: Sequence[str] = ()
    adds_axis = False
    skeleton: str | None = None
    is_named = True
    usual_names: tuple[str, ...] = ()

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

    def otherwise(self) -> Sequence["Decoder"]:
        """Readings that differ from this one in the number of the first class, if the test pictures leave it open."""
        return ()

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


def activated(scores: Array, seen: Seen) -> Sign[Activation]:
    """The function that scores (float32, any shape) still need: a sigmoid if they are logits, or none.

    Raises:
        ModelError: the scores are not finite.
    """
    if seen.boxes.activation:
        return Sign(seen.boxes.activation, "`boxes` states it", "known")
    if is_share(scores) or not scores.size:
        return Sign("none", "they are in 0..1", "proved")
    low, high = float(finite(scores).min()), float(scores.max())
    # Integers would be something else, and logits of scores in a picture without objects are well below 0.
    if low < -1 and float((scores < -1).mean()) > 0.5:
        return Sign("sigmoid", f"they range from {low:.3g} to {high:.3g}", "proved")
    return Sign("none", f"they range from {low:.3g} to {high:.3g}", "likely")


def activation_fact(sign: Sign[Activation]) -> list[Fact]:
    """The function applied to scores, as a fact."""
    text = "applied to scores" if sign.value != "none" else "needed"
    return [Fact("activation", f"{sign.value} {text}", sign.because, sign.sure, f"boxes: {{activation: {sign.value}}}")]


def is_share(values: NDArray[np.generic]) -> bool:
    """True if the values (any shape, any dtype) are floating-point numbers in 0..1, with some slack for rounding."""
    if not values.size or not np.issubdtype(values.dtype, np.floating):
        return False
    return bool(values.min() >= -SLACK and values.max() <= 1 + SLACK)


def shapes(outputs: Outputs) -> str:
    """Names and shapes of outputs, for messages."""
    return ", ".join(f"{name} {'x'.join(map(str, array.shape)) or 'scalar'}" for name, array in outputs.items())
