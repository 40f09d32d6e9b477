"""Cars that drive by now and then, as a pure function of the seed and the time."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from edge_daemon.demo.scene import props
from edge_daemon.demo.scene.canvas import Sprite
from edge_daemon.demo.scene.plan import Plan
from edge_daemon.demo.scene.street import stand

_HALF_CAR_M = 2.4


class Traffic:
    """One lane of cars on the near half of the road, if there is a road."""

    def __init__(self, plan: Plan, seed: int, speed: float, spacing_m: float) -> None:
        self._plan = plan
        self._seed = seed
        self._speed = speed
        self._spacing_m = spacing_m
        self._car = lru_cache(maxsize=4)(self._draw)

    def at(self, time_s: float) -> Iterator[Sprite]:
        """The cars in the picture at a time."""
        if self._plan.road is None:
            return
        view, depth = self._plan.view, self._depth
        reach = view.half_width(depth) + _HALF_CAR_M
        front = abs(self._speed) * time_s + 0.5 * self._spacing_m
        k = int(np.floor(front / self._spacing_m))
        x = front - k * self._spacing_m - reach
        if x <= reach:
            way = 1 if self._speed > 0 else -1
            car = self._car(k)
            yield car.moved(round(way * x * view.scale(depth)), 0)

    @property
    def _depth(self) -> float:
        assert self._plan.road is not None
        near, far = self._plan.road
        return near + 0.3 * (far - near)

    def _draw(self, k: int) -> Sprite:
        """Car number `k` in the middle of the picture."""
        view = self._plan.view
        rng = np.random.default_rng([self._seed, 5, k])
        canvas = props.car(rng, view.scale(self._depth))
        return stand(canvas, view, 0.0, self._depth, self._plan.light.tint, flip=self._speed < 0)


def choose_traffic(rng: np.random.Generator, plan: Plan) -> Traffic:
    """Light traffic in one direction."""
    speed = float(rng.uniform(5, 8)) * (1 if rng.random() < 0.5 else -1)
    return Traffic(plan, int(rng.integers(2**31)), speed, float(rng.uniform(70, 140)))
