"""Detections that a model lists: boxes, scores and class numbers, in rows or in columns of their own.

Such lists differ in the order and unit of a box, in the number of the first class, and in whether NMS is left to be
done. `Listed` decodes them all; `rows` and `finished` find the columns and these properties.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import coco
from edge_daemon.models.decoders.decoder import Array, Decoder, Seen, checked, corners, finite, found
from edge_daemon.models.decoders.grid import centred, cornered, grid_of
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Fact, Sign, asked, fact, weigh
from edge_daemon.settings import Order, Unit

SHARES = 2
"""Boxes in pixels extend further than this from the corner; smaller numbers are shares of the picture."""
ENOUGH = 8
"""Fewest boxes that distinguish corners from centre and size."""
MOSTLY = 0.5
"""A larger share of boxes than this cannot be unused."""
MANY = 1000
"""More rows than this are not what NMS leaves."""
_WORDS = {"xyxy": "left, top, right, bottom", "yxyx": "top, left, bottom, right", "cxcywh": "centre and size"}


@dataclass(frozen=True)
class Listing:
    """The properties of a list. A `unit` of None follows from each picture's boxes, and one that the configuration
    states is not checked by them; `first_class` None is undecided: classes are published under the model's own numbers,
    without names.
    """

    size: tuple[int, int]
    order: Order = "xyxy"
    unit: Unit | None = None
    first_class: int | None = 0
    named: int | None = None
    unit_stated: bool = False

    def findings(
        self, boxes: Array, scores: Array, classes: Array, confidence: float, more: dict[str, Array] | None = None
    ) -> Findings:
        """Findings at or above `confidence` from boxes (float32 Nx4), scores and classes (N each).

        Raises:
            ModelError: values are not what such a list has.
        """
        sure = checked(finite(scores)) >= confidence
        kinds = finite(classes[sure])
        if not is_whole(kinds):
            raise ModelError("its classes are not whole numbers")
        kinds = np.rint(kinds) - (self.first_class or 0)
        if (kinds < 0).any():
            raise ModelError("it returns class 0, but its classes count from 1")
        if self.named is not None and self.first_class is not None and kinds.size and kinds.max() >= self.named:
            raise ModelError(
                f"it returns class {int(kinds.max()) + (self.first_class or 0)}, but only {self.named} are named: set "
                "`labels` to one name for each class"
            )
        chosen = self.boxes(boxes[sure])
        return found(chosen, scores[sure], kinds, **{name: column[sure] for name, column in (more or {}).items()})

    def boxes(self, boxes: Array) -> Array:
        """Boxes (float32 Nx4) as left, top, right, bottom in pixels of the input.

        Raises:
            ModelError: they are shares, where boxes are in pixels, or are no corners.
        """
        height, width = self.size
        if self.order == "yxyx":
            boxes = boxes[:, [1, 0, 3, 2]]
        elif self.order == "cxcywh":
            boxes = corners(boxes[:, :2], boxes[:, 2:4])
        flat = (boxes[:, 2:4] <= boxes[:, :2]).any(axis=1)
        if flat.size and flat.mean() > MOSTLY:
            raise ModelError(
                f"{int(flat.sum())} of its {len(boxes)} boxes have no area: if they are centre and size, set "
                "`boxes: {order: cxcywh}`"
            )
        are_small = bool(boxes.size) and float(np.abs(boxes).max()) <= SHARES
        if are_small and self.unit == "pixel" and not self.unit_stated:
            raise ModelError(
                "its boxes look like shares of the picture, but those of the test picture were in pixels: set "
                "`boxes: {unit: share}` or `boxes: {unit: pixel}`"
            )
        is_share = self.unit == "share" or (self.unit is None and are_small)
        return boxes * np.array([width, height] * 2, np.float32) if is_share else boxes


class Listed(Decoder):
    """A decoder of a list; `first` is the sign for the number of its first class, None without any."""

    _list: Listing
    first: Sign[int] | None = None

    def otherwise(self) -> Sequence["Listed"]:
        """See `Decoder.otherwise`."""
        if self.first and self.first.sure != "likely":
            return ()
        return [self._numbered(number) for number in (0, 1) if not self.first or number != self.first.value]

    def _numbered(self, first: int) -> "Listed":
        """The same reading with classes that count from this number, as a frame has shown."""
        other = copy(self)
        other._list = replace(self._list, first_class=first)
        other.first = Sign(first, "a frame has shown it", "proved")
        other.is_named = True
        other.pinned = {**self.pinned, "first_class": first}
        other.facts = [one for one in self.facts if one.what != "first class"]
        other.facts.append(fact("first class", other.first, key=f"boxes: {{first_class: {first}}}"))
        return other


def is_whole(classes: Array) -> bool:
    """True if numbers (float32, N) are whole ones."""
    return bool((np.abs(classes - np.rint(classes)) < 1e-3).all())


def order_of(seen: Seen, boxes: Array, signs: Sequence[Sign[Order] | None]) -> Sign[Order] | None:
    """The order of the numbers of boxes (float32 Nx4 in all rows); None if there is no sign.

    Centre and size rarely look like two corners, so a number of boxes that do are corners; only TensorFlow's, whose
    channels are last, have the top first.
    """
    stated: Any = asked(seen.boxes, "order")
    usual = weigh([stated, *signs])
    if usual and usual.sure == "known":
        return usual
    if grid := cells_of(seen, len(boxes)):
        if centred(boxes, grid):
            return Sign("cxcywh", "the first two numbers follow the cells of the grid", "proved")
        if cornered(boxes, grid):
            return Sign("xyxy", "both corners follow the cells of the grid", "proved")
        if cornered(boxes[:, [1, 0, 3, 2]], grid):
            return Sign("yxyx", "both corners follow the cells of the grid, rows first", "proved")
    filled = boxes[(boxes != 0).any(axis=1)] if boxes.size else boxes
    are_corners = len(filled) >= ENOUGH and bool((filled[:, 2:] >= filled[:, :2]).all())
    if are_corners and not seen.channels_last and (usual is None or usual.value != "yxyx"):
        return Sign("xyxy", f"all of {len(filled)} boxes have their corners in this order", "proved")
    flat = float((filled[:, 2:] <= filled[:, :2]).any(axis=1).mean()) if len(filled) >= ENOUGH else 0.0
    if flat > MOSTLY and (usual is None or usual.value != "yxyx"):
        because = f"as corners, {flat:.0%} of {len(filled)} boxes would have no area"
        return Sign("cxcywh", because, "proved" if usual and usual.value == "cxcywh" else "likely")
    return usual


def cells_of(seen: Seen, rows: int) -> Any:
    """The grid if there is a row for each of its cells or anchors; None if not."""
    return next((grid for anchors in (1, 3) if (grid := grid_of(rows, seen.size, anchors))), None)


def unit_of(seen: Seen, boxes: Array, habit: Sign[Unit] | None = None) -> Sign[Unit] | None:
    """The unit of boxes (float32 Nx4 that stand for something); None if nothing shows it."""
    stated: Any = asked(seen.boxes, "unit")
    largest = float(np.abs(boxes).max()) if boxes.size else 0.0
    proved = None
    if largest > SHARES:
        proved = Sign[Unit]("pixel", f"they go up to {largest:.0f}", "proved")
    elif largest > 0:
        proved = Sign[Unit]("share", f"they do not exceed {largest:.2f}", "proved")
    return weigh([stated, proved, habit])


def nms_of(seen: Seen, boxes: Array, order: Order) -> Sign[bool]:
    """True if NMS is left to be done, for boxes (float32 Nx4) in all rows."""
    stated: Any = asked(seen.boxes, "nms")
    proved = None
    if (grid := cells_of(seen, len(boxes))) and (centred(boxes, grid) or cornered(boxes, grid)):
        proved = Sign(True, "there is a row for each cell of the grid", "proved")
    elif len(boxes) > MANY:
        proved = Sign(True, f"there are {len(boxes)} rows", "proved")
    sign: Sign[bool] | None = weigh([stated, proved, Sign(False, f"there are {len(boxes)} rows", "proved")])
    assert sign
    return sign


def class_count(seen: Seen, output: str | None, numbers: Array, first: int | None) -> tuple[int | None, Fact | None]:
    """The number of classes: as the graph of an output of class numbers shows it; 80 or 90 if the numbers seen
    (float32, N) end just there, which is likely COCO; else None: nothing shows it.
    """
    count = seen.graph.modulus(output) if output else None
    if count and count > 1 and (not numbers.size or numbers.max() < count + (first or 0)):
        return count, None
    if seen.names is not None or not numbers.size or first is None:
        return None, None
    highest = round(float(numbers.max())) - first
    for count, key in ((80, "coco"), (90, "coco90")):
        if highest == count - 1:
            sign = Sign(coco.SETS[key][:3], f"{highest + first} is the highest class seen, as COCO's would be")
            return count, fact("names", sign, "COCO's", f"labels: {key}")
    return None, None


def listed_facts(
    order: Sign[Order], unit: Sign[Unit] | None, first: Sign[int] | None, nms: Sign[bool] | None
) -> list[Fact]:
    """The properties of a list as facts."""
    facts = [fact("order of a box", order, _WORDS[order.value], f"boxes: {{order: {order.value}}}")]
    if unit:
        facts.append(fact("unit of a box", unit, key=f"boxes: {{unit: {unit.value}}}"))
    if first:
        facts.append(fact("first class", first, key=f"boxes: {{first_class: {first.value}}}"))
    else:
        undecided = Sign("undecided", "neither a class 0 nor the last class was seen", "likely")
        facts.append(
            Fact("first class", "0 or 1, so classes have the model's own numbers and no names",
                 undecided.because, "likely", "boxes: {first_class: 0}")
        )  # fmt: skip
    if nms:
        text = "left to be done" if nms.value else "done"
        facts.append(fact("NMS", nms, text, f"boxes: {{nms: {str(nms.value).lower()}}}"))
    return facts


def pinned(
    order: Sign[Order], unit: Sign[Unit] | None, first: Sign[int] | None, nms: Sign[bool] | None
) -> dict[str, Any]:
    """The same as keys of `boxes`."""
    signs = {"order": order, "unit": unit, "first_class": first, "nms": nms}
    return {key: sign.value for key, sign in signs.items() if sign}


def whole_numbers(values: NDArray[np.generic]) -> bool:
    """True if an array (any shape) has an integer type."""
    return bool(np.issubdtype(values.dtype, np.integer))
