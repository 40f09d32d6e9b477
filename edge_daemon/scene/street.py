"""The street itself: sky, houses, ground and what stands there. Painted once for a scene."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge_daemon.scene import props
from edge_daemon.scene.canvas import Canvas, Colour, Pixels, Sprite, mix, rgb, shade
from edge_daemon.scene.houses import Row
from edge_daemon.scene.light import Light
from edge_daemon.scene.shadow import shadow_of
from edge_daemon.scene.view import View

_PAVING = ("c9c0b0", "b7b0a6", "d2c4ab", "bdb7b0", "c4b29a", "a9a6a3")
_ASPHALT = ("55585c", "63656a", "4b4e54", "6d6a66")


@dataclass(frozen=True)
class Plan:
    """Where the parts of a street lie; depths in metres from the camera."""

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
    """A street by lot."""
    horizon = float(rng.uniform(0.35, 0.46))
    nearest = float(rng.choice([2.3, 2.3, 2.75, 3.3, 4.0]))
    camera = (float(rng.uniform(0.94, 1.02)) - horizon) * nearest
    view = View(width, height, horizon, camera)
    facade = float(rng.uniform(13.6, 15.2))
    near = [z for z in (2.3, 2.75, 3.3, 4.0, 4.9) if z >= nearest - 0.01]
    if rng.random() < 0.6:
        road = (float(rng.uniform(5.6, 6.4)), facade - float(rng.uniform(2.9, 3.4)))
        return Plan(view, light, facade, road, [*near, facade - 2.2, facade - 1.1])
    return Plan(view, light, facade, None, [*near, 6.0, 7.4, 9.2, 11.0, facade - 1.1])


def paint_street(plan: Plan, rng: np.random.Generator) -> tuple[Pixels, list[Sprite]]:
    """The picture of the empty street (BGR), and what stands so near that people pass behind it."""
    view, light = plan.view, plan.light
    picture = _sky(plan, rng)
    front = Canvas(picture, view.scale(plan.facade), view.width / 2, view.ground(plan.facade))
    reach = view.half_width(plan.facade) + 0.5
    _skyline(front, rng, reach)
    row = Row(front, rng, light.glow)
    row.draw(-reach, reach)
    # The grain takes as many draws as the picture has pixels: apart, so that a seed is one street in any size.
    grain, placing = rng.spawn(2)
    _ground(picture, plan, grain)
    base = plan.ground_row
    # The night's sky is dark already, so the half of the picture that shows it is darkened less.
    upper = mix(light.tint, (1.0, 1.0, 1.0), 0.5 if light.name == "night" else 0.0)
    picture[:base] = cv2.multiply(picture[:base], (*upper, 1.0))
    picture[base:] = cv2.multiply(picture[base:], (*light.tint, 1.0))
    things = _things(plan, placing)
    behind = max(plan.depths) + 0.05
    for sprite in things:
        shadow_of(sprite, view.scale(sprite.depth), light, 0.3).moved(0, -base).paint(picture[base:])
    for sprite in (s for s in things if s.depth > behind):
        sprite.paint(picture)
    _shine(front, row, plan, things)
    return picture, [s for s in things if s.depth <= behind]


def _sky(plan: Plan, rng: np.random.Generator) -> Pixels:
    """A gradient with clouds, or with stars and the moon."""
    view, light = plan.view, plan.light
    share = np.clip(np.arange(view.height) / (view.height * view.horizon), 0, 1)[:, None]
    column = np.array(light.sky_top) * (1 - share) + np.array(light.sky_low) * share
    sky = np.repeat(column[:, None], view.width, axis=1).astype(np.uint8)
    size = view.height
    if light.name == "night":
        for _ in range(60):
            x, y = int(rng.integers(view.width)), int(rng.integers(max(1, int(size * 0.4))))
            sky[y, x] = np.minimum(255, sky[y, x].astype(int) + int(rng.integers(40, 130)))
        x, y = rng.uniform(0.1, 0.9) * view.width, rng.uniform(0.06, 0.16) * size
        Canvas(sky, size, x, y).ellipse(0, 0, 0.035, 0.035, rgb("f3efd8"))
        return sky
    layer = np.zeros_like(sky)
    clouds = Canvas(layer, size, 0, size)
    for _ in range(int(rng.integers(2, 7))):
        x, y = float(rng.uniform(0, view.width / size)), float(rng.uniform(0.72, 0.99))
        for _ in range(9):
            clouds.ellipse(x + float(rng.uniform(-0.14, 0.14)), y + float(rng.uniform(-0.012, 0.02)),
                           float(rng.uniform(0.04, 0.09)), float(rng.uniform(0.012, 0.03)),
                           (255.0, 255.0, 255.0))  # fmt: skip
    soft = cv2.GaussianBlur(layer, (0, 0), size * 0.006).astype(np.float32) * (0.75 / 255)
    cloud = np.array(mix(light.sky_low, (255.0, 255.0, 255.0), 0.6), np.float32)
    return (sky * (1 - soft) + cloud * soft).astype(np.uint8)


def _skyline(canvas: Canvas, rng: np.random.Generator, reach: float) -> None:
    """Pale roofs and trees beyond the row of houses."""
    x = -reach
    while x < reach:
        width, high = float(rng.uniform(1.5, 4)), float(rng.uniform(2.5, 6.5))
        tone = mix(rgb("8fa3b3"), rgb("b9c4cc"), float(rng.random()))
        if rng.random() < 0.4:
            for _ in range(6):
                canvas.ellipse(x + width * float(rng.random()), high * 0.7, width * 0.35, high * 0.3,
                               mix(tone, rgb("7f9f86"), 0.6))  # fmt: skip
        else:
            canvas.rect(x, 0, x + width, high, tone)
        x += width


def _ground(picture: Pixels, plan: Plan, rng: np.random.Generator) -> None:
    """Pavements, kerbs, the road and their grain."""
    view = plan.view
    fine = 4
    first = plan.ground_row
    rows = (np.arange(first * fine, view.height * fine) + 0.5) / fine
    depth = view.height * view.camera_m / np.maximum(rows - view.height * view.horizon, 1e-3)
    paving = mix(rgb(str(rng.choice(_PAVING))), rgb(str(rng.choice(_PAVING))), 0.3)
    colours = np.tile(np.array(paving), (len(depth), 1))
    if plan.road is not None:
        near, far = plan.road
        colours[(depth > near) & (depth < far)] = rgb(str(rng.choice(_ASPHALT)))
        for kerb, side in ((near, -1), (far, 1)):
            colours[(depth - kerb) * side < 0.16] *= 1.0
            stone = ((depth - kerb) * side >= 0) & ((depth - kerb) * side < 0.2)
            colours[stone] = shade(paving, 1.16)
            gutter = ((kerb - depth) * side > 0) & ((kerb - depth) * side < 0.14)
            colours[gutter] = rgb("3c3d40")
    wall = np.clip((plan.facade - depth) / 1.3, 0, 1)  # darker at the foot of the houses
    colours *= (0.66 + 0.34 * wall)[:, None]
    strip = colours.reshape(-1, fine, 3).mean(axis=1)
    lines = _joints(plan, rng)[first:]
    grain = rng.normal(0, 1, (view.height - first, view.width)).astype(np.float32)
    patches = cv2.resize(rng.normal(0, 1, (12, 16)).astype(np.float32), (view.width, view.height - first),
                         interpolation=cv2.INTER_CUBIC)  # fmt: skip
    tone = 1 + 0.018 * cv2.GaussianBlur(grain, (3, 3), 0) + 0.02 * patches - 0.16 * lines.astype(np.float32) / 255
    picture[first:] = np.clip(strip[:, None] * tone[..., None], 0, 255).astype(np.uint8)
    if plan.road is not None:
        _markings(picture, plan, rng)


def _joints(plan: Plan, rng: np.random.Generator) -> Pixels:
    """Where the joints between paving stones are (height, width), 255 on a joint."""
    view = plan.view
    lines = np.zeros((view.height, view.width), np.uint8)
    stone = float(rng.choice([0.5, 0.7, 1.0]))
    zones = [(1.2, plan.facade)] if plan.road is None else [(1.2, plan.road[0] - 0.2), (plan.road[1] + 0.2, plan.facade)]
    for near, far in zones:
        for z in np.arange(near, far, stone):
            if view.ground(z) - view.ground(z + stone) > 2.2:
                y = round(view.ground(z) * 16)
                cv2.line(lines, (0, y), (view.width * 16, y), (255,), 1, cv2.LINE_AA, 4)
        reach = view.half_width(far)
        count = int(reach / stone)
        for i in range(-count, count + 1):
            if view.scale(far) * stone < 5 and i % 2:
                continue
            ends = [(round(view.column(i * stone, z) * 16), round(view.ground(z) * 16)) for z in (near, far)]
            cv2.line(lines, ends[0], ends[1], (150,), 1, cv2.LINE_AA, 4)
    return lines


def _markings(picture: Pixels, plan: Plan, rng: np.random.Generator) -> None:
    """A broken line along the middle of the road."""
    view = plan.view
    assert plan.road is not None
    z = sum(plan.road) / 2
    white = mix(rgb("e9e6dc"), rgb("77787a"), float(rng.uniform(0.1, 0.5)))
    reach, phase = view.half_width(z) + 3, float(rng.uniform(0, 4))
    for x in np.arange(-reach + phase, reach, 4.0):
        corners = [(x, z - 0.12), (x + 2, z - 0.12), (x + 2, z + 0.12), (x, z + 0.12)]
        outline = np.array([[view.column(a, b), view.ground(b)] for a, b in corners])
        cv2.fillConvexPoly(picture, np.rint(outline * 16).astype(np.int32), white, cv2.LINE_AA, 4)


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
        placed.append((props.SMALL[rng.integers(len(props.SMALL))], float(rng.uniform(-reach, reach)), kerbs[0] - 0.1))
    if plan.road is not None and rng.random() < 0.5:
        depth = plan.road[1] - 0.8
        reach = view.half_width(depth)
        for x in np.arange(-reach + float(rng.uniform(0, 2 * reach)), reach, 5.2)[:2]:
            placed.append((props.car, float(x), depth))
    placed.sort(key=lambda thing: -thing[2])
    return [stand(painter(rng, view.scale(z)), view, x, z, plan.light.tint) for painter, x, z in placed]


def stand(canvas: Canvas, view: View, x: float, depth: float, tint: Colour, flip: bool = False) -> Sprite:
    """What was drawn on a canvas as a sprite that stands in the street, lit."""
    image = cv2.multiply(canvas.image, (*tint, 1.0))
    # Premultiplied colour must not exceed its alpha, or bright edges wrap around when they are added.
    image[..., :3] = np.minimum(image[..., :3], image[..., 3:])
    left, foot = view.column(x, depth) - canvas.left, view.ground(depth)
    if flip:
        image = np.ascontiguousarray(image[:, ::-1])
        left = view.column(x, depth) - (image.shape[1] - canvas.left)
    return Sprite(image, round(left), round(foot - canvas.foot), foot, depth)


def _shine(front: Canvas, row: Row, plan: Plan, things: list[Sprite]) -> None:
    """Light the windows, and the lamps if it is dark."""
    picture = front.image
    for x0, y0, x1, y1, colour in row.lamps:
        front.rect(x0, y0, x1, y1, colour)
    if plan.light.glow < 0.5:
        return
    layer = np.zeros_like(picture)
    halo = Canvas(layer, front.scale, front.left, front.foot)
    for x0, y0, x1, y1, colour in row.lamps:
        halo.rect(x0, y0, x1, y1, shade(colour, 0.16))
    soft = cv2.GaussianBlur(layer, (0, 0), plan.view.height * 0.025)
    picture[:] = cv2.add(picture, cv2.multiply(soft, (0.8,) * 4))
