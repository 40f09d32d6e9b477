"""Semantic segmentation, the class of each pixel: torchvision, DeepLab, PaddleSeg, Hugging Face and others.

Maps are also what estimates of depth, crowd densities, poses and restored pictures look like, so a map counts as a
segmentation only if there is a sign of it: class numbers of an integer type, scores that exclude each other, a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    BOTH_SIDES,
    IMAGENET,
    Array,
    Decoder,
    Outputs,
    Seen,
    checked,
    finite,
    is_share,
    sigmoid,
)
from edge_daemon.models.detections import NO_CLASS, Detections, Findings
from edge_daemon.models.evidence import Sign, fact, weigh
from edge_daemon.models.preprocess import Placement
from edge_daemon.settings import Activation

COARSEST = 8
"""Maps of this stride, in pixels, and more have other meanings as well: levels of detectors, densities, cells."""
MOST_CLASSES = 256
SPREAD = 4.0
"""Logits of classes spread further than this over a map, values of a picture do not."""
AREAS = 0.8
"""In a map of areas, this share of neighbouring pixels is alike."""
_UNBOUNDED = frozenset({"Relu", "LeakyRelu", "Softplus", "Exp", "Abs", "Conv", "Div", "Mul"})
"""Operators whose values are no probabilities, though they may lie in 0..1."""
_WORDS = ("seg", "mask", "logit", "argmax", "parsing", "matte", "class_map")
_CLASS_WORDS = ("argmax", "class_map", "label")
SETS = frozenset({19, 21, 59, 60, 150, 171})
"""Numbers of classes in common sets: Cityscapes, VOC, Pascal Context, ADE20K, COCO-Stuff."""
Kind = Literal["classes", "foreground", "scores"]


@dataclass(frozen=True)
class Map:
    """One output as a map: `axis` is that of the channels in the whole array, None if it has none."""

    output: str
    kind: Kind
    axis: int | None
    channels: int
    sigmoids: bool = False


class Segmentation(Decoder):
    """Decodes class numbers, a foreground's scores, or scores of several classes for each pixel."""

    name = "segmentation"
    reads = frozenset({"activation"})

    def __init__(self, seen: Seen, one: Map, sign: Sign[Map], activation: Sign[Activation] | None) -> None:
        self.classes = {"classes": seen.named, "foreground": 2, "scores": one.channels}[one.kind]
        self.recipe = BOTH_SIDES if seen.channels_last else IMAGENET
        self.sure = sign.sure
        self._size, self._map = seen.size, one
        self._sigmoids = activation is not None and activation.value == "sigmoid"
        shape = "x".join(map(str, seen.outputs[one.output].shape))
        text = {"classes": "class of each pixel", "foreground": "foreground score of each pixel"}
        self.why = f"{shape}, {text.get(one.kind, f'{one.channels} scores per pixel')}: {sign.because}"
        self.left_out = tuple(name for name in seen.outputs if name != one.output)
        if activation:
            self.facts = [fact("activation", activation, key=f"boxes: {{activation: {activation.value}}}")]
            self.pinned = {"activation": activation.value}

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if seen.task not in ("", "semantic", "segment"):
            return
        # Trainers put auxiliary outputs after the main one, or make them coarser.
        name = max(seen.outputs, key=lambda name: seen.outputs[name].size)
        if len({array.ndim for array in seen.outputs.values()}) > 1 and seen.asked != cls.name:
            return
        for one in _maps(name, seen):
            if sign := _sign(one, seen):
                yield cls(seen, one, sign, _activation(one, seen))
                return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. `label_map` has the size of the model's output; `finish` scales it."""
        stack = _stack(outputs[self._map.output], self._map.axis)
        if self._map.kind == "classes":
            labels = _classes(stack[0])
        elif self._map.kind == "foreground":
            scores = finite(np.asarray(stack[0], np.float32))
            labels = ((sigmoid(scores) if self._sigmoids else checked(scores)) > 0.5).astype(np.uint8)
        else:
            scores = finite(np.asarray(stack, np.float32))
            labels = scores.argmax(axis=0).astype(np.uint8)
            if self._map.sigmoids:
                labels[scores.max(axis=0) < (0.0 if self._sigmoids else 0.5)] = NO_CLASS
        return Findings(Detections.none(), label_map=labels)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Scale the label map to the size of the source."""
        if found.label_map is None:
            return found
        height, width = found.label_map.shape
        x, y = width / self._size[1], height / self._size[0]
        left, top = round(placement.left * x), round(placement.top * y)
        right, bottom = round((placement.left + placement.width) * x), round((placement.top + placement.height) * y)
        part = found.label_map[max(0, top) : max(top + 1, bottom), max(0, left) : max(left + 1, right)]
        size = (placement.source_width, placement.source_height)
        grown = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_NEAREST)
        return Findings(found.detections, label_map=np.asarray(grown, np.uint8))


def _classes(labels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Class numbers (any type, height x width) as bytes. In a map of 0 and 255, the latter is the foreground, 1.

    Raises:
        ModelError: they are not class numbers.
    """
    finite(np.asarray(labels, np.float32))
    low, high = labels.min(), labels.max()
    if low < 0 or high > 255 or not _is_whole(labels):
        raise ModelError(f"its classes range from {low} to {high}, but must be in 0 to 255")
    numbers: NDArray[np.uint8] = labels.astype(np.uint8)
    if high == 255 and ((numbers == 0) | (numbers == 255)).all():
        numbers = (numbers == 255).astype(np.uint8)
    return numbers


def _stack(array: NDArray[np.generic], axis: int | None) -> NDArray[np.generic]:
    """An output as CxHxW, for its axis of channels (None if it has none)."""
    if axis is None:
        return array.reshape(1, *array.shape[-2:])
    moved = np.moveaxis(array, axis, -3)
    return moved.reshape(moved.shape[-3:])


