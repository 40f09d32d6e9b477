"""Counts of the generated street against its truth: who crosses a line, who is in a zone, and for how long.

    python -m tests.street [--seeds 100] [--seconds 40] [--people 4]

The true boxes of each frame are tracked and counted at several rates, regular and with losses in bursts; once with the
true numbers of people in place of the tracker's. Errors are crossings that were missed, counted again, or false. The
count of a crossing is in its direction, and within a second or two looks of it.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np

from edge_daemon.demo.scene.scene import Scene, Truth
from edge_daemon.settings import CameraZonesSettings, LineSettings, ZoneSettings
from edge_daemon.tracking.boxes import Boxes, centred
from edge_daemon.tracking.track import Begun
from edge_daemon.tracking.tracker import Tracker
from edge_daemon.zones.camera_zones import CameraZones
from edge_daemon.zones.facts import Crossed, Left
from edge_daemon.zones.look import Instant, Look, Seen

FPS = 15.0
WIDTH, HEIGHT = 640, 360
ASPECT = WIDTH / HEIGHT
LINE = 0.5
ZONE = 0.35, 0.65
"""The line, and the left and right border of the zone, as shares of the picture's width."""
MARGIN = 0.1
SETTINGS = CameraZonesSettings(
    lines={"line": LineSettings(points=((LINE, 1.0), (LINE, 0.0)), anchor="center")},
    zones={"zone": ZoneSettings(points=((ZONE[0], 0), (ZONE[1], 0), (ZONE[1], 1), (ZONE[0], 1)), anchor="center")},
)
RATES: dict[str, tuple[float, float]] = {
    "15 fps": (15.0, 0.0),
    "10 fps": (10.0, 0.0),
    "5 fps": (5.0, 0.0),
    "2 fps": (2.0, 0.0),
    "10 fps, 30% lost in bursts": (10.0, 0.3),
}
BURST = 3
NEAR_S = 1.0
LOST_S = 3.0
"""A true number that was not seen for this long has ended."""


class Spot(NamedTuple):
    """Where a person is at a time: the centre as a share of the picture's width, and the margin in the same unit."""

    time_s: float
    x: float
    margin: float


class Passed(NamedTuple):
    """A true crossing of a border: `in` is to the right."""

    time_s: float
    direction: str


class Errors(NamedTuple):
    """Errors of one clip: in crossings, in the seconds that each visitor was in the zone, and in how many are there."""

    truth: int = 0
    missed: int = 0
    double: int = 0
    false: int = 0
    visitors: int = 0
    dwell_s: float = 0.0
    looks: int = 0
    occupancy: int = 0

    @property
    def wrong(self) -> int:
        """All errors of crossings."""
        return self.missed + self.double + self.false


def passed(path: Sequence[Spot], border: float) -> list[Passed]:
    """Crossings of an upright border by a path, once it is beyond the margin on the other side."""
    found, side, crossed_s = [], 0, 0.0
    for before, now in pairwise(path):
        if (before.x > border) != (now.x > border):
            share = (border - before.x) / (now.x - before.x)
            crossed_s = before.time_s + share * (now.time_s - before.time_s)
        side = side or _side(before, border)
        here = _side(now, border)
        if here and side and here != side:
            found.append(Passed(crossed_s, "in" if here > 0 else "out"))
        side = here or side
    return found


def _side(spot: Spot, border: float) -> int:
    return int(spot.x > border + spot.margin) - int(spot.x < border - spot.margin)


def stays(path: Sequence[Spot]) -> list[tuple[float, float]]:
    """From when to when a path is in the zone."""
    edges = [(one.time_s, one.direction) for one in passed(path, ZONE[0])]
    edges += [(one.time_s, "out" if one.direction == "in" else "in") for one in passed(path, ZONE[1])]
    settled = next((spot for spot in path if all(_side(spot, border) for border in ZONE)), None)
    found, since = [], path[0].time_s if settled and ZONE[0] < settled.x < ZONE[1] else None
    for time_s, direction in sorted(edges):
        if direction == "in" and since is None:
            since = time_s
        elif direction == "out" and since is not None:
            found.append((since, time_s))
            since = None
    return found if since is None else [*found, (since, path[-1].time_s)]


def frames(seed: int, seconds: float, people: int) -> list[list[Truth]]:
    """Who is in each frame of the scene."""
    scene = Scene(seed, WIDTH, HEIGHT, people)
    return [scene.people(index, FPS) for index in range(round(seconds * FPS))]


def paths(shown: Sequence[Sequence[Truth]]) -> dict[int, list[Spot]]:
    """Where each person is in each frame."""
    found: dict[int, list[Spot]] = {}
    for index, people in enumerate(shown):
        for one in people:
            left, top, right, bottom = one.xyxy
            spot = Spot(index / FPS, (left + right) / 2 / WIDTH, MARGIN * (bottom - top) / WIDTH)
            found.setdefault(one.id, []).append(spot)
    return found


def looked_at(count: int, rate: float, missing: float, seed: int) -> list[int]:
    """Frames that are looked at: at a rate, but for a share that is lost in bursts."""
    slots = [int(index / FPS * rate + 1e-9) for index in range(count)]
    chosen = [index for index in range(count) if not index or slots[index] != slots[index - 1]]
    lost, rng, kept = False, np.random.default_rng(seed), []
    for index in chosen:
        lost = rng.random() >= 1 / BURST if lost else rng.random() < missing / (1 - missing) / BURST
        if not lost:
            kept.append(index)
    return kept or chosen[:1]


class Numbered(NamedTuple):
    """A look: its time, who is seen under which number, and which numbers have ended."""

    time_s: float
    seen: list[Seen]
    people: dict[int, int]
    ended: list[int]


