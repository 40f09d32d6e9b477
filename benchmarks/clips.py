"""Crossings of clips that were counted by eye, end to end: what was missed, counted again or false, and why.

    edge-daemon run clips.yaml --results results.jsonl
    python -m benchmarks.clips PATH results.jsonl

PATH has counts.json and `tools/` (counting.py). A camera has the name of its clip without suffix, with `-` for `_`. The
daemon's own code tracks and counts. For each miss, the boxes near the line are listed that belong to nobody else who
was counted, from `AROUND_S` before the crossing to as long after.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from edge_daemon.messages.published import Result
from edge_daemon.settings import AnchorPoint, CameraZonesSettings, FilterSettings, LineSettings
from edge_daemon.tracking.boxes import Boxes
from edge_daemon.tracking.stream import Moment, Stream
from edge_daemon.zones.camera_zones import CameraZones
from edge_daemon.zones.facts import Crossed
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Instant, Look, Seen

CLASSES = {"vehicle": ("car", "truck", "bus"), "car": ("car", "truck", "bus")}
"""Classes of a model by the word of who counted."""
SLACK = 12
"""Frames between a crossing and its event, beside the tolerance of who counted."""
AROUND_S = 0.5
NEAR = 0.5
"""A box is near a line if its anchor is within this many heights of it."""


class Looked(NamedTuple):
    """A result with its tracks."""

    result: Result
    ids: list[int | None]
    seen: list[Seen]


def looks(results: list[Result]) -> list[Looked]:
    """The looks of one camera with their tracks."""
    stream, found = Stream(), []
    for result in results:
        boxes = Boxes.of(result.detections, (result.width, result.height))
        ids = stream.update(boxes, Moment(result.epoch, result.time_s, 0.0), result.dropped)
        size, seen = (result.width, result.height), []
        for one, number in zip(result.detections, ids, strict=True):
            begun = stream.begun.get(number) if number else None
            where = Seen.of(msgspec.structs.replace(one, tracker_id=number), size, begun)
            seen += [where] if where else []
        found.append(Looked(result, ids, seen))
    return found


def line_of(line: dict[str, Any], size: tuple[int, int]) -> LineSettings:
    """The settings of a line; those of other classes than it counts do not count."""
    classes = [name for word in line["per_class"] if word != "bicycle" for name in CLASSES.get(word, (word,))]
    anchor: AnchorPoint = "bottom" if line["anchor"] == "foot" else "center"
    points = tuple((x / size[0], y / size[1]) for x, y in line["line"])
    return LineSettings(points=points, anchor=anchor, filter=FilterSettings(classes=tuple(classes)))


def crossed(found: list[Looked], lines: dict[str, LineSettings]) -> list[Crossed]:
    """All crossings of a clip, certain or not."""
    zones, facts = CameraZones(CameraZonesSettings(lines=lines)), []
    for result, _, seen in found:
        facts += zones.update(Look(Instant(result.time_s, result.time_s), result.width / result.height, seen))
    return [fact for fact in facts if isinstance(fact, Crossed)]


def boxes_near(found: list[Looked], line: LineSettings, seq: float, others: set[int], at_x: float | None) -> str:
    """How many frames around one have no box near a line; the others, as `frame: confidence (number of the track)`."""
    border, shown, without, frames = Border(line.points), [], 0, 0
    for result, ids, _ in found:
        if abs(result.time_s - seq / found_fps(found)) > AROUND_S:
            continue
        frames, near = frames + 1, []
        for one, number in zip(result.detections, ids, strict=True):
            box = Seen.of(msgspec.structs.replace(one, tracker_id=number or 1), (result.width, result.height))
            assert box
            (x, y), aspect = box.anchor(line.anchor), result.width / result.height
            is_there = at_x is None or abs(x - at_x / result.width) * aspect < box.height
            wanted = line.filter.classes is None or one.class_name in line.filter.classes
            if wanted and is_there and number not in others and border.distance((x, y), aspect) < NEAR * box.height:
                near.append(f"{one.confidence:.2f} ({number or 'no track'})")
        without += not near
        shown += [f"{result.seq}: {', '.join(near)}"] if near else []
    return f"no box in {without} of {frames} frames; " + ("; ".join(shown) or "none at all")


def found_fps(found: list[Looked]) -> float:
    """Frames a second of a clip."""
    return (len(found) - 1) / max(found[-1].result.time_s, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(options.path / "tools"))
    counting = import_module("counting")
    results: dict[str, list[Result]] = {}
    for text in options.results.read_bytes().splitlines():
        if msgspec.json.decode(text)["type"] == "result":
            one = msgspec.json.decode(text, type=Result)
            results.setdefault(one.camera, []).append(one)
    for clip in json.loads((options.path / "counts.json").read_text())["clips"]:
        camera = Path(clip["clip"]).stem.replace("_", "-")
        if not clip["lines"] or camera not in results:
            continue
        found = looks(results[camera])
        fps = found_fps(found)
        lines = {line["name"]: line_of(line, tuple(clip["size"])) for line in clip["lines"]}
        facts = crossed(found, lines)
        for line in clip["lines"]:
            own = [fact for fact in facts if fact.line == line["name"]]
            events = [counting.Crossing(one.time_s * fps, one.direction, one.tracker_id) for one in own if one.certain]
            sure, optional = counting.truth_of_line(line)
            near = SLACK + line["tolerance"]
            tally = counting.compare(events, sure, near, optional)
            print(
                f"{clip['clip']}, {line['name']}: {len(sure)} crossings, {tally.right} right, {tally.missed} missed, ",
                end="",
            )
            print(f"{tally.double} counted again, {tally.ghosts} false, {len(own) - len(events)} uncertain")
            for at, entry in zip(*missed(events, line["frames"], near), strict=True):
                others = {event.track for event in events}
                unsure = [fact for fact in own if not fact.certain and abs(fact.time_s * fps - at) <= near]
                print(f"  missed at {at} ({entry['way']}){', uncertain' if unsure else ''}: ", end="")
                print(boxes_near(found, lines[line["name"]], at, others, entry.get("x")))


def missed(events: list[Any], truth: list[dict[str, Any]], near: float) -> tuple[list[float], list[dict[str, Any]]]:
    """True crossings without an event, matched in the order of events as the tool does."""
    free = list(truth)
    for event in sorted(events, key=lambda one: one.seq):
        able = [one for one in free if one["way"] == event.way and abs(one["seq"] - event.seq) <= near]
        if able:
            free.remove(min(able, key=lambda one: abs(one["seq"] - event.seq)))
    return [one["seq"] for one in free], free


if __name__ == "__main__":
    main()
