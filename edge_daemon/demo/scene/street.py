"""The empty street, painted once for a scene, and what stands in it."""

import cv2
import numpy as np

from edge_daemon.demo.scene import props
from edge_daemon.demo.scene.canvas import Canvas, Colour, Pixels, Sprite, mix, shade, tinted
from edge_daemon.demo.scene.ground import paint_ground
from edge_daemon.demo.scene.houses import Row
from edge_daemon.demo.scene.plan import Plan
from edge_daemon.demo.scene.shadow import shadow_of
from edge_daemon.demo.scene.sky import paint_sky, paint_skyline
from edge_daemon.demo.scene.view import View


def paint_street(plan: Plan, rng: np.random.Generator) -> tuple[Pixels, list[Sprite]]:
    """The empty street (BGR, uint8, height x width x 3), and the objects in front of the people."""
    view, light = plan.view, plan.light
    picture = paint_sky(plan, rng)
    front = Canvas(picture, view.scale(plan.facade), view.width / 2, view.ground(plan.facade))
    reach = view.half_width(plan.facade) + 0.5
    paint_skyline(front, rng, reach)
    row = Row(front, rng, light.glow)
    row.draw(-reach, reach)
    # The grain takes a draw for each pixel: it has its own, so that a seed is one street in any size.
    grain, placing = rng.spawn(2)
    paint_ground(picture, plan, grain)
    base = plan.ground_row
    # The night's sky is dark already, so the half of the picture that shows it is darkened less.
    upper = mix(light.tint, (1.0, 1.0, 1.0), 0.5 if light.name == "night" else 0.0)
    picture[:base] = tinted(picture[:base], upper)
    picture[base:] = tinted(picture[base:], light.tint)
    things = _things(plan, placing)
    behind = max(plan.depths) + 0.05
    for sprite in things:
        shadow_of(sprite, view.scale(sprite.depth), light, 0.3).moved(0, -base).paint(picture[base:])
    for sprite in (s for s in things if s.depth > behind):
        sprite.paint(picture)
    _shine(front, row, plan)
    return picture, [s for s in things if s.depth <= behind]


def _things(plan: Plan, rng: np.random.Generator) -> list[Sprite]:
    """Trees, lamp posts, parked cars and small things, the farthest first."""
    view = plan.view
    far_side = plan.facade - 0.45
    kerbs = [5.4] if plan.road is None else [plan.road[0] - 0.35, plan.road[1] + 0.35]
    placed: list[tuple[props.Painter, float, float]] = []
    for depth in kerbs if rng.random() < 0.8 else kerbs[-1:]:
        painter = props.tree if rng.random() < 0.55 else props.lamp_post
        reach = view.half_width(depth)
        gap = float(rng.uniform(4.5, 7.5))
        for x in np.arange(-reach + float(rng.uniform(0, gap)), reach, gap):
            chosen = painter if rng.random() < 0.75 else props.lamp_post
            placed.append((chosen, float(x), depth))
    reach = view.half_width(far_side)
    for _ in range(int(rng.integers(3, 8))):
        placed.append((props.SMALL[rng.integers(len(props.SMALL))], float(rng.uniform(-reach, reach)), far_side))
    for _ in range(int(rng.integers(0, 3))):
        reach = view.half_width(kerbs[0])
        placed.append((props.LOW[rng.integers(len(props.LOW))], float(rng.uniform(-reach, reach)), kerbs[0] - 0.1))
    if plan.road is not None and rng.random() < 0.35:
        depth = plan.road[1] - 0.8
        reach = view.half_width(depth)
        for x in np.arange(-reach + float(rng.uniform(0, 2 * reach)), reach, 5.2)[:2]:
            placed.append((props.car, float(x), depth))
    placed.sort(key=lambda thing: -thing[2])
    return [stand(painter(rng, view.scale(z)), view, x, z, plan.light.tint) for painter, x, z in placed]


def stand(canvas: Canvas, view: View, x: float, depth: float, tint: Colour, flip: bool = False) -> Sprite:
    """The drawing on a canvas as a lit sprite that stands in the street."""
    image = tinted(canvas.image, tint)
    # Premultiplied colour must not exceed its alpha, or bright edges wrap around when they are added.
    image[..., :3] = np.minimum(image[..., :3], image[..., 3:])
    left, foot = view.column(x, depth) - canvas.left, view.ground(depth)
    if flip:
        image = np.ascontiguousarray(image[:, ::-1])
        left = view.column(x, depth) - (image.shape[1] - canvas.left)
    return Sprite(image, round(left), round(foot - canvas.foot), foot, depth)


def _shine(front: Canvas, row: Row, plan: Plan) -> None:
    """Light the windows, with a halo if it is dark."""
    picture = front.image
    for x0, y0, x1, y1, colour in row.lamps:
        front.rect(x0, y0, x1, y1, colour)
    if plan.light.glow < 0.5:
        return
    layer = np.zeros_like(picture)
    halo = Canvas(layer, front.scale, front.left, front.foot)
    for x0, y0, x1, y1, colour in row.lamps:
        halo.rect(x0, y0, x1, y1, shade(colour, 0.16))
    cv2.GaussianBlur(layer, (0, 0), plan.view.height * 0.025, dst=layer)
    cv2.add(picture, tinted(layer, (0.8, 0.8, 0.8)), dst=picture)
