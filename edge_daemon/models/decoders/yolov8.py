"""YOLOv8, 9, 11, 12 and relatives: 1x(4+C+T)xN, one column per cell: centre, size, class probabilities, a tail.

As exported to ONNX by Ultralytics: everything in pixels of the input, no objectness. The tail T depends on the task:
nothing for boxes; mask coefficients, with a second output of prototypes (segment); x, y and confidence of each
keypoint (pose); an angle in radians (obb). Some converters transpose it to 1xNx(4+C+T).
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    SLACK,
    Array,
    Decoder,
    Outputs,
    Seen,
    activated,
    activation_fact,
    checked,
    corners,
    finite,
    floats,
    found,
    quiet,
    sigmoid,
)
from edge_daemon.models.decoders.grid import Grid, followed, units
from edge_daemon.models.decoders.prototypes import channels_first, masks, prototypes_of, with_masks
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.preprocess import Placement

_TASKS = {"": "none", "detect": "none", "segment": "masks", "pose": "keypoints", "obb": "angle"}


@dataclass(frozen=True)
class Tail:
    """Channels after the classes: `length` of them, for keypoints `each` 2 or 3."""

    kind: Literal["none", "masks", "keypoints", "angle"] = "none"
    length: int = 0
    each: int = 3


class Yolov8(Decoder):
    """Decodes boxes over one grid; `transposed`: one row per cell; `prototypes`: an output's name."""

    name = "yolov8"
    reads = frozenset({"activation"})
    recipe = RGB_SHARE
    _logits = False

    def __init__(
        self,
        size: tuple[int, int],
        grid: Grid,
        channels: int,
        tail: Tail,
        *,
        transposed: bool,
        boxes: str,
        prototypes: str | None = None,
        share: bool = False,
    ) -> None:
        self.classes = channels - 4 - tail.length
        self._size, self._tail, self._transposed = size, tail, transposed
        self._boxes, self._prototypes = boxes, prototypes
        shape = f"1x{len(grid)}x{channels}" if transposed else f"1x{channels}x{len(grid)}"
        more = "" if tail.kind == "none" else f", {tail.length} channels for {tail.kind}"
        self._whole = np.array([size[1], size[0]], np.float32) if share else None
        self.why = f"{shape}, {grid}, boxes {'as shares of the input' if share else 'in pixels'}{more}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        prototypes = prototypes_of(seen.outputs)
        rest = [name for name in seen.outputs if name != prototypes]
        if len(rest) != 1 or not floats(seen.outputs):
            return
        array = tables.matrix(seen.outputs[rest[0]])
        if array is None:
            return
        for transposed in (False, True):
            channels = np.asarray(array.T if transposed else array, np.float32)
            found = followed(channels[:4].T, seen.size) if len(channels) > 4 else None
            if found is None:
                continue
            grid, share = found
            if share:
                channels = _in_pixels(channels, seen.size)
            tail = _tail(channels, seen, grid, channels_first(seen.outputs[prototypes]).shape[1] if prototypes else 0)
            if tail and len(channels) - tail.length > 4:
                scores = channels[4 : len(channels) - tail.length]
                activation = activated(scores, seen)
                logits = activation.value == "sigmoid"
                quiet(sigmoid(scores) if logits else scores)
                _not_all_zero(scores, channels)
                if tail.kind == "none" and not _is_ours(scores, seen, transposed=transposed):
                    continue
                decoder = cls(
                    seen.size,
                    grid,
                    len(channels),
                    tail,
                    transposed=transposed,
                    boxes=rest[0],
                    prototypes=prototypes,
                    share=share,
                )
                decoder._logits, decoder.pinned = logits, {"activation": activation.value}
                decoder.facts = activation_fact(activation)
                yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A score is the best class's probability."""
        array = finite(np.asarray(outputs[self._boxes], np.float32))
        array = array[0] if array.ndim == 3 else array
        channels = array.T if self._transposed else array
        classes = channels[4 : 4 + (self.classes or 0)]
        # The maximum runs along memory, over whole rows at once; the argmax would not.
        scores = classes.max(axis=0)
        scores = sigmoid(scores) if self._logits else checked(scores)
        kept = np.flatnonzero(scores >= confidence)
        best = classes[:, kept].argmax(axis=0)
        centre, extent = channels[:2, kept].T, channels[2:4, kept].T
        if self._whole is not None:
            centre, extent = centre * self._whole, extent * self._whole
        return found(corners(centre, extent), scores[kept], best, **self._more(channels, kept, centre, extent))

    def _more(
        self, channels: Array, kept: NDArray[np.intp], centre: Array, extent: Array
    ) -> Mapping[str, Array | None]:
        tail = channels[len(channels) - self._tail.length :, kept].T
        match self._tail.kind:
            case "masks":
                return {"coefficients": tail}
            case "keypoints":
                points = tail.reshape(len(kept), self._tail.length // self._tail.each, self._tail.each)
                if self._whole is not None:
                    points[..., :2] *= self._whole
                if self._tail.each == 2:
                    points = np.concatenate((points, np.ones_like(points[..., :1])), axis=2)
                return {"keypoints": finite(points)}
            case "angle":
                return {"corners": rotated(centre, extent, tail[:, 0])}
        return {}

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add masks to detections with coefficients, and upright boxes to oriented ones."""
        if self._tail.kind == "angle":
            return Findings(boxed(found.detections, placement))
        if self._prototypes is None:
            return found
        prototypes = np.asarray(outputs[self._prototypes], np.float32)
        made = masks(found.detections, prototypes, placement, self._size)
        return Findings(with_masks(found.detections, made))


def rotated(centre: Array, extent: Array, angle: Array) -> Array:
    """The corners (float32 Nx4x2, clockwise) of boxes (`centre`, `extent`: Nx2) turned by `angle` (N, radians,
    clockwise as y points down).
    """
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along = np.concatenate((cos, sin), axis=1) * extent[:, :1] / 2
    across = np.concatenate((-sin, cos), axis=1) * extent[:, 1:] / 2
    turned = [centre - along - across, centre + along - across, centre + along + across, centre - along + across]
    return finite(np.stack(turned, axis=1).astype(np.float32))


def boxed(found: Detections, placement: Placement) -> Detections:
    """Oriented detections with their enclosing upright boxes, clipped to the picture.

    Called after NMS, which compares boxes better without the rotation: the enclosing boxes of ships side by side
    overlap.
    """
    if found.corners is None:
        return found
    around = np.concatenate((found.corners.min(axis=1), found.corners.max(axis=1)), axis=1)
    edge = np.array([placement.source_width, placement.source_height] * 2, np.float32)
    return Detections(np.clip(around, 0, edge), found.confidence, found.class_id, corners=found.corners)


def _in_pixels(channels: Array, size: tuple[int, int]) -> Array:
    """Channels (float32 KxN) with boxes as shares of the input, in pixels."""
    whole = np.array([size[1], size[0]] * 2, np.float32)
    made: Array = np.concatenate((channels[:4] * whole[:, None], channels[4:]))
    return made


def _tail(channels: Array, seen: Seen, grid: Grid, prototypes: int) -> Tail | None:
    """The channels after the classes, by the metadata or else by their values; None if neither decides."""
    if seen.task not in _TASKS:
        return None
    if prototypes:
        return Tail("masks", prototypes)
    if seen.task == "obb":
        return Tail("angle", 1)
    if seen.task == "pose":
        points, each = kpt_shape(seen)
        return Tail("keypoints", points * each, each)
    if float(channels[4:].max(initial=0)) <= 0 or _are_logits(channels[4:]):
        return Tail()
    beyond = [i for i, row in enumerate(channels[4:], 4) if row.min() < -SLACK or row.max() > 1 + SLACK]
    if not beyond or seen.task == "detect":
        return Tail()
    tail = channels[beyond[0] :]
    # An angle is non-zero nearly everywhere, a score nearly nowhere.
    if len(tail) == 1 and np.abs(tail).max() < np.pi and np.median(np.abs(tail)) > 0.05:
        # Whole numbers are classes: rows of a score and a class for each cell (`rows`).
        return None if (tail == np.rint(tail)).all() else Tail("angle", 1)
    for each in (3, 2):
        if len(tail) % each == 0 and _are_points(tail, each, grid):
            return Tail("keypoints", len(tail), each)
    return Tail()


def _are_logits(channels: Array) -> bool:
    """True if channels (float32 CxN) are all logits of scores in a picture without objects."""
    return bool(((channels < -1).mean(axis=1) > 0.5).all())


def _are_points(tail: Array, each: int, grid: Grid) -> bool:
    """True if channels are keypoints: positions near their cells, and (with three numbers each) confidences in 0..1."""
    sure = tail[2::3]
    if each == 3 and (sure.min() < -SLACK or sure.max() > 1 + SLACK):
        return False
    return all(units(tail[start : start + 2].T, grid) == "pixels" for start in range(0, len(tail), each))


def kpt_shape(seen: Seen) -> tuple[int, int]:
    """Number of keypoints in the metadata, and numbers for each (2 or 3); COCO's 17 if it has none."""
    try:
        points, each = map(int, ast.literal_eval(seen.metadata.get("kpt_shape", "[17, 3]")))
    except (ValueError, TypeError, SyntaxError) as error:
        raise ModelError(f"cannot read the `kpt_shape` in its metadata, {seen.metadata['kpt_shape'][:40]!r}") from error
    if points < 1 or each not in (2, 3):
        raise ModelError(f"the `kpt_shape` in its metadata is not valid, {seen.metadata['kpt_shape'][:40]!r}")
    return points, each


def _not_all_zero(scores: Array, array: Array) -> None:
    if not scores.any() and len(np.unique(array)) <= 256:
        raise ModelError(
            "every score is 0: its output was quantised to 8 bits with one scale for boxes and scores; "
            "export it in floating point, or leave its last layers out of the quantisation"
        )


def _is_ours(scores: Array, seen: Seen, *, transposed: bool) -> bool:
    """True if there is no objectness, which only the number of classes shows; COCO has 80.

    Rows must have as many classes as are named, or COCO's 80. Columns, which no exporter writes for models with
    objectness, may have any number that does not suggest one.
    """
    if seen.asked != "auto":
        return seen.asked == Yolov8.name
    if transposed:
        return len(scores) == (seen.named or 80)
    return len(scores) != (seen.named or 80) + 1
