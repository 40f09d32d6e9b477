"""Maps of YOLO heads before decoding, one or more for each level, as exports for accelerators leave them.

- `Dfl`, YOLOv8 and later (RKNN, Hailo, Axera, Sophon): for each level distances to the sides as distributions over 16
  bins (64xhxw) and class scores (Cxhxw), in two outputs or one; RKNN adds their sum (1xhxw), which is not needed.
- `Anchors`, YOLOv5 and YOLOv7: Ax(5+C)xhxw or Axhxwx(5+C), logits. Anchors are those of `boxes`, or YOLOv5's own.
- `ExpAnchors`, YOLOv3 and YOLOv4: the same, with sizes as powers.

Nothing in such maps distinguishes one family with anchors from the other, so these need `decoder`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    finite,
    found,
    is_share,
    quiet,
    sigmoid,
    softmax,
)
from edge_daemon.models.decoders.grid import Grid, level
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Sign, fact

BINS = 16
APART = 1.5
"""Least difference of the means of distances and scores: in three trained models they are 1 and -14.6."""
_YOLOV5 = (((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)))
"""Anchors of YOLOv5 and YOLOv3 by level, in pixels of the input."""
USUAL = 3
"""Usual number of levels, and of anchors of each."""
_STRIDES = (8, 16, 32, 64)


@dataclass(frozen=True)
class Level:
    """The outputs of one level over the cells of `grid`: `boxes` and `scores` may be the same."""

    grid: Grid
    boxes: str
    scores: str


class Dfl(Decoder):
    """Decodes levels with distributions of distances."""

    name = "yolo_maps"
    recipe = RGB_SHARE

    def __init__(self, levels: Sequence[Level], classes: int, *, logits: bool) -> None:
        self.classes: int = classes
        self._levels, self._logits = levels, logits
        strides = ", ".join(str(one.grid.strides[0]) for one in levels)
        self.why = f"maps of 4x{BINS} distances and {classes} scores for cells of {strides} pixels"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        levels = []
        classes = set()
        for stride, maps in _by_stride(seen):
            boxes = [name for name, stack in maps.items() if len(stack) == 4 * BINS]
            whole = [name for name, stack in maps.items() if len(stack) > 4 * BINS]
            rest = [name for name, stack in maps.items() if len(stack) not in (4 * BINS,)]
            # RKNN's third output is one map, and so are the scores of a single class; the sum comes last.
            if len(maps) == 1 and whole:
                levels.append(Level(level(stride, seen.size), whole[0], whole[0]))
                classes.add(len(maps[whole[0]]) - 4 * BINS)
            elif len(boxes) == 1 and rest:
                levels.append(Level(level(stride, seen.size), boxes[0], rest[0]))
                classes.add(len(maps[rest[0]]))
            else:
                return
        if len(levels) < 2 or len(classes) != 1:
            return
        bins = np.concatenate([_flat(seen.outputs[one.boxes])[: 4 * BINS] for one in levels], axis=1)
        scores = np.concatenate([_scores(seen.outputs, one) for one in levels], axis=1)
        if is_share(bins) or abs(float(bins.mean()) - float(scores.mean())) < APART:
            return  # all of them are scores, as in YOLOv6's maps
        logits = not is_share(scores)
        if logits and float(np.median(scores)) > -1:
            return
        quiet((sigmoid(scores) if logits else scores).max(axis=0))
        yield cls(levels, classes.pop(), logits=logits)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A distance is the mean of its distribution, in strides."""
        every = []
        for one in self._levels:
            scores = _scores(outputs, one)
            top = scores.max(axis=0)
            top = sigmoid(top) if self._logits else top
            kept = np.flatnonzero(top >= confidence)
            spread = _flat(outputs[one.boxes])[: 4 * BINS, kept].T.reshape(-1, 4, BINS)
            distances = np.matmul(softmax(spread), np.arange(BINS, dtype=np.float32)) * one.grid.stride[0]
            centre = one.grid.centre[kept]
            boxes = np.concatenate((centre - distances[:, :2], centre + distances[:, 2:]), axis=1)
            every.append((boxes, top[kept], scores[:, kept].argmax(axis=0)))
        boxes, scores, kinds = (np.concatenate(parts) for parts in zip(*every, strict=True))
        return found(boxes, scores, kinds)


