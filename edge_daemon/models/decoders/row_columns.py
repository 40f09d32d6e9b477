"""Orders of the columns of rows: as the configuration or an output's name states them, or as exporters usually do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import RGB_SHARE, Seen
from edge_daemon.models.decoders.prototypes import channels_first
from edge_daemon.models.decoders.yolov8 import kpt_shape
from edge_daemon.models.evidence import Sign, Sure
from edge_daemon.models.preprocess import Recipe
from edge_daemon.settings import Column, Order, Unit

_STRETCHED = Recipe(fit="stretch", color="rgb", scale=1 / 255)
_CAFFE = Recipe(fit="stretch", color="bgr", scale=1.0)
_EFFICIENTDET = Recipe(fit="corner", color="rgb", scale=1.0, pad=0)
_PARTS = (
    ("batchno", "batch"), ("batch", "batch"), ("classid", "class"), ("label", "class"), ("class", "class"),
    ("score", "score"), ("x1y1x2y2", "box"), ("xyxy", "box"), ("y1x1y2x2", "box"), ("yxyx", "box"),
    ("cxcywh", "box"), ("xywh", "box"), ("boxes", "box"),
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Where a row has its parts: `box` is the first of four columns, `batch` the column of the picture, or None."""

    box: int
    score: int
    kind: int
    batch: int | None = None

    @property
    def first_four(self) -> slice:
        """The columns of the box."""
        return slice(self.box, self.box + 4)

    @classmethod
    def of(cls, listed: Sequence[Column]) -> Self:
        """The columns in this order, where `box` stands for four.

        Raises:
            ModelError: one is missing.
        """
        places: dict[str, int] = {}
        at = 0
        for column in listed:
            places.setdefault(column, at)
            at += 4 if column == "box" else 1
        if missing := {"box", "score", "class"} - set(places):
            raise ModelError(f"`boxes.columns` lacks {', '.join(sorted(missing))}")
        return cls(places["box"], places["score"], places["class"], places.get("batch"))


@dataclass(frozen=True)
class Habit:
    """A usual order of columns, with what its exporters do otherwise."""

    exporter: str
    columns: tuple[Column, ...]
    recipe: Recipe
    order: Order = "xyxy"
    unit: Unit | None = None
    first_class: int = 0

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.columns) + 3

    def __str__(self) -> str:
        return ", ".join("picture" if column == "batch" else column for column in self.columns)


DETECTION_OUTPUT = Habit(
    "DetectionOutput", ("batch", "class", "score", "box"), _CAFFE, unit="share", first_class=1
)  # fmt: skip
_ULTRALYTICS = Habit("Ultralytics and DeepStream-Yolo", ("box", "score", "class"), RGB_SHARE)
_PADDLE = Habit("PaddleDetection", ("class", "score", "box"), _STRETCHED)
_AUTOML = Habit("EfficientDet", ("batch", "box", "score", "class"), _EFFICIENTDET, "yxyx", first_class=1)
_HABITS = (
    _ULTRALYTICS,
    _PADDLE,
    Habit("PINTO's model zoo", ("class", "box", "score"), _STRETCHED),
    Habit("own exports", ("box", "class", "score"), RGB_SHARE),
    Habit("YOLOv7", ("batch", "box", "class", "score"), RGB_SHARE),
    Habit("YOLO-NAS", ("batch", "box", "score", "class"), RGB_SHARE),
    Habit("PINTO's model zoo", ("batch", "class", "score", "box"), RGB_SHARE),
)


def because(habit: Habit, seen: Seen) -> tuple[str, Sure]:
    """The reason for a habit, and how sure it is."""
    if seen.is_ultralytics and habit is _ULTRALYTICS:
        return "its metadata is Ultralytics'", "known"
    if habit is _PADDLE and any("nms" in name.lower() for name in seen.outputs):
        return "its outputs are named as Paddle's", "known"
    return f"usual for {habit.exporter}", "likely"


