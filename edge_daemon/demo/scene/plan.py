"""The positions of the parts of a street, and the light that falls on it."""

from dataclasses import dataclass

import numpy as np

from edge_daemon.demo.scene.light import Light
from edge_daemon.demo.scene.view import View


@dataclass(frozen=True)
class Plan:
    """Positions of the parts of a street; depths in metres from the camera."""

    view: View
    light: Light
    facade: float
    road: tuple[float, float] | None
    """Its near and its far kerb; None where there are no cars."""
    depths: list[float]
    """At which depths people can walk."""

    @property
    def ground_row(self) -> int:
        """The row of the picture at which the ground begins."""
        return max(0, int(self.view.ground(self.facade)))


def choose_plan(rng: np.random.Generator, width: int, height: int, light: Light) -> Plan:
    """Choose a street at random."""
    horizon = float(rng.uniform(0.35, 0.46))
    nearest = float(rng.choice([2.3, 2.3, 2.75, 3.3, 4.0]))
    camera = (float(rng.uniform(0.94, 1.02)) - horizon) * nearest
    view = View(width, height, horizon, camera)
    facade = float(rng.uniform(11.8, 13.6))
    near = [z for z in (2.3, 2.75, 3.3, 4.0, 4.9) if z >= nearest - 0.01]
    if rng.random() < 0.6:
        road = (float(rng.uniform(5.6, 6.4)), facade - float(rng.uniform(2.9, 3.4)))
        return Plan(view, light, facade, road, [*near, facade - 2.2, facade - 1.1])
    return Plan(view, light, facade, None, [*near, 6.0, 7.4, 9.2, facade - 1.1])
