"""Semantic segmentation, the class of each pixel: torchvision, DeepLab, PaddleSeg and others."""

from collections.abc import Iterator
from typing import Self

import cv2
import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import BOTH_SIDES, IMAGENET, Decoder, Outputs, Seen, finite, is_share, sigmoid
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.preprocess import Placement

COARSEST = 8
"""Largest stride of a map of scores, in pixels of the input; maps of detectors are often coarser."""


class Segmentation(Decoder):
    """Class of each pixel, as scores (1xCxHxW or 1xHxWxC), foreground scores (one map), or class numbers."""

    name = "segmentation"

    def __init__(self, seen: Seen, output: str, how: str, classes: int | None) -> None:
        self.classes = classes
        self.recipe = BOTH_SIDES if seen.channels_last else IMAGENET
        self._size, self._output, self._how = seen.size, output, how
        self.why = f"{'x'.join(map(str, seen.outputs[output].shape))}, {how}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        maps = [name for name, array in seen.outputs.items() if array.ndim in (3, 4) and array.shape[0] == 1]
        if not maps or (len(seen.outputs) > 1 and seen.asked != cls.name and len(maps) != len(seen.outputs)):
            return
        array = seen.outputs[maps[0]]  # trainers put auxiliary outputs after the main one
        if seen.task not in ("", "semantic", "segment"):
            return
        asked = seen.asked == cls.name
        # Auxiliary outputs have the same size; those of a detector's levels differ.
        if not asked and len({seen.outputs[name].shape for name in maps}) > 1:
            return
        if array.ndim == 3 and _covers(array.shape[1:], seen) and _whole(array):
            yield cls(seen, maps[0], "class of each pixel", seen.named)
        if array.ndim != 4:
            return
        for axis, sides in ((1, array.shape[2:]), (3, array.shape[1:3])):
            if not _covers(sides, seen) or not (asked or sides[0] * COARSEST >= seen.size[0]):
                continue
            if not (asked or _are_scores(array, axis, seen)):
                return
            if array.shape[axis] == 1:
                if _whole(array) and array.max() > 1 and array.min() >= 0:
                    yield cls(seen, maps[0], "class of each pixel", seen.named)
                else:
                    yield cls(seen, maps[0], "foreground score of each pixel", 2)
            elif array.shape[axis] <= 256:
                yield cls(seen, maps[0], f"{array.shape[axis]} scores per pixel", array.shape[axis])
            return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. `label_map` has the size of the model's output; `finish` scales it."""
        array = outputs[self._output]
        if self._how.startswith("class"):
            labels = np.asarray(array).reshape(array.shape[1:3] if array.shape[-1] == 1 else array.shape[-2:])
            finite(np.asarray(labels, np.float32))
            if labels.min() < 0 or labels.max() > 255 or not _whole(labels):
                raise ModelError(f"its classes range from {labels.min()} to {labels.max()}, but must be in 0 to 255")
        elif self._how.startswith("foreground"):
            scores = finite(np.asarray(array, np.float32)).reshape(
                array.shape[1:3] if array.shape[-1] == 1 else array.shape[2:]
            )
            labels = (scores if is_share(scores) else sigmoid(scores)) >= 0.5
        else:
            scores = finite(np.asarray(array, np.float32))[0]
            labels = scores.argmax(axis=-1 if scores.shape[-1] == self.classes else 0)
        return Findings(Detections.none(), label_map=labels.astype(np.uint8))

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


def _covers(sides: tuple[int, ...], seen: Seen) -> bool:
    """True if a map covers the input evenly, at its size or a fraction of it."""
    height, width = seen.size
    return min(sides) >= 8 and abs(height / sides[0] - width / sides[1]) < 0.35 and sides[0] <= height


def _are_scores(array: np.ndarray, axis: int, seen: Seen) -> bool:
    """True if a map can hold class scores, as opposed to distances, a picture, or a detector's level."""
    channels = array.shape[axis]
    if channels == 1:
        # Scores outside 0..1 are logits, some of which are negative; distances are all positive.
        return _whole(array) or is_share(array) or float(array.min()) < 0
    if array.min() == array.max():
        raise ModelError("its scores are all equal for a textured picture")
    if seen.named is None and channels % 85 == 0:  # three anchors with objectness and COCO's classes
        return False
    sums = np.asarray(array, np.float32).sum(axis=axis)
    picture = channels == 3 and float(array.min()) >= 0 and not (np.abs(sums - 1) < 0.05).all()
    return not picture or seen.named == 3


def _whole(array: np.ndarray) -> bool:
    return bool((array == np.rint(array)).all())
