"""Errors of counted crossings: missed + counted twice + false, at full, low and uneven frame rates.

    python -m benchmarks.counting PATH [--boxes det|truth|ids] [--sets scene,...] [--tracker MODULE:FUNCTION]

PATH has `tools/` (mot.py and counting.py, which need numpy) and `data/` with lines.json: lines over clips, and who
truly crosses them. `det` tracks the given detections; `truth` tracks true boxes, of which a tenth is left out and the
others shake by 3% of their size; `ids` takes the true numbers of these boxes too.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from json import loads
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.tracking import CONDITIONS
from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.settings import CameraZonesSettings, LineSettings
from edge_daemon.tracking.boxes import Boxes, centred
from edge_daemon.tracking.tracker import Tracker
from edge_daemon.zones.camera_zones import CameraZones
from edge_daemon.zones.facts import Crossed, Fact
from edge_daemon.zones.look import Instant, Look, Seen

LEFT_OUT, SHAKE = 0.1, 0.03
"""Share of true boxes that are left out, and standard deviation of the others' edges in widths and heights."""
LOST_S = 3.0
"""A true number that was not seen for this long has ended."""
NEAR_S, NEAR_FRAMES = 1.0, 12
"""A crossing and its event are within this time, at least this many frames, and two looks."""
TALLIED = ("truth", "right", "missed", "double", "ghosts", "uncertain")


class Cell(NamedTuple):
    path: Path
    name: str
    condition: str
    boxes: str
    tracker: str


class Found(NamedTuple):
    """A look: corners in pixels (N x 4 float64), confidences (N float64), and a number of each or None."""

    boxes: Any
    confidences: Any
    ids: list[int | None]


