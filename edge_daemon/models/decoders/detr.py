"""DETR and its relatives without post-processing: a box (in 0..1, nearly always centre and size) and classes for each
of Q queries.

- DETR, RF-DETR, RT-DETR, D-FINE as exported by their trainers or Hugging Face: logits 1xQxC and boxes 1xQx4. DETR
  applies a softmax, with "no object" as the last class; the others a sigmoid. RF-DETR-Seg adds masks, 1xQxhxw.
- RT-DETR by Ultralytics: one output, 1xQx(4+C), probabilities.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models import tables
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
from edge_daemon.models.decoders.instance_masks import masks_among
from edge_daemon.models.decoders.listed import Listing, order_of
from edge_daemon.models.decoders.prototypes import with_masks
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Sign, fact
from edge_daemon.models.preprocess import Placement, Recipe
from edge_daemon.settings import Order

_SHARE = Recipe(fit="stretch", color="rgb", scale=1 / 255)
OUTSIDE = 0.5
CLEAR = 4.0
"""By this much the logit of "no object" exceeds all others on a texture: a probability of 0.98."""


class Detr(Decoder):
    """Decodes boxes and logits. With `nothing`, the last class stands for "no object"; with `spare` it is not used."""

    name = "detr"
    reads = frozenset({"activation", "order"})
    needs_nms = False

    def __init__(
        self, seen: Seen, boxes: str, logits: str, nothing: Sign[bool], order: Sign[Order], *, spare: bool
    ) -> None:
        self._list = Listing(seen.size, order.value, "share")
        columns = seen.outputs[logits].shape[-1]
        self.classes: int = columns - (nothing.value or spare)
        # COCO's 91 category ids are used by models trained as DETR is, on normalised pictures; RF-DETR is known by the
        # names of its outputs.
        normalised = nothing.value or columns == 91 or (boxes, logits) == ("dets", "labels")
        self.recipe = IMAGENET if normalised else _SHARE
        self._boxes, self._logits, self._nothing = boxes, logits, nothing.value
        self._size = seen.size
        self._masks = masks_among(seen.outputs)
        activation = "softmax, the last: no object" if self._nothing else "sigmoid"
        activation += ", the last: unused" if spare else ""
        self.why = f"boxes in 0..1 and {columns} logits for each query"
        key = "softmax" if self._nothing else "sigmoid"
        self.facts = [
            fact("order of a box", order, key=f"boxes: {{order: {order.value}}}"),
            fact("activation", nothing, activation, f"boxes: {{activation: {key}}}"),
        ]
        self.pinned = {"activation": key, "order": order.value}

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        masks = masks_among(seen.outputs)
        outputs = {name: array for name, array in seen.outputs.items() if not (masks and name == masks.output)}
        # optimum adds the hidden states of Hugging Face's models.
        named: dict[str, NDArray[np.generic]] = {n: outputs[n] for n in ("logits", "pred_boxes") if n in outputs}
        outputs = named if len(named) == 2 else outputs
        matrices = {name: matrix for name, array in outputs.items() if (matrix := tables.matrix(array)) is not None}
        if len(matrices) != 2 or len(outputs) != 2:
            return
        fours = [name for name, array in matrices.items() if array.shape[1] == 4 and _near_share(array)]
        others = [name for name in matrices if name not in fours]
        if len(fours) != 1 or len(matrices[fours[0]]) != len(matrices[others[0]]):
            return
        logits = np.asarray(matrices[others[0]], np.float32)
        # Probabilities over a grid of cells belong to other layouts.
        if is_share(logits) or grid_of(len(logits), seen.size) or np.issubdtype(matrices[others[0]].dtype, np.integer):
            return
        # Corners are those of SSDs, whose NMS is left to be done.
        order = order_of(seen, _rows(matrices[fours[0]]), [Sign("cxcywh", "usual for queries")])
        if order is None or (order.value == "xyxy" and seen.boxes.order is None):
            return
        nothing = _nothing(finite(logits), seen)
        # RF-DETR trained on N classes has N + 1 logits.
        spare = not nothing.value and seen.named == logits.shape[1] - 1
        quiet((softmax(logits)[:, :-1] if nothing.value else sigmoid(logits)).max(axis=1))
        decoder = cls(seen, fours[0], others[0], nothing, order, spare=spare)
        read = {fours[0], others[0], masks.output if masks else ""}
        decoder.left_out = tuple(name for name in seen.outputs if name not in read)
        yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        logits = finite(_rows(outputs[self._logits]))
        scores = (softmax(logits) if self._nothing else sigmoid(logits))[:, : self.classes]
        kept, top, best = best_of(scores, confidence)
        coefficients = kept[:, None].astype(np.float32) if self._masks else None
        boxes = self._list.boxes(finite(_rows(outputs[self._boxes])[kept]))
        return found(boxes, top, best, coefficients=coefficients)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add the masks of the selected detections; each carries its row as its coefficient."""
        if self._masks is None:
            return found
        return Findings(with_masks(found.detections, self._masks.of(found.detections, outputs, placement, self._size)))


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
        array = tables.matrix(next(iter(seen.outputs.values())))
        if len(seen.outputs) != 1 or array is None or not is_share(array) or not floats(seen.outputs):
            return
        queries, columns = array.shape
        if columns < 5 or queries > 1000 or grid_of(queries, seen.size) or seen.task not in ("", "detect"):
            return
        if columns - 4 == (seen.named or 80):
            quiet(np.asarray(array[:, 4:], np.float32).max(axis=1))
            yield cls(seen.size, queries, columns)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        rows = finite(_rows(next(iter(outputs.values()))))
        kept, top, best = best_of(rows[:, 4:], confidence)
        return found(corners(rows[kept, :2] * self._whole, rows[kept, 2:4] * self._whole), top, best)


def _rows(array: NDArray[np.generic]) -> Array:
    """A table (float32 NxK), without the axis of the batch."""
    return np.asarray(array, np.float32).reshape(-1, array.shape[-1])


def _near_share(boxes: NDArray[np.generic]) -> bool:
    """True if boxes (Nx4) are shares of the input; corners may lie a little outside of it."""
    is_float = np.issubdtype(boxes.dtype, np.floating) and bool(boxes.size)
    return is_float and bool(boxes.min() >= -OUTSIDE and boxes.max() <= 1 + OUTSIDE)


def _nothing(logits: Array, seen: Seen) -> Sign[bool]:
    """True if the last class is "no object", for logits (float32 QxC) of a texture.

    Most queries then choose it, and clearly: its probability is near 1. Logits for a sigmoid are all well below 0 on a
    texture, though one class may be the most frequent.
    """
    columns = logits.shape[1]
    if seen.boxes.activation:
        return Sign(seen.boxes.activation == "softmax", "`boxes` states it", "known")
    if columns == 1 or seen.named == columns:
        return Sign(False, "each column has a name" if seen.named else "there is one column", "known")
    top = float(np.median(logits.max(axis=1)))
    chosen = float((logits.argmax(axis=1) == columns - 1).mean())
    margin = float(np.median(logits[:, -1] - logits[:, :-1].max(axis=1)))
    if chosen < (0.5 if seen.named == columns - 1 else 0.8):
        return Sign(False, f"{chosen:.0%} of the queries prefer the last class on a texture", "proved")
    because = f"{chosen:.0%} of the queries prefer the last class on a texture, by {margin:.1f}"
    if top > 0 or margin > CLEAR:
        return Sign(True, because, "proved" if top > 0 and margin > CLEAR else "likely")
    return Sign(False, f"{because}, but no logit is above 0", "proved" if margin < CLEAR / 2 else "likely")
