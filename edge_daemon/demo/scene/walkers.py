"""Positions of people in their lanes, as pure functions of the seed and the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_daemon.demo.scene.look import Look, choose_look
from edge_daemon.demo.scene.view import View

CYCLE_STEPS = 20
"""Pictures of one walking cycle (two steps); more would not be seen."""
SWAY_S = 6.0
MARGIN_M = 0.75
"""Distance beyond the edge of the picture at which a walker starts and ends."""


@dataclass(frozen=True)
class Walker:
    """A person at one moment. Metres from the middle of the picture and from the camera."""

    id: int
    look: Look
    x: float
    depth: float
    heading: float
    """Radians: 0 is to the right, π/2 towards the camera."""
    step: int | None
    """Which of the `CYCLE_STEPS` of a walking cycle; None for somebody who stands."""
    sway: int = 0


@dataclass(frozen=True)
class Lane:
    """A straight way that people walk one behind the other, all equally fast, so that none overtakes."""

    number: int
    start: tuple[float, float]
    end: tuple[float, float]
    speed: float
    spacing_m: float
    offset_m: float

    def walkers(self, seed: int, lanes: int, time_s: float) -> Iterator[Walker]:
        """Those who are on the way at a time."""
        dx, dz = self.end[0] - self.start[0], self.end[1] - self.start[1]
        length = float(np.hypot(dx, dz))
        heading = float(np.arctan2(-dz, dx))
        front = self.speed * time_s + self.offset_m
        first = int(np.floor((front - length) / self.spacing_m)) - 1
        for k in range(max(0, first), int(np.floor(front / self.spacing_m)) + 2):
            identity = self.number + lanes * k
            look, jitter = somebody(seed, identity)
            walked = front - (k + jitter * max(0.0, 0.8 - 1.1 / self.spacing_m)) * self.spacing_m
            if 0 <= walked <= length:
                share = walked / length
                cycle = walked / (0.78 * look.height_m) + jitter * 10
                yield Walker(
                    identity,
                    look,
                    self.start[0] + dx * share,
                    self.start[1] + dz * share,
                    heading,
                    int(cycle * CYCLE_STEPS) % CYCLE_STEPS,
                )


@dataclass(frozen=True)
class Crowd:
    """Everybody in a scene: walkers in lanes, and some who stand and wait."""

    seed: int
    lanes: tuple[Lane, ...]
    standing: tuple[Walker, ...]

    def at(self, time_s: float) -> list[Walker]:
        """Everybody who may be in the picture at a time, the farthest first."""
        sway = int(time_s / SWAY_S * CYCLE_STEPS) % CYCLE_STEPS
        walking = [walker for lane in self.lanes for walker in lane.walkers(self.seed, len(self.lanes), time_s)]
        waiting = [Walker(w.id, w.look, w.x, w.depth, w.heading, None, sway) for w in self.standing]
        return sorted(walking + waiting, key=lambda walker: -walker.depth)


@lru_cache(maxsize=256)
def somebody(seed: int, identity: int) -> tuple[Look, float]:
    """The looks of a person, and how far out of step they are, between -0.5 and 0.5."""
    rng = np.random.default_rng([seed, 7, identity])
    return choose_look(rng), float(rng.uniform(-0.5, 0.5))


def gather(rng: np.random.Generator, seed: int, view: View, depths: list[float], people: int) -> Crowd:
    """A crowd of about `people` at a time on lanes at some of `depths`."""
    if people == 0:
        return Crowd(seed, (), ())
    waiting = min(int(rng.integers(0, 3)), people - 1, len(depths) - 1)
    count = min(len(depths) - waiting, max(1, round((people - waiting) * 0.75)))
    chosen = [float(depth) for depth in rng.permutation(depths)[: count + waiting]]
    spacing = count / (people - waiting)
    # Neighbouring lanes go opposite ways: who walks in step with somebody else would hide them for long.
    first = int(rng.integers(2))
    lanes = tuple(
        _lane(rng, view, i, depth, spacing, 1.0 if (i + first) % 2 else -1.0)
        for i, depth in enumerate(sorted(chosen[:count]))
    )
    standing = tuple(
        Walker(
            -1 - i,
            somebody(seed, -1 - i + 1_000_000)[0],
            float(rng.uniform(-0.85, 0.85)) * view.half_width(depth),
            depth,
            float(rng.uniform(-np.pi, np.pi)),
            None,
        )
        for i, depth in enumerate(chosen[count:])
    )
    return Crowd(seed, lanes, standing)


def _lane(rng: np.random.Generator, view: View, number: int, depth: float, spacing: float, way: float) -> Lane:
    """A lane at a depth; `spacing` is the distance between people as a share of the picture's width.

    `way` is 1 for people who walk to the right, -1 to the left.
    """
    # Some walk a little towards the camera or away from it.
    slant = float(rng.uniform(-0.06, 0.06)) if rng.random() < 0.7 else 0.0
    ends = [depth * (1 - slant), depth * (1 + slant)]
    start = (-way * (view.half_width(ends[0]) + MARGIN_M), ends[0])
    end = (way * (view.half_width(ends[1]) + MARGIN_M), ends[1])
    spacing_m = max(1.6, spacing * 2 * view.half_width(depth))
    speed = float(rng.uniform(0.95, 1.55))
    # As if people had walked here for an hour before the first picture.
    return Lane(number, start, end, speed, spacing_m, 3600.0 + float(rng.uniform(0, 1)) * spacing_m)