class Anchors(Decoder):
    """Decodes levels with anchors as YOLOv5 and YOLOv7 do."""

    name = "yolo_anchors"
    reads = frozenset({"anchors"})
    recipe = RGB_SHARE
    _family: ClassVar[str] = "YOLOv5"

    def __init__(
        self, seen: Seen, levels: Sequence[Level], anchors: Sequence[Array], classes: int, *, share: bool
    ) -> None:
        self.classes: int = classes
        self._levels, self._anchors, self._share = levels, anchors, share
        given = seen.boxes.anchors is not None
        sign = Sign(
            anchors, "`boxes` states them" if given else f"those of {self._family}", "known" if given else "likely"
        )
        text = "given" if given else f"{self._family}'s"
        self.facts = [fact("anchors", sign, text, f"boxes: {{anchors: {[one.tolist() for one in anchors]}}}")]
        self.pinned = {"anchors": [one.tolist() for one in anchors]}
        strides = ", ".join(str(one.grid.strides[0]) for one in levels)
        self.why = f"maps of {len(anchors[0])} anchors and {classes} classes for cells of {strides} pixels"
        self.sure = "known"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`.

        Raises:
            ModelError: the outputs are such maps, but nothing shows the family, or the anchors do not fit.
        """
        if seen.asked != cls.name and (seen.asked != "auto" or cls is not Anchors):
            return
        levels = [(stride, next(iter(maps))) for stride, maps in _by_stride(seen, five=True) if len(maps) == 1]
        if len(levels) != len(seen.outputs) or not levels:
            return
        if seen.asked == "auto" and not seen.boxes.anchors:
            numbers = {_width(seen.outputs[name], USUAL) for _, name in levels}
            if len(levels) == USUAL and len(numbers) == 1 and (numbers.pop() or 0) > 5:
                raise ModelError(
                    "its outputs look like a YOLO's maps before decoding: set `decoder: yolo_anchors` (YOLOv5, YOLOv7) "
                    "or `decoder: yolo_exp_anchors` (YOLOv3, YOLOv4), and `boxes: {anchors: [...]}` if they are its own"
                )
            return
        anchors = [np.asarray(one, np.float32) for one in seen.boxes.anchors or _YOLOV5]
        if len(anchors) != len(levels):
            raise ModelError(f"`boxes.anchors` has {len(anchors)} levels, but its outputs have {len(levels)}")
        widths = {_width(seen.outputs[name], len(one)) for (_, name), one in zip(levels, anchors, strict=True)}
        width = widths.pop()
        if widths or width is None or width <= 5:
            raise ModelError(f"its outputs are not maps of {len(anchors[0])} anchors: set `boxes: {{anchors: [...]}}`")
        made = [Level(level(stride, seen.size), name, name) for stride, name in levels]
        share = all(is_share(seen.outputs[name]) for _, name in levels)
        yield cls(seen, made, anchors, width - 5, share=share)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        every = []
        for one, anchors in zip(self._levels, self._anchors, strict=True):
            rows = _rows(finite(np.asarray(outputs[one.boxes], np.float32)), len(anchors), 5 + self.classes)
            cells = len(one.grid)
            objectness = rows[:, 4] if self._share else sigmoid(rows[:, 4])
            kept = np.flatnonzero(objectness >= confidence)
            values = rows[kept]
            classes = values[:, 5:] if self._share else sigmoid(values[:, 5:])
            scores = objectness[kept] * classes.max(axis=1, initial=0)
            stride = one.grid.stride[0]
            corner = one.grid.centre[kept % cells] - stride / 2
            boxes = self._boxes(values[:, :4], corner, stride, anchors[kept // cells])
            every.append((boxes, scores, classes.argmax(axis=1)))
        boxes, scores, kinds = (np.concatenate(parts) for parts in zip(*every, strict=True))
        sure = scores >= confidence
        return found(boxes[sure], scores[sure], kinds[sure])

    def _boxes(self, values: Array, corner: Array, stride: float, anchors: Array) -> Array:
        """Boxes (float32 Nx4) from raw values (Nx4), the corners of their cells and their anchors (Nx2 each)."""
        shares = values if self._share else sigmoid(values)
        centre = (shares[:, :2] * 2 - 0.5) * stride + corner
        size = (shares[:, 2:] * 2) ** 2 * anchors
        return np.concatenate((centre - size / 2, centre + size / 2), axis=1)


class ExpAnchors(Anchors):
    """Decodes levels with anchors as YOLOv3 and YOLOv4 do."""

    name = "yolo_exp_anchors"
    _family = "YOLOv3"

    def _boxes(self, values: Array, corner: Array, stride: float, anchors: Array) -> Array:
        centre = (values[:, :2] if self._share else sigmoid(values[:, :2])) * stride + corner
        with np.errstate(over="ignore"):
            size = np.exp(values[:, 2:]) * anchors
        return finite(np.concatenate((centre - size / 2, centre + size / 2), axis=1))


def _by_stride(seen: Seen, *, five: bool = False) -> Iterator[tuple[int, dict[str, NDArray[np.generic]]]]:
    """The outputs that are maps of each stride, the finest first; all outputs belong to one."""
    maps = {name: array for name, array in seen.outputs.items() if array.ndim in (3, 4, 5) and array.size}
    if len(maps) != len(seen.outputs):
        return
    for stride in _STRIDES:
        sides = tuple(-(-side // stride) for side in seen.size)
        mine: dict[str, NDArray[np.generic]] = {}
        for name, array in maps.items():
            stack = tables.planes(array)
            if array.ndim == 5 and five and (sides in (array.shape[2:4], array.shape[3:5])):
                mine[name] = array
            elif stack is not None and stack.shape[1:] == sides:
                mine[name] = stack
        if mine:
            yield stride, mine


def _flat(array: NDArray[np.generic]) -> Array:
    """Maps as float32 Cx(h*w)."""
    values = finite(np.asarray(array, np.float32))
    return values.reshape(values.shape[-3], -1)


def _scores(outputs: Outputs, one: Level) -> Array:
    """Class scores (float32 CxN) of a level."""
    values = _flat(outputs[one.scores])
    return values[4 * BINS :] if one.boxes == one.scores else values


def _width(array: NDArray[np.generic], anchors: int) -> int | None:
    """The numbers for each anchor of a cell."""
    if array.ndim == 5:
        return array.shape[4] if array.shape[1] == anchors else None
    channels = array.shape[-3]
    return channels // anchors if channels % anchors == 0 else None


def _rows(array: Array, anchors: int, width: int) -> Array:
    """One row for each anchor of each cell (float32 NxK), anchor by anchor."""
    if array.ndim == 5:
        return array.reshape(-1, width)
    stack = array.reshape(anchors, width, -1)
    return stack.transpose(0, 2, 1).reshape(-1, width)
