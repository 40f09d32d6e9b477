"""Milliseconds before and after inference, for a frame of 1280 x 720, on one core: the median of many.

    python benchmarks/stages.py [MODEL.onnx ...] [--picture FILE] [--rounds 200]

Beside what the daemon does stands what a script does that follows the models' own examples: letterbox, transpose, to
float, divide; then scores, classes and corners for every row, and NMS. Both take turns, and see the same outputs. Of
the examples only those of YOLOX and YOLOv8 are here; other models have no ratio.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.model import Model
from edge_daemon.models.preprocess import Recipe
from edge_daemon.settings import ModelSettings

WIDTH, HEIGHT = 1280, 720
CONFIDENCE, IOU = 0.25, 0.45
Array = NDArray[np.float32]
Plain = Callable[[Array, tuple[int, int]], list[tuple[Array, Array]]]


def plain_input(bgr: NDArray[np.uint8], size: tuple[int, int], recipe: Recipe) -> Array:
    """A picture as 1x3xHxW, step by step, each a new array."""
    height, width = size
    ratio = min(height / bgr.shape[0], width / bgr.shape[1])
    inner = round(bgr.shape[1] * ratio), round(bgr.shape[0] * ratio)
    resized = cv2.resize(bgr, inner, interpolation=cv2.INTER_LINEAR)
    right, below = width - inner[0], height - inner[1]
    left, top = (0, 0) if recipe.fit == "corner" else (right // 2, below // 2)
    sides = top, below - top, left, right - left
    padded = cv2.copyMakeBorder(resized, *sides, cv2.BORDER_CONSTANT, value=(recipe.pad,) * 3)
    if recipe.color == "rgb":
        padded = cv2.cvtColor(padded, cv2.COLOR_BGR2RGB)
    values = padded.astype(np.float32) * np.float32(recipe.scale)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def plain_yolox(output: Array, size: tuple[int, int]) -> list[tuple[Array, Array]]:
    """YOLOX's rows: every one decoded and scored in every class, then NMS class by class."""
    rows = output[0].copy()
    grids, strides = [], []
    for stride in (8, 16, 32):
        x, y = np.meshgrid(np.arange(size[1] // stride), np.arange(size[0] // stride))
        grids.append(np.stack((x, y), 2).reshape(-1, 2))
        strides.append(np.full((x.size, 1), stride))
    grid, step = np.concatenate(grids), np.concatenate(strides)
    rows[:, :2] = (rows[:, :2] + grid) * step
    rows[:, 2:4] = np.exp(rows[:, 2:4]) * step
    return by_class(rows[:, :4], rows[:, 4:5] * rows[:, 5:])


def plain_yolov8(output: Array, size: tuple[int, int]) -> list[tuple[Array, Array]]:
    """YOLOv8's columns, transposed; then as for YOLOX."""
    rows = output[0].T
    return by_class(rows[:, :4], rows[:, 4:])


def by_class(xywh: Array, scores: Array) -> list[tuple[Array, Array]]:
    """Boxes and scores of each class after NMS."""
    corners = np.concatenate((xywh[:, :2] - xywh[:, 2:] / 2, xywh[:, :2] + xywh[:, 2:] / 2), axis=1)
    kept = []
    for scored in scores.T:
        sure = scored > CONFIDENCE
        if sure.any():
            boxes = np.hstack((corners[sure, :2], corners[sure, 2:] - corners[sure, :2]))
            chosen = cv2.dnn.NMSBoxes(boxes.tolist(), scored[sure].tolist(), CONFIDENCE, IOU)
            kept.append((corners[sure][chosen], scored[sure][chosen]))
    return kept


PLAIN: dict[str, Plain] = {"yolox": plain_yolox, "yolov8": plain_yolov8}


class Spent:
    """Milliseconds before and after inference, round by round."""

    def __init__(self) -> None:
        self._before: list[float] = []
        self._after: list[float] = []

    def add(self, before: float, after: float) -> None:
        self._before.append(before)
        self._after.append(after)

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(self._before), statistics.median(self._after)

    def __str__(self) -> str:
        before, after = self.medians
        return f"{before:7.2f} {after:7.2f} {before + after:7.2f}"


def measure(path: str, bgr: NDArray[np.uint8], rounds: int) -> str:
    """One line of the table."""
    model = Model(ModelSettings(name=Path(path).stem, path=path, confidence=CONFIDENCE, iou=IOU))
    # The examples know one output, and nothing of masks or keypoints.
    boxes_only = len(model.outputs(bgr)) == 1 and "channels for" not in model.decoder.why
    plain = PLAIN.get(model.decoder.name) if boxes_only else None
    mine, theirs, found = Spent(), Spent(), 0
    for _ in range(rounds):
        findings, took = model.detect(bgr)
        mine.add(took.preprocess, took.postprocess)
        found = len(findings.detections)
        if plain:
            theirs.add(*plain_round(plain, model, bgr))
    ratio = sum(theirs.medians) / sum(mine.medians) if plain else 0
    beside = f"{theirs} {ratio:6.1f}" if plain else " " * 30
    return f"{mine}  {beside}  {Path(path).stem} ({model.decoder.name}, {model.size[1]}x{model.size[0]}, {found} found)"


def plain_round(plain: Plain, model: Model, bgr: NDArray[np.uint8]) -> tuple[float, float]:
    """Milliseconds before and after inference of a script, with inference between them as in life."""
    began = time.perf_counter()
    plain_input(bgr, model.size, model.recipe)
    filled = time.perf_counter()
    (output,) = model.outputs(bgr).values()
    ran = time.perf_counter()
    plain(np.asarray(output, np.float32), model.size)
    return (filled - began) * 1e3, (time.perf_counter() - ran) * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["builtin:person"], metavar="MODEL")
    parser.add_argument("--picture", help="scaled to 1280x720; else noise")
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.picture:
        picture = cv2.imread(arguments.picture)
        if picture is None:
            parser.error(f"cannot read {arguments.picture}")
    else:
        picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    bgr: NDArray[np.uint8] = cv2.resize(picture, (WIDTH, HEIGHT)).astype(np.uint8)
    columns = f"{'before':>7} {'after':>7} {'both':>7}"
    print(f"{'edge-daemon':23}  {'plain':23}\n{columns}  {columns} {'ratio':>6}")
    for path in arguments.models:
        print(measure(path, bgr, arguments.rounds))


if __name__ == "__main__":
    main()
