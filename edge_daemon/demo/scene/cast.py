"""People as sprites: drawn once for every step of a walk, and kept while they are in the picture."""

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.demo.scene.canvas import Canvas, Sprite
from edge_daemon.demo.scene.person import draw_person
from edge_daemon.demo.scene.plan import Plan
from edge_daemon.demo.scene.pose import Pose
from edge_daemon.demo.scene.shadow import Shadow, shadow_of
from edge_daemon.demo.scene.walkers import CYCLE_STEPS, SWAY_S, Walker

_KEPT_PICTURES = 24
"""Memory for drawn figures, in pictures of the scene's size: a walking cycle of everybody in view."""
_ZOOM_STEP = 1.02
"""A person who comes nearer is redrawn after growing by this factor."""


@dataclass(frozen=True)
class Figure:
    """A drawn person with the foot at (0, 0): sprite, shadow, where the body is and how much of it."""

    sprite: Sprite
    shadow: Shadow
    body: NDArray[np.bool_]
    area: int


class Cast:
    """Draws walkers and remembers the drawings, those used last."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._figures: OrderedDict[tuple[int, int, int, int], Figure] = OrderedDict()
        self._bytes = 0
        self._most_bytes = _KEPT_PICTURES * plan.view.width * plan.view.height * 3

    def figure(self, walker: Walker) -> Figure:
        """The drawn figure of a walker at this moment."""
        zoom = round(np.log(walker.depth) / np.log(_ZOOM_STEP))
        key = (walker.id, -1 if walker.step is None else walker.step, walker.sway, zoom)
        figure = self._figures.pop(key, None)
        if figure is None:
            figure = self._draw(walker, _ZOOM_STEP**zoom)
            self._bytes += _size(figure)
        self._figures[key] = figure
        while self._bytes > self._most_bytes and len(self._figures) > 1:
            self._bytes -= _size(self._figures.popitem(last=False)[1])
        return figure

    def _draw(self, walker: Walker, depth: float) -> Figure:
        look, view, light = walker.look, self._plan.view, self._plan.light
        scale = view.scale(depth)
        if walker.step is None:
            pose = Pose.standing(walker.sway * SWAY_S / CYCLE_STEPS, look)
        else:
            pose = Pose.walking(2 * np.pi * walker.step / CYCLE_STEPS, 0.42)
        reach = 0.5 * look.height_m
        canvas = Canvas.sprite(-reach, reach, look.height_m * 1.08 + 0.06, scale, 0.25)
        draw_person(canvas, look, pose, walker.heading, light.tint, view.camera_m / depth)
        x, y, width, height = cv2.boundingRect(np.ascontiguousarray(canvas.image[..., 3]))
        image = np.ascontiguousarray(canvas.image[y : y + height, x : x + width])
        image[..., :3] = np.minimum(image[..., :3], image[..., 3:])
        sprite = Sprite(image, round(x - canvas.left), round(y - canvas.foot), 0.0, depth)
        body = sprite.alpha > 127
        shadow = shadow_of(sprite, scale, light, 0.3 * look.build)
        return Figure(sprite, shadow, body, max(1, int(np.count_nonzero(body))))


def _size(figure: Figure) -> int:
    return figure.sprite.image.nbytes + figure.shadow.dark.nbytes + figure.body.nbytes