def _maps(name: str, seen: Seen) -> Iterator[Map]:
    """The ways to see an output as maps of classes or scores that cover the input, the likelier first."""
    array = seen.outputs[name]
    planes = tables.planes(array)
    if planes is None or not array.size:
        return
    ahead = array.ndim - planes.ndim  # axes before CxHxW
    if len(planes) == 1 and _covers(planes.shape[1:], seen):
        yield _single(name, planes[0], array.ndim - 3 if array.ndim > 2 and planes.ndim == array.ndim - ahead else None)
        return
    axes = [(0, planes.shape[1:]), (2, planes.shape[:2])]
    for axis, sides in reversed(axes) if seen.channels_last else axes:
        channels = planes.shape[axis]
        if _covers(sides, seen) and channels <= MOST_CLASSES and array.ndim > 2:
            at = axis - 3
            yield _single(name, planes, at) if channels == 1 else Map(name, "scores", at, channels)


def _single(name: str, plane: NDArray[np.generic], axis: int | None) -> Map:
    whole = _is_whole(plane)
    named = any(word in name.lower() for word in _CLASS_WORDS)
    is_classes = np.issubdtype(plane.dtype, np.integer) or (whole and plane.min() >= 0 and (plane.max() > 1 or named))
    return Map(name, "classes" if is_classes else "foreground", None if plane.ndim == 2 else axis, 1)


def _sign(one: Map, seen: Seen) -> Sign[Map] | None:
    """The surest reason for an output to be a segmentation; None if there is none."""
    array = seen.outputs[one.output]
    stack = _stack(array, one.axis)
    fine = stack.shape[1] * COARSEST > seen.size[0]
    signs: list[Sign[Map] | None] = []
    if seen.asked == Segmentation.name:
        signs.append(Sign(one, "`decoder` states it", "known"))
    if seen.task in ("semantic", "segment"):
        signs.append(Sign(one, "its metadata states the task", "known"))
    last = seen.last(one.output)
    if last == "ArgMax" or (last == "Softmax" and one.channels > 1 and fine):
        signs.append(Sign(one, f"its graph ends with {last}", "known"))
    words = [word for word in _WORDS if word in one.output.lower()]
    if words or one.output.lower() == "out":
        signs.append(Sign(one, f"the name {one.output}"))
    if one.kind == "scores" and seen.named == one.channels:
        signs.append(Sign(one, f"{seen.named} classes are named", "known"))
    if one.kind == "foreground" and seen.named in (1, 2):
        signs.append(Sign(one, "its foreground is named", "known"))
    if others := [name for name in seen.outputs if name != one.output and "aux" in name.lower()]:
        signs.append(Sign(one, f"{others[0]} is beside it"))
    return weigh([*signs, *_numbers(one, stack, last, fine=fine)])


def _numbers(one: Map, stack: NDArray[np.generic], last: str, *, fine: bool) -> Iterator[Sign[Map]]:
    """Signs in the values of a map (CxHxW) that the operator `last` gives; `fine` is true if it is nearly as fine as
    the input.
    """
    if one.kind == "classes":
        if np.issubdtype(stack.dtype, np.integer) or _areas(stack[0]) > AREAS:
            yield Sign(one, "its values are whole numbers", "proved")
        return
    values = finite(np.asarray(stack, np.float32))
    if not fine or values.min() == values.max():
        return
    if one.kind == "foreground":
        if is_share(values) and last in _UNBOUNDED:
            return
        if (is_share(values) or values.min() < -1) and _is_decided(values if is_share(values) else sigmoid(values)):
            yield Sign(one, "most of its values are near 0 or 1")
    elif is_share(values):
        if (np.abs(values.sum(axis=0) - 1) < 0.05).all():
            yield Sign(one, "the scores of each pixel add up to 1", "proved")
        elif len(values) <= 4 and _is_decided(values):
            yield Sign(Map(one.output, "scores", one.axis, one.channels, sigmoids=True), "its values are near 0 or 1")
    elif _is_whole(values):
        return
    elif float(np.ptp(values)) > SPREAD and values.min() < 0:
        if _areas(values.argmax(axis=0)) > AREAS:
            yield Sign(one, "its highest scores cover areas")
        elif one.channels in SETS:
            yield Sign(one, f"a common set has {one.channels} classes")


def _activation(one: Map, seen: Seen) -> Sign[Activation] | None:
    """The function that scores need; None for class numbers, and for scores of which only the highest counts."""
    if one.kind == "classes":
        return None
    if seen.boxes.activation:
        return Sign(seen.boxes.activation, "`boxes` states it", "known")
    values = np.asarray(seen.outputs[one.output], np.float32)
    if is_share(values):
        return Sign("none", "they are in 0..1", "proved")
    if one.kind == "scores":
        return None
    return Sign("sigmoid", f"they range from {values.min():.3g} to {values.max():.3g}", "proved")


def _covers(sides: tuple[int, ...], seen: Seen) -> bool:
    """True if a map covers the input evenly, at its size or a fraction of it."""
    height, width = seen.size
    return min(sides) >= 8 and abs(height / sides[0] - width / sides[1]) < 0.35 and sides[0] <= height


def _is_decided(shares: Array) -> bool:
    """True if most probabilities are near 0 or 1, unlike depth, and unlike a picture."""
    return float(((shares > 0.1) & (shares < 0.9)).mean()) < 0.5


def _areas(labels: NDArray[np.generic]) -> float:
    """The share of neighbouring pixels (height x width) that are alike."""
    return float((labels[:, 1:] == labels[:, :-1]).mean())


def _is_whole(array: NDArray[np.generic]) -> bool:
    return bool((array == np.rint(array)).all())
