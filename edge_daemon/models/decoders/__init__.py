"""Output layouts, and which of them a model has: told from what it makes of a textured picture."""

import difflib
from collections.abc import Mapping

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import Array, Decoder, checked, finite
from edge_daemon.models.decoders.grid import Grid, grid_of, units
from edge_daemon.models.decoders.yolov8 import Yolov8
from edge_daemon.models.decoders.yolox import Yolox

NAMES = (Yolox.name, Yolov8.name)
_KNOWN = "decoders exist for YOLOX (1xNx(5+C)) and YOLOv8/11 detection (1x(4+C)xN)"


def choose(
    name: str,
    outputs: Mapping[str, Array],
    size: tuple[int, int],
    metadata: Mapping[str, str],
    named_classes: int | None,
) -> Decoder:
    """The decoder called `name`, or with `auto` the one that fits, for a model's outputs.

    `outputs` are what the model made of a textured picture, `size` is its input's height and width,
    `metadata` what its file says of itself, and `named_classes` how many classes it or the configuration
    names.

    Raises:
        ModelError: no decoder fits surely; says what was seen.
    """
    _check_name(name)
    _check_metadata(metadata)
    seen = ", ".join(f"{output} {'x'.join(map(str, array.shape))}" for output, array in outputs.items())
    array = next(iter(outputs.values()))
    if len(outputs) != 1 or array.ndim != 3 or array.shape[0] != 1:
        raise ModelError(f"its output layout is not known ({seen}): {_KNOWN}")
    finite(array)
    decoder = _by_shape(name, array, size, named_classes, seen)
    if name not in ("auto", decoder.name):
        raise ModelError(f"its output ({seen}) is not what `decoder: {name}` reads; leave `decoder` at auto")
    return decoder


def _check_name(name: str) -> None:
    if name not in ("auto", *NAMES):
        close = difflib.get_close_matches(name, ("auto", *NAMES), n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are auto, {', '.join(NAMES)}"
        raise ModelError(f"there is no decoder {name!r}: {hint}")


def _check_metadata(metadata: Mapping[str, str]) -> None:
    """Ultralytics writes what a model is for; others write nothing."""
    task = metadata.get("task", "detect")
    if task != "detect":
        raise ModelError(f"it was made for the task {task!r}, not to detect: {_KNOWN}")
    if metadata.get("end2end", "").lower() == "true":
        raise ModelError(
            "it was exported end to end, with the choice of boxes inside: export it with end2end=False; " + _KNOWN
        )


def _by_shape(name: str, array: Array, size: tuple[int, int], named_classes: int | None, seen: str) -> Decoder:
    _, rows, columns = array.shape
    across, down = grid_of(columns, size), grid_of(rows, size)
    if across and rows > 4 and not down:
        return _yolov8(array, across, transposed=False)
    if down and columns > 4 and not across:
        return _row_a_cell(name, array, down, named_classes, seen)
    where = f"its output layout is not known ({seen}, for an input of {size[0]}x{size[1]})"
    if columns > 5 and grid_of(rows, size, boxes_a_cell=3):
        raise ModelError(f"{where}: it looks like YOLOv5 or YOLOv7, with three boxes a cell; {_KNOWN}")
    if columns == 6:
        raise ModelError(f"{where}: it looks like an export with NMS inside; export it without; {_KNOWN}")
    raise ModelError(f"{where}: {_KNOWN}")


def _row_a_cell(name: str, array: Array, grid: Grid, named_classes: int | None, seen: str) -> Decoder:
    """A row for each cell: YOLOX, or YOLOv8 transposed."""
    columns = array.shape[2]
    measured = units(array[0, :, :2], grid)
    if measured == "offsets" and columns > 5:
        checked(array[..., 4:])
        return Yolox(grid, columns, in_pixels=False)
    if measured != "pixels":
        raise ModelError(f"its boxes ({seen}) are measured neither in pixels nor from their cells: {_KNOWN}")
    fits = {5: columns > 5 and name in ("auto", "yolox"), 4: name in ("auto", "yolov8")}
    if fits[5] and fits[4]:
        # Whether column 4 is objectness or a class shows only in how many classes there are; COCO has 80.
        classes = named_classes or 80
        fits = {extra: columns - extra == classes for extra in fits}
    if fits[4]:
        return _yolov8(array, grid, transposed=True)
    if not fits[5]:
        raise ModelError(
            f"its output ({seen}) could be YOLOX's or YOLOv8's transposed: "
            f"name the {columns - 5} or {columns - 4} classes in `labels`, or set `decoder`"
        )
    checked(array[..., 4:])
    if (array[..., 4] == 1).all():
        raise ModelError(f"every box ({seen}) has objectness 1, as in YOLOv6: {_KNOWN}")
    return Yolox(grid, columns, in_pixels=True)


def _yolov8(array: Array, grid: Grid, *, transposed: bool) -> Decoder:
    channels = array[0].T if transposed else array[0]
    scores = checked(channels[4:])
    if units(channels[:2].T, grid) != "pixels":
        raise ModelError(f"its boxes have YOLOv8's layout but are not measured in pixels of the input: {_KNOWN}")
    if not scores.any() and len(np.unique(array)) <= 256:
        raise ModelError(
            "every score is 0: its output was quantised to 8 bits with one scale for boxes and scores; "
            "export it in floating point, or leave its last layers out of the quantisation"
        )
    return Yolov8(grid, len(channels), transposed=transposed)