def orders(
    seen: Seen, output: str, width: int, task: str, prototypes: str | None
) -> Iterator[tuple[Habit, Columns, Sure]]:
    """The orders of columns that a table of this width may have, the likeliest first."""
    if seen.boxes.columns:
        listed = seen.boxes.columns
        total = len(listed) + 3 * listed.count("box")
        if total > width or (total < width and task in ("", "detect")):  # other tasks have a tail
            raise ModelError(f"`boxes.columns` are {total} columns, `box` being four, but its rows have {width}")
        usual = next((habit for habit in _HABITS if list(habit.columns) == listed), _ULTRALYTICS)
        yield replace(usual, columns=tuple(listed)), Columns.of(listed), "known"
        return
    if named := _named_columns(output):
        usual = next((habit for habit in _HABITS if habit.columns == named), _ULTRALYTICS)
        yield replace(usual, exporter="PINTO's model zoo", columns=named), Columns.of(named), "known"
        return
    if task in ("segment", "pose", "obb"):
        if _has_tail(width - 6, task, seen, prototypes):
            yield _ULTRALYTICS, Columns.of(_ULTRALYTICS.columns), "known"
        return
    if width == 6 and seen.is_ultralytics:
        yield _ULTRALYTICS, Columns.of(_ULTRALYTICS.columns), "known"
        return
    taken = set()
    for habit in _preferred(seen, output):
        if habit.width == width and habit.columns not in taken:
            taken.add(habit.columns)
            yield habit, Columns.of(habit.columns), "likely"


def _preferred(seen: Seen, output: str) -> list[Habit]:
    """All habits, those first of which there is a sign."""
    array = seen.outputs[output]
    if array.ndim == 4 or "detection_out" in output.lower() or "DetectionOutput" in seen.graph.operators:
        return [DETECTION_OUTPUT]
    signs = [_PADDLE] if any(is_count(seen, name) for name in seen.outputs) or _is_paddle(seen, output) else []
    if seen.channels_last or output.lower().startswith("detections"):
        signs.append(_AUTOML)
    return [*signs, *(habit for habit in (*_HABITS, _AUTOML) if habit not in signs)]


def _is_paddle(seen: Seen, output: str) -> bool:
    return "scale_factor" in seen.helpers or "im_shape" in seen.helpers or "nms" in output.lower()


def is_count(seen: Seen, name: str) -> bool:
    """True if an output counts rows: whole numbers, one a picture."""
    array = seen.outputs[name]
    return array.size == 1 and bool(np.issubdtype(array.dtype, np.integer)) and array.ndim <= 2


def _named_columns(output: str) -> tuple[Column, ...] | None:
    """The columns that an output's name lists, as in PINTO's model zoo."""
    parts: list[Any] = []
    for word in output.lower().split("_"):
        part = next((column for start, column in _PARTS if word == start), None)
        if part is None:
            return None
        parts.append(part)
    return tuple(parts) if {"box", "score", "class"} <= set(parts) else None


def named_order(output: str) -> Sign[Order] | None:
    """The order of a box that an output's name states."""
    orders: Sequence[tuple[str, Order]] = (
        ("x1y1x2y2", "xyxy"), ("xyxy", "xyxy"), ("y1x1y2x2", "yxyx"), ("yxyx", "yxyx"), ("cxcywh", "cxcywh"),
    )  # fmt: skip
    return next((Sign(order, f"the name {output}", "known") for word, order in orders if word in output.lower()), None)


def _has_tail(columns: int, task: str, seen: Seen, prototypes: str | None) -> bool:
    """True if the task needs this number of columns after box, score and class."""
    if task == "segment":
        return prototypes is not None and columns == channels_first(seen.outputs[prototypes]).shape[1]
    if task == "pose":
        points, each = kpt_shape(seen)
        return columns == points * each
    return columns == 1
