"""The tracker beside those of libraries, on the same detections: HOTA, IDF1, id switches, CPU time and memory.

    make bench-tracking ARGS="PATH [--sets scene,...] [--trackers ours,bytetrack,...]"

PATH is that of `benchmarks.tracking`. The libraries are `trackers`, `supervision` 0.29 (the last with ByteTrack), and
`norfair`; their requirements contradict one another: install the last two with `--no-deps`. Each is given the rate at
which frames are looked at; with `+time`, also the time of each frame. Scores are means of the sets, memory is the most
that a process has used.
"""

import argparse
import resource
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.tracking import CONDITIONS, SLOW, Cell, measured

SHOWN = ("full", "10 fps", "5 fps", "2 fps", "full, 30% lost in 5s", "10 fps, 30% lost in 3s")
ROBOFLOW = {
    "sort": "SORTTracker",
    "bytetrack": "ByteTrackTracker",
    "ocsort": "OCSORTTracker",
    "botsort": "BoTSORTTracker",
    "cbiou": "CBIoUTracker",
}
"""Algorithms of Roboflow trackers."""


class Roboflow:
    """A tracker of Roboflow, with the interface of feed.py."""

    def __init__(self, name: str, fps: float, *, timed: bool) -> None:
        import trackers

        more = {"enable_cmc": False} if name == "botsort" else {}
        self._tracker, self._timed = getattr(trackers, ROBOFLOW[name])(frame_rate=fps, **more), timed

    def update(self, boxes: Any, scores: Any, classes: Any, time_s: float, seq: int) -> Any:
        more = {"timestamp": time_s} if self._timed else {}
        return _placed(self._tracker.update(_detections(boxes, scores), **more), len(boxes))


class Supervision:
    """The ByteTrack of supervision, with the interface of feed.py."""

    def __init__(self, fps: float) -> None:
        import supervision

        self._tracker = supervision.ByteTrack(frame_rate=max(1, round(fps)))

    def update(self, boxes: Any, scores: Any, classes: Any, time_s: float, seq: int) -> Any:
        return _placed(self._tracker.update_with_detections(_detections(boxes, scores)), len(boxes))


class Norfair:
    """Norfair with the distance that Frigate uses for boxes, and the interface of feed.py."""

    def __init__(self, fps: float) -> None:
        import norfair

        self._detection = norfair.Detection
        self._tracker = norfair.Tracker(
            distance_function="iou", distance_threshold=0.8, initialization_delay=1, hit_counter_max=max(2, round(fps))
        )

    def update(self, boxes: Any, scores: Any, classes: Any, time_s: float, seq: int) -> Any:
        found = [
            self._detection(points=box.reshape(2, 2), scores=np.full(2, score), data=row)
            for row, (box, score) in enumerate(zip(boxes, scores, strict=True))
            if score >= 0.4
        ]
        ids = np.full(len(boxes), -1)
        for one in self._tracker.update(detections=found):
            if one.last_detection in found:
                ids[one.last_detection.data] = one.id
        return ids


def _detections(boxes: Any, scores: Any) -> Any:
    import supervision

    rows = {"row": np.arange(len(boxes))}
    return supervision.Detections(
        xyxy=boxes.astype(np.float32),
        confidence=scores.astype(np.float32),
        class_id=np.zeros(len(boxes), int),
        data=rows,
    )


def _placed(found: Any, count: int) -> Any:
    """The numbers in the order of the boxes."""
    ids = np.full(count, -1)
    if len(found) and found.tracker_id is not None:
        ids[np.asarray(found.data["row"], int)] = found.tracker_id
    return ids


def _makers() -> dict[str, Callable[[float], Any]]:
    found: dict[str, Callable[[float], Any]] = {"supervision": Supervision, "norfair": Norfair}
    for name in ROBOFLOW:
        found[name] = partial(Roboflow, name, timed=False)
        found[f"{name}+time"] = partial(Roboflow, name, timed=True)
    return found


MAKERS = _makers()


def __getattr__(name: str) -> Callable[[float], Any]:
    """The maker of a tracker by its name, as `--tracker benchmarks.libraries:NAME` wants it."""
    if name in MAKERS:
        return MAKERS[name]
    raise AttributeError(name)


class Job(NamedTuple):
    path: Path
    tracker: str
    sets: tuple[str, ...]


def done(job: Job) -> tuple[dict[str, list[dict[str, float]]], float, float]:
    """The scores of a tracker by condition; milliseconds of CPU a look, and megabytes."""
    scores: dict[str, list[dict[str, float]]] = {}
    costs = []
    for name in job.sets:
        for condition in SHOWN:
            rate = CONDITIONS[condition][0]
            if rate is None or rate < SLOW.get(name, np.inf):
                module = "" if job.tracker == "ours" else f"benchmarks.libraries:{job.tracker}"
                row, cost = measured(Cell(job.path, name, condition, (), module))
                scores.setdefault(condition, []).append(row)
                costs.append(cost)
    return scores, float(np.mean(costs)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--sets", default="pets-yolox,mot15-train (static),mot17-val (static),aic-c010,scene")
    parser.add_argument("--trackers", default=",".join(["ours", *MAKERS]))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    jobs = [
        Job(options.path.resolve(), tracker, tuple(options.sets.split(","))) for tracker in options.trackers.split(",")
    ]
    print(f"| | {' | '.join(SHOWN)} | ms of CPU a look | MB |\n|---|{'---|' * (len(SHOWN) + 2)}")
    with get_context("spawn").Pool(options.processes, maxtasksperchild=1) as pool:
        for job, (scores, cost, memory) in zip(jobs, pool.imap(done, jobs, 1), strict=True):
            cells = [_cell(scores.get(condition, [])) for condition in SHOWN]
            print(f"| {job.tracker} | {' | '.join(cells)} | {cost:.2f} | {memory:.0f} |", flush=True)


def _cell(rows: list[dict[str, float]]) -> str:
    if not rows:
        return ""
    hota, idf1 = (np.mean([row[metric] for row in rows]) for metric in ("HOTA", "IDF1"))
    return f"{hota:.1f} / {idf1:.1f} / {sum(row['IDSW'] for row in rows):.0f}"


if __name__ == "__main__":
    main()
