"""Outputs of detections in columns, by role: from names and shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import Outputs, Seen, is_share
from edge_daemon.models.decoders.instance_masks import Masks, masks_among
from edge_daemon.models.decoders.listed import whole_numbers

_POINTS = (5, 17, 21, 26, 133)
"""Numbers of keypoints in common sets."""


@dataclass(frozen=True)
class Columns:
    """Output names by role; without `scores`, scores are the fifth column of the boxes, and without `classes` there is
    one class. `count` is the number of rows in use; `keypoints` (NxKx3) may have their scores apart (NxK).
    """

    boxes: str
    classes: str | None = None
    scores: str | None = None
    count: str | None = None
    masks: Masks | None = None
    keypoints: str | None = None
    point_scores: str | None = None
    left_out: tuple[str, ...] = ()


def columns_of(seen: Seen) -> Iterator[Columns]:
    """Output names by role, from names and shapes; several if nothing distinguishes scores from classes, none if the
    outputs have another layout.
    """
    outputs = dict(seen.outputs)
    masks = masks_among(outputs)
    keypoints = next((name for name, array in outputs.items() if _are_points(name, array)), None)
    sure = next((name for name in outputs if "keypoint" in name.lower() and "score" in name.lower()), None)
    aside = {keypoints, sure, masks.output if masks else None}
    rest = {name: array for name, array in outputs.items() if name not in aside}
    named = _named(rest)
    for columns in [named] if named else _shaped(rest, has_points=keypoints is not None):
        yield replace(columns, masks=masks, keypoints=keypoints, point_scores=sure)


def _shaped(outputs: Outputs, *, has_points: bool) -> Iterator[Columns]:
    """Output names by role, from shapes above all."""
    boxes = _boxes_among(outputs)
    if boxes is None:
        return
    rows = tables.rows(outputs[boxes]) or 0
    lists = {name: array for name, array in outputs.items() if name != boxes and _is_list(array, rows)}
    others = {name: array for name, array in outputs.items() if name != boxes and name not in lists}
    if rows == 1 and len(lists) == 3:
        others |= {name: lists.pop(name) for name in list(lists) if "num" in name.lower()}
    if len(others) > 1 or any(array.size != 1 for array in others.values()):
        return
    count = next(iter(others), None)
    if outputs[boxes].shape[-1] == 5:
        if not lists and not others and has_points:
            yield Columns(boxes)
        if len(lists) == 1:
            yield Columns(boxes, next(iter(lists)), None, count)
    elif len(lists) == 2:
        classes = _classes_among(lists)
        is_unused = not any(array.any() for array in lists.values())
        for kinds in [classes] if classes else lists if is_unused else ():
            yield Columns(boxes, kinds, next(name for name in lists if name != kinds), count)


def _named(outputs: Outputs) -> Columns | None:
    """The four of TensorFlow, by name (with `:0` or without): newer exports have eight and more, these among them."""
    by_name = {name.lower().split(":")[0].split("/")[-1]: name for name in outputs}
    wanted = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    if not all(name in by_name for name in wanted[:3]):
        return None
    boxes, classes, scores = (by_name[name] for name in wanted[:3])
    left = tuple(name for name in outputs if name.lower().split(":")[0].split("/")[-1] not in wanted)
    return Columns(boxes, classes, scores, by_name.get(wanted[3]), left_out=left)


def _boxes_among(outputs: Outputs) -> str | None:
    """The output of boxes: a table of four or five columns, by name if several are."""
    found = tables.tables(outputs, 4, 5)
    found = {name: array for name, array in found.items() if not whole_numbers(array)}
    most = max((array.ndim for array in found.values()), default=0)
    found = {name: array for name, array in found.items() if array.ndim == most}
    if len(found) > 1:
        found = {name: array for name, array in found.items() if "box" in name.lower() or "det" in name.lower()}
    return next(iter(found)) if len(found) == 1 else None


def _is_list(array: NDArray[np.generic], rows: int) -> bool:
    return array.size == rows and (tables.length(array) == rows or rows <= 1) and array.ndim <= 3


def _are_points(name: str, array: NDArray[np.generic]) -> bool:
    """True if an output is keypoints of detections, by name or number: NxKx3."""
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or not np.issubdtype(array.dtype, np.floating):
        return False
    return "keypoint" in name.lower() or array.shape[-2] in _POINTS


def _classes_among(lists: Mapping[str, NDArray[np.generic]]) -> str | None:
    """The one of two lists that holds classes: it has integers, or a name of classes."""
    whole = [name for name, array in lists.items() if whole_numbers(array)]
    named = [name for name in lists if any(word in name.lower() for word in ("label", "class", "cls"))]
    not_scores = [name for name in lists if "score" not in name.lower()]
    unlike = [name for name, array in lists.items() if not is_share(array)]
    for found in (whole, named, not_scores, unlike):
        if len(found) == 1:
            return found[0]
    return None
