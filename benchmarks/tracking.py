"""HOTA, IDF1 and MOTA of the tracker at full, low and uneven frame rates, and its CPU time for a look.

    python -m benchmarks.tracking PATH [--sets mot17-val,scene] [--clips MOT17-02,...] [--tracker MODULE:FUNCTION]

PATH has `tools/` (feed.py and evaluate.py, which need numpy, scipy and trackeval) and `data/` with MANIFEST.json. A
cell is HOTA/IDF1/MOTA; detections and losses are the same for every tracker. With --tracker, another one is measured:
FUNCTION(fps) makes an object with `update(boxes, scores, classes, time_s, seq)`, as feed.py describes it.
"""

import argparse
import sys
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_daemon.tracking.boxes import Boxes, centred
from edge_daemon.tracking.tracker import Tracker

CONDITIONS: dict[str, tuple[float | None, float, float]] = {
    "full": (None, 0.0, 1.0),
    "10 fps": (10.0, 0.0, 1.0),
    "5 fps": (5.0, 0.0, 1.0),
    "2 fps": (2.0, 0.0, 1.0),
    "full, 30% lost in 5s": (None, 0.3, 5.0),
    "10 fps, 30% lost in 3s": (10.0, 0.3, 3.0),
}
"""Rate, share of frames that is lost, and how many are lost in a row."""
STATIC = " (static)"
SLOW = {"pets-yolox": 7.0, "aic-c010": 10.0, "kitti-car": 10.0}
"""Sets that have no more frames a second than this."""


class Adapter:
    """The tracker with the interface of feed.py. Only times are known of the frames that are left out."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._tracker, self._size = Tracker(), size

    def update(self, boxes: Any, scores: Any, classes: Any, time_s: float, seq: int) -> Any:
        width, height = self._size
        found = Boxes(centred(boxes / height), scores, classes.tolist(), width / height)
        return np.array([-1 if number is None else number for number in self._tracker.update(found, time_s)], int)


class Cell(NamedTuple):
    path: Path
    name: str
    condition: str
    clips: tuple[str, ...]
    tracker: str


@cache
def sequences(path: Path, name: str, clips: tuple[str, ...]) -> list[Any]:
    mot = import_module("mot")
    folder = path / "data" / name.removesuffix(STATIC)
    detections = next(one.name for one in sorted(folder.iterdir()) if one.name.startswith("det"))
    loaded = mot.load_set(path / "data", name.removesuffix(STATIC), detections)
    if name.endswith(STATIC):
        loaded = [one for one in loaded if one.camera == "static"]
    return [one for one in loaded if not clips or one.name in clips]


def measured(cell: Cell) -> tuple[dict[str, float], float]:
    """The scores of all clips of a cell together, and the mean milliseconds of a look."""
    sys.path[:0] = [str(cell.path / "tools"), str(Path.cwd())]
    feed, evaluate, mot = (import_module(name) for name in ("feed", "evaluate", "mot"))
    module, _, function = cell.tracker.partition(":")
    scores, costs = {}, []
    for sequence in sequences(cell.path, cell.name, cell.clips):
        rate, missing, burst = CONDITIONS[cell.condition]
        frames = mot.seen_frames(sequence, rate, missing, burst, 0)
        if module:
            tracker = getattr(import_module(module), function)(min(rate or sequence.fps, sequence.fps))
        else:
            tracker = Adapter((sequence.width, sequence.height))
        results, cost = feed.feed(tracker, sequence, frames)
        scores[sequence.name] = evaluate.evaluate(sequence, results)
        costs += cost
    return (evaluate.together(scores).row(), float(np.mean(costs))) if scores else ({}, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--sets", default="pets-yolox,mot15-train (static),mot17-val (static),mot17-val,aic-c010,scene")
    parser.add_argument("--clips", default="", help="only these clips, with commas")
    parser.add_argument("--tracker", default="", metavar="MODULE:FUNCTION")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    clips = tuple(filter(None, options.clips.split(",")))
    cells = [
        Cell(options.path.resolve(), name, condition, clips, options.tracker)
        for name in options.sets.split(",")
        for condition, (rate, *_) in CONDITIONS.items()
        if rate is None or rate < SLOW.get(name, np.inf)
    ]
    with get_context("spawn").Pool(options.processes) as pool:
        found = dict(zip([(cell.name, cell.condition) for cell in cells], pool.map(measured, cells, 1), strict=True))
    show(options.sets.split(","), found)


def show(names: list[str], found: dict[tuple[str, str], tuple[dict[str, float], float]]) -> None:
    """Print a row for each set, and their means."""
    print("| |" + "|".join(CONDITIONS) + "|ms a look|\n|---|" + "---|" * (len(CONDITIONS) + 1))
    for name in names:
        cells = [found.get((name, condition), ({}, 0.0)) for condition in CONDITIONS]
        shown = [f"{row['HOTA']:.1f}/{row['IDF1']:.1f}/{row['MOTA']:.1f}" if row else "" for row, _ in cells]
        print(f"|{name}|" + "|".join(shown) + f"|{cells[0][1]:.2f}|")
    for condition in CONDITIONS:
        rows = [row for (_, which), (row, _) in found.items() if which == condition and row]
        means = "/".join(f"{np.mean([row[metric] for row in rows]):.1f}" for metric in ("HOTA", "IDF1", "MOTA"))
        print(f"mean of {len(rows)} sets, {condition}: {means}")


if __name__ == "__main__":
    main()
