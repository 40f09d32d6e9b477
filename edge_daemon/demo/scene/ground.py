"""The ground of a street: pavements and their joints, kerbs, the road and its markings."""

import cv2
import numpy as np

from edge_daemon.demo.scene.canvas import Pixels, mix, rgb, shade
from edge_daemon.demo.scene.plan import Plan

_PAVING = ("c9c0b0", "b7b0a6", "d2c4ab", "bdb7b0", "c4b29a", "a9a6a3")
_ASPHALT = ("55585c", "63656a", "4b4e54", "6d6a66")


def paint_ground(picture: Pixels, plan: Plan, rng: np.random.Generator) -> None:
    """Paint pavements, kerbs, the road and their grain into a picture (BGR, uint8, height x width x 3)."""
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
            stone = ((depth - kerb) * side >= 0) & ((depth - kerb) * side < 0.2)
            colours[stone] = shade(paving, 1.16)
            gutter = ((kerb - depth) * side > 0) & ((kerb - depth) * side < 0.14)
            colours[gutter] = rgb("3c3d40")
    wall = np.clip((plan.facade - depth) / 1.3, 0, 1)  # darker at the foot of the houses
    colours *= (0.66 + 0.34 * wall)[:, None]
    strip = colours.reshape(-1, fine, 3).mean(axis=1)
    lines = _joints(plan, rng)[first:]
    grain = rng.normal(0, 1, (view.height - first, view.width)).astype(np.float32)
    patches = cv2.resize(
        rng.normal(0, 1, (12, 16)).astype(np.float32),
        (view.width, view.height - first),
        interpolation=cv2.INTER_CUBIC,
    )
    tone = 1 + 0.018 * cv2.GaussianBlur(grain, (3, 3), 0) + 0.02 * patches - 0.16 * lines.astype(np.float32) / 255
    picture[first:] = np.clip(strip[:, None] * tone[..., None], 0, 255).astype(np.uint8)
    if plan.road is not None:
        _markings(picture, plan, rng)


def _joints(plan: Plan, rng: np.random.Generator) -> Pixels:
    """Mask of the joints between paving stones (height, width), 255 on a joint."""
    view = plan.view
    lines = np.zeros((view.height, view.width), np.uint8)
    stone = float(rng.choice([0.5, 0.7, 1.0]))
    zones = (
        [(1.2, plan.facade)] if plan.road is None else [(1.2, plan.road[0] - 0.2), (plan.road[1] + 0.2, plan.facade)]
    )
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
