"""DETR and its relatives without post-processing: a box (centre and size in 0..1) and classes for each of Q queries.

- DETR, RF-DETR, RT-DETR, D-FINE as exported by their trainers or Hugging Face: logits 1xQxC and boxes 1xQx4. DETR
  applies a softmax, with "no object" as the last class; the others a sigmoid.
- RT-DETR by Ultralytics: one output, 1xQx(4+C), probabilities.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models.decoders.decoder import (
    IMAGENET,
    Array,
    Decoder,
    Outputs,
    Seen,
    best_of,
    corners,
    finite,
    floats,
    found,
    is_share,
    quiet,
    sigmoid,
    softmax,
)
from edge_daemon.models.decoders.grid import grid_of
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_SHARE = Recipe(fit="stretch", color="rgb", scale=1 / 255)


class Detr(Decoder):
    """Decodes boxes and logits; with `nothing`, the last class stands for "no object"."""

    name = "detr"
    needs_nms = False

    def __init__(
        self, size: tuple[int, int], boxes: str, logits: str, columns: int, *, nothing: bool, spare: bool
    ) -> None:
        self.classes: int = columns - (nothing or spare)
        # COCO's 91 category ids are used by models trained as DETR is, on normalised pictures; RF-DETR is known by the
        # names of its outputs.
        normalised = nothing or columns == 91 or (boxes, logits) == ("dets", "labels")
        self.recipe = IMAGENET if normalised else _SHARE
        self._boxes, self._logits, self._nothing = boxes, logits, nothing
        self._whole = np.array([size[1], size[0]], np.float32)
        activation = "softmax, the last: no object" if nothing else "sigmoid, the last: unused" if spare else "sigmoid"
        self.why = f"boxes in 0..1 and {columns} logits ({activation}) for each query"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        tables = {name: array for name, array in seen.outputs.items() if array.ndim == 3 and array.shape[0] == 1}
        if len(tables) != 2 or len(seen.outputs) != 2:
            return
        fours = [name for name, array in tables.items() if array.shape[2] == 4 and is_share(array)]
        others = [name for name in tables if name not in fours]
        if len(fours) != 1 or tables[fours[0]].shape[1] != tables[others[0]].shape[1]:
            return
        logits = np.asarray(tables[others[0]][0], np.float32)
        # Probabilities over a grid of cells belong to other layouts.
        if logits.shape[1] < 2 or is_share(logits) or grid_of(len(logits), seen.size):
            return
        nothing = _has_nothing(finite(logits), seen)
        # RF-DETR trained on N classes has N + 1 logits.
        spare = not nothing and seen.named == logits.shape[1] - 1
        quiet((softmax(logits)[:, :-1] if nothing else sigmoid(logits)).max(axis=1))
        yield cls(seen.size, fours[0], others[0], logits.shape[1], nothing=nothing, spare=spare)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        logits = finite(np.asarray(outputs[self._logits], np.float32)[0])
        scores = (softmax(logits) if self._nothing else sigmoid(logits))[:, : self.classes]
        return _found(np.asarray(outputs[self._boxes], np.float32)[0], scores, self._whole, confidence)


class Rtdetr(Decoder):
    """Decodes one output of boxes and probabilities."""

    name = "rtdetr"
    recipe = _SHARE
    needs_nms = False

    def __init__(self, size: tuple[int, int], queries: int, columns: int) -> None:
        self.classes: int = columns - 4
        self._whole = np.array([size[1], size[0]], np.float32)
        self.why = f"1x{queries}x{columns}, boxes and probabilities in 0..1 for each query"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        array = next(iter(seen.outputs.values()))
        if len(seen.outputs) != 1 or array.ndim != 3 or array.shape[0] != 1 or not is_share(array):
            return
        if not floats(seen.outputs):
            return
        _, queries, columns = array.shape
        if columns < 5 or queries > 1000 or grid_of(queries, seen.size) or seen.task not in ("", "detect"):
            return
        if columns - 4 == (seen.named or 80):
            quiet(np.asarray(array[0, :, 4:], np.float32).max(axis=1))
            yield cls(seen.size, queries, columns)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        rows = finite(np.asarray(next(iter(outputs.values())), np.float32)[0])
        return _found(rows[:, :4], rows[:, 4:], self._whole, confidence)


def _found(boxes: Array, scores: Array, whole: Array, confidence: float) -> Findings:
    kept, top, best = best_of(scores, confidence)
    chosen = finite(boxes[kept])
    return found(corners(chosen[:, :2] * whole, chosen[:, 2:] * whole), top, best)


def _has_nothing(logits: Array, seen: Seen) -> bool:
    """True if the last class is "no object": it has no name, and most queries choose it on a texture."""
    columns = logits.shape[1]
    if seen.named == columns:
        return False
    share = float((logits.argmax(axis=1) == columns - 1).mean())
    return share > (0.5 if seen.named == columns - 1 else 0.8)