class Ours:
    """The tracker of the package, with the interface of feed.py."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._tracker, self._size = Tracker(), size
        self.begun: dict[int, Any] = {}

    def update(self, boxes: Any, scores: Any, classes: Any, time_s: float, seq: int) -> list[int | None]:
        width, height = self._size
        found = Boxes(centred(boxes / height), scores, classes.tolist(), width / height)
        ids = self._tracker.update(found, time_s)
        self.begun = self._tracker.begun
        return ids


def looks(cell: Cell, clip: Any, frames: list[int]) -> Iterator[Found]:
    """The boxes of each look."""
    rng = np.random.default_rng(1)
    for frame in frames:
        if cell.boxes == "det":
            start, end = np.searchsorted(clip.detections[:, 0], (frame, frame + 1))
            rows = clip.detections[start:end]
            yield Found(rows[:, 1:5], rows[:, 5], [])
            continue
        rows = clip.truth_at(frame)
        rows = rows[(rows[:, 6] > 0) & (rows[:, 7] == clip.rules.evaluated)]
        rows = rows[rng.random(len(rows)) >= LEFT_OUT]
        boxes = import_module("mot").corners(rows)
        boxes = boxes + rng.normal(0, SHAKE, boxes.shape) * rows[:, [4, 5, 4, 5]]
        yield Found(boxes, np.full(len(rows), 0.9), rows[:, 1].astype(int).tolist())


def counted(cell: Cell, clip: Any, lines: list[dict[str, Any]]) -> list[Crossed]:
    """What the lines of a clip count."""
    rate, missing, burst = CONDITIONS[cell.condition]
    frames = import_module("mot").seen_frames(clip, rate, missing, burst, 0)
    size = clip.width, clip.height
    settings = {
        line["name"]: LineSettings(
            points=tuple((x / clip.width, y / clip.height) for x, y in line["line"]),
            anchor="bottom" if line["anchor"] == "foot" else "center",
        )
        for line in lines
    }
    zones, facts, last = CameraZones(CameraZonesSettings(lines=settings)), list[Fact](), dict[int | None, float]()
    tracker = made(cell, clip, rate)
    begun: dict[int, Any] = {}
    for frame, (boxes, confidences, ids) in zip(frames, looks(cell, clip, frames), strict=True):
        time_s, ended = clip.time_s(frame), dict[int, TrackEnd]()
        if tracker is not None:
            ids = tracker.update(boxes, confidences, np.zeros(len(boxes), int), time_s, frame - 1)
            begun = getattr(tracker, "begun", {})
        else:
            last |= dict.fromkeys(ids, time_s)
            ended = {number: "lost" for number, at in last.items() if number is not None and time_s - at > LOST_S}
            last = {number: at for number, at in last.items() if number not in ended}
        seen = [
            seen_at(number, box, confidence, size, begun.get(number))
            for number, box, confidence in zip(ids, boxes.tolist(), confidences.tolist(), strict=True)
            if number is not None and number >= 0
        ]
        facts += zones.update(Look(Instant(time_s, time_s), clip.width / clip.height, seen, ended))
    return [fact for fact in facts if isinstance(fact, Crossed)]


def seen_at(number: int, box: list[float], confidence: float, size: tuple[int, int], begun: Any) -> Seen:
    """A track in a picture of this size."""
    (width, height), (left, top, right, bottom) = size, box
    shares = left / width, top / height, right / width, bottom / height
    return Seen(int(number), "object", shares, confidence, begun.shares(width / height) if begun else None)


def made(cell: Cell, clip: Any, rate: float | None) -> Any:
    """The tracker of a cell; None where the numbers are given."""
    if cell.boxes == "ids":
        return None
    if not cell.tracker:
        return Ours((clip.width, clip.height))
    module, _, function = cell.tracker.partition(":")
    return getattr(import_module(module), function)(min(rate or clip.fps, clip.fps))


def measured(cell: Cell) -> Counter[str]:
    """The errors of one set."""
    sys.path[:0] = [str(cell.path / "tools"), str(Path.cwd())]
    counting = import_module("counting")
    total: Counter[str] = Counter()
    for clip, lines in clips(cell.path, cell.name):
        facts = counted(cell, clip, lines)
        rate = CONDITIONS[cell.condition][0]
        near = max(NEAR_FRAMES, NEAR_S * clip.fps, 2 * clip.fps / rate if rate else 0.0)
        for line in lines:
            own = [fact for fact in facts if fact.line == line["name"]]
            events = [
                counting.Crossing(fact.time_s * clip.fps, fact.direction, fact.tracker_id)
                for fact in own
                if fact.certain
            ]
            truth = [counting.Crossing(one["seq"], one["way"], one["id"]) for one in line["truth"]]
            tally = counting.compare(events, truth, near)
            total.update({name: getattr(tally, name) for name in TALLIED[1:5]})
            total["truth"] += len(truth)
            total["uncertain"] += len(own) - len(events)
    return total


@cache
def clips(path: Path, name: str) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The clips of a set with their lines."""
    lines = loads((path / "data" / "lines.json").read_text())["sets"][name]
    folder = next(one.name for one in sorted((path / "data" / name).iterdir()) if one.name.startswith("det"))
    return [
        (clip, lines[clip.name])
        for clip in import_module("mot").load_set(path / "data", name, folder)
        if clip.name in lines
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--boxes", default="det", choices=("det", "truth", "ids"))
    parser.add_argument("--sets", default="pets-yolox,mot15-train,mot17-val,aic-c010,scene")
    parser.add_argument("--conditions", default=",".join(CONDITIONS).replace("full, 30% lost in 5s,", ""))
    parser.add_argument("--tracker", default="", metavar="MODULE:FUNCTION")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    conditions = [name for name in CONDITIONS if name in options.conditions]
    cells = [
        Cell(options.path.resolve(), name, condition, options.boxes, options.tracker)
        for condition in conditions
        for name in options.sets.split(",")
    ]
    with get_context("spawn").Pool(options.processes) as pool:
        found = dict(zip([(cell.condition, cell.name) for cell in cells], pool.map(measured, cells, 1), strict=True))
    print("| |errors|share|" + "|".join((*TALLIED, *options.sets.split(","))))
    for condition in conditions:
        rows = [found[condition, name] for name in options.sets.split(",")]
        total = sum(rows, Counter())
        print(f"|{condition}|{errors(total)}|{errors(total) / total['truth']:.1%}|", end="")
        print("|".join([*(str(total[name]) for name in TALLIED), *(str(errors(row)) for row in rows)]))


def errors(tally: Counter[str]) -> int:
    """All errors together, never their difference."""
    return tally["missed"] + tally["double"] + tally["ghosts"]


if __name__ == "__main__":
    main()