def tracked(shown: Sequence[Sequence[Truth]], indexes: Sequence[int]) -> Iterator[Numbered]:
    """Looks with the numbers of the tracker."""
    tracker = Tracker()
    for index in indexes:
        boxes = [one.xyxy for one in shown[index]]
        corners = np.array(boxes, np.float64).reshape(-1, 4) / HEIGHT
        ids = tracker.update(Boxes(centred(corners), np.full(len(boxes), 0.9), [0] * len(boxes), ASPECT), index / FPS)
        pairs = [(number, one) for number, one in zip(ids, shown[index], strict=True) if number is not None]
        seen = [_seen(number, one, tracker.begun.get(number)) for number, one in pairs]
        ended = [track.tracker_id for track in tracker.ended]
        yield Numbered(index / FPS, seen, {number: one.id for number, one in pairs}, ended)


def known(shown: Sequence[Sequence[Truth]], indexes: Sequence[int]) -> Iterator[Numbered]:
    """Looks with the true numbers."""
    last: dict[int, float] = {}
    for index in indexes:
        last |= {one.id: index / FPS for one in shown[index]}
        ended = [number for number, time_s in last.items() if index / FPS - time_s > LOST_S]
        for number in ended:
            del last[number]
        people = {one.id: one.id for one in shown[index]}
        yield Numbered(index / FPS, [_seen(one.id, one, None) for one in shown[index]], people, ended)


def _seen(number: int, one: Truth, begun: Begun | None) -> Seen:
    left, top, right, bottom = one.xyxy
    box = left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT
    return Seen(number, "person", box, 0.9, begun.shares(ASPECT) if begun else None)


def compared(counted: Sequence[Passed], truth: Sequence[Passed], near_s: float) -> tuple[int, int, int]:
    """Crossings that were missed, counted again, and false."""
    free, double, false = list(truth), 0, 0
    for one in sorted(counted):
        near = [true for true in truth if _is_near(one, true, near_s)]
        unmatched = [true for true in near if true in free]
        if unmatched:
            free.remove(min(unmatched, key=lambda true: abs(true.time_s - one.time_s)))
        else:
            double, false = double + bool(near), false + (not near)
    return len(free), double, false


def _is_near(one: Passed, true: Passed, near_s: float) -> bool:
    return one.direction == true.direction and abs(one.time_s - true.time_s) <= near_s


def judged(truth: Mapping[int, Sequence[Spot]], looks: Iterator[Numbered], rate: float) -> Errors:
    """Count, and compare with the truth: crossings one by one, the time in the zone person by person."""
    zones, counted, dwelt, who = CameraZones(SETTINGS), list[Passed](), dict.fromkeys(truth, 0.0), dict[int, int]()
    stayed = {number: stays(path) for number, path in truth.items()}
    occupancy, looked, time_s = 0, 0, 0.0
    for time_s, seen, people, ended in looks:
        who |= people
        look = Look(Instant(time_s, time_s), ASPECT, seen, dict.fromkeys(ended, "lost"))
        for fact in zones.update(look):
            if isinstance(fact, Crossed) and fact.certain:
                counted.append(Passed(fact.time_s, fact.direction))
            elif isinstance(fact, Left):
                dwelt[who[fact.tracker_id]] += fact.dwell_s
        here = sum(since <= time_s <= until for visits in stayed.values() for since, until in visits)
        occupancy, looked = occupancy + abs(zones.now()["zone"].total() - here), looked + 1
    for number, visit in zones.state.zones["zone"].visits.items():
        dwelt[who[number]] += visit.dwell_s(Instant(time_s, time_s))
    true = [one for path in truth.values() for one in passed(path, LINE)]
    missed, double, false = compared(counted, true, max(NEAR_S, 2 / rate))
    dwells = {number: sum(until - since for since, until in visits) for number, visits in stayed.items()}
    return Errors(
        truth=len(true),
        missed=missed,
        double=double,
        false=false,
        visitors=sum(bool(visits) for visits in stayed.values()),
        dwell_s=sum(abs(dwells[number] - dwelt[number]) for number in truth),
        looks=looked,
        occupancy=occupancy,
    )


def total(errors: Sequence[Errors]) -> Errors:
    """The errors of all clips together."""
    return Errors(*map(sum, zip(*errors, strict=True)))


def measured(seed: int, seconds: float, people: int) -> dict[tuple[str, str], Errors]:
    """The errors of one seed: by rate, tracked and with true numbers."""
    shown = frames(seed, seconds, people)
    truth, found = paths(shown), {}
    for name, (rate, missing) in RATES.items():
        indexes = looked_at(len(shown), rate, missing, seed)
        found[name, "true numbers"] = judged(truth, known(shown, indexes), rate)
        found[name, "tracked"] = judged(truth, tracked(shown, indexes), rate)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--people", type=int, default=4)
    options = parser.parse_args()
    with Pool(2) as pool:
        found = pool.starmap(measured, [(seed, options.seconds, options.people) for seed in range(options.seeds)])
    print("| | crossings | missed | counted again | false | errors | dwell off by, a visitor | in the zone off by |")
    print("|---|---|---|---|---|---|---|---|")
    for key in found[0]:
        all_of = total([one[key] for one in found])
        dwell_s, occupancy = all_of.dwell_s / max(all_of.visitors, 1), all_of.occupancy / max(all_of.looks, 1)
        share = all_of.wrong / max(all_of.truth, 1)
        print(f"| {', '.join(key)} | {all_of.truth} | {all_of.missed} | {all_of.double} | {all_of.false} ", end="")
        print(f"| {share:.1%} | {dwell_s:.2f} s | {occupancy:.2f} |")


if __name__ == "__main__":
    main()
