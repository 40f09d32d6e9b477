"""The generated street: frame after frame from a seed, with the truth about who is in it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.demo.scene.canvas import Pixels, Sprite
from edge_daemon.demo.scene.cast import Cast, Figure
from edge_daemon.demo.scene.light import choose_light
from edge_daemon.demo.scene.plan import choose_plan
from edge_daemon.demo.scene.street import paint_street
from edge_daemon.demo.scene.traffic import choose_traffic
from edge_daemon.demo.scene.walkers import gather

LEAST_VISIBLE = 0.4
"""The share of a body that must be seen for the person to count as there."""
SALT = 19
"""Part of every seed; chosen so that seed 0, which new users see first, is a friendly day."""
_NOISE_PAD = 64


@dataclass(frozen=True)
class Truth:
    """A person who is in the picture."""

    id: int
    """The same in every frame of a scene."""
    xyxy: tuple[float, float, float, float]
    """Around what is visible: left, top, right and bottom in pixels, within the picture."""
    visible: float
    """The share of the body that is seen, 0.4 to 1: neither hidden nor out of the picture."""


@dataclass(frozen=True)
class _Placed:
    """Something that stands or moves in one frame; a person if there is a figure, whose feet are at `x` and `y`."""

    sprite: Sprite
    figure: Figure | None = None
    id: int = 0
    x: int = 0
    y: int = 0

    def claim(self, owners: NDArray[np.uint16], number: int) -> None:
        """Mark the pixels that it covers as belonging to `number`."""
        window = self.sprite.window(owners.shape)
        if window is not None:
            rows, columns, own_rows, own_columns = window
            body = self.sprite.alpha > 127 if self.figure is None else self.figure.body
            owners[rows, columns][body[own_rows, own_columns]] = number

    def seen(self, owners: NDArray[np.uint16], number: int) -> Truth | None:
        """The truth about a person, unless too little of them is seen."""
        window = self.sprite.window(owners.shape)
        if self.figure is None or window is None:
            return None
        rows, columns = window[:2]
        mine = (owners[rows, columns] == number).view(np.uint8)
        share = cv2.countNonZero(mine) / self.figure.area
        if share < LEAST_VISIBLE:
            return None
        x, y, width, height = cv2.boundingRect(mine)
        left, top = float(x + columns.start), float(y + rows.start)
        return Truth(self.id, (left, top, left + width, top + height), min(1.0, share))


class Scene:
    """A street with people, drawn by code. The same seed, size and people give the same pictures everywhere.

    Args:
        seed: chooses street, light, weather and people.
        width: of the picture in pixels.
        height: of the picture in pixels; people scale with it.
        people: how many are in the picture at a time, on average.
    """

    def __init__(self, seed: int = 0, width: int = 640, height: int = 360, people: int = 4) -> None:
        rng = np.random.default_rng([seed, SALT])
        self._seed = seed
        self._light = choose_light(rng)
        self._plan = choose_plan(rng, width, height, self._light)
        # Each part has draws of its own, so that the number of people changes nothing else.
        self._crowd = gather(np.random.default_rng([seed, SALT, 1]), seed, self._plan.view, self._plan.depths, people)
        self._traffic = choose_traffic(np.random.default_rng([seed, SALT, 2]), self._plan)
        self._street, self._standing = paint_street(self._plan, np.random.default_rng([seed, 2]))
        self._cast = Cast(self._plan)
        shape = (height + _NOISE_PAD, width + _NOISE_PAD, 3)
        noise = np.random.default_rng([seed, 3]).standard_normal(shape, np.float32) * self._light.noise
        self._brighter = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
        self._darker = np.clip(np.rint(-noise), 0, 255).astype(np.uint8)

    def frame(self, index: int, fps: float) -> tuple[Pixels, list[Truth]]:
        """Frame `index` of the scene at `fps` frames a second: BGR (height, width, 3), and who is in it.

        Any order of indexes gives the same frames; ascending ones are cheapest.
        """
        placed, picture = self._placed(index / fps), self._street.copy()
        ground = picture[self._plan.ground_row :]
        for thing in placed:
            if thing.figure is not None:
                thing.figure.shadow.moved(thing.x, thing.y - self._plan.ground_row).paint(ground)
        placed.sort(key=lambda thing: -thing.sprite.depth)
        for thing in placed:
            thing.sprite.paint(picture)
        return self._expose(picture, index), self._seen(placed)

    def people(self, index: int, fps: float) -> list[Truth]:
        """Who is in frame `index` of the scene at `fps` frames a second, without the picture."""
        return self._seen(sorted(self._placed(index / fps), key=lambda thing: -thing.sprite.depth))

    def _placed(self, time_s: float) -> list[_Placed]:
        """All that stands and moves at a time."""
        placed, view = [_Placed(sprite) for sprite in (*self._standing, *self._traffic.at(time_s))], self._plan.view
        for walker in self._crowd.at(time_s):
            figure = self._cast.figure(walker)
            x, y = round(view.column(walker.x, walker.depth)), round(view.ground(walker.depth))
            sprite = replace(figure.sprite.moved(x, y), depth=walker.depth)
            placed.append(_Placed(sprite, figure, walker.id, x, y))
        return placed

    def _seen(self, placed: list[_Placed]) -> list[Truth]:
        """Who is seen of all that is placed, the farthest first."""
        owners = np.zeros(self._street.shape[:2], np.uint16)
        for number, thing in enumerate(placed, start=1):
            thing.claim(owners, number)
        seen = (thing.seen(owners, number) for number, thing in enumerate(placed, start=1))
        return [person for person in seen if person is not None]

    def _expose(self, picture: Pixels, index: int) -> Pixels:
        """Add the blur and noise of a camera."""
        if self._light.blur:
            cv2.GaussianBlur(picture, (3, 3), 0, dst=picture)
        x, y = (int(v) for v in np.random.default_rng([self._seed, 4, index]).integers(0, _NOISE_PAD, 2))
        height, width = picture.shape[:2]
        cv2.add(picture, self._brighter[y : y + height, x : x + width], dst=picture)
        cv2.subtract(picture, self._darker[y : y + height, x : x + width], dst=picture)
        return picture
