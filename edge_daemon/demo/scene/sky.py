"""Background above and behind the houses: the sky and a pale skyline."""

import cv2
import numpy as np

from edge_daemon.demo.scene.canvas import Canvas, Pixels, mix, rgb
from edge_daemon.demo.scene.plan import Plan


def paint_sky(plan: Plan, rng: np.random.Generator) -> Pixels:
    """A gradient with clouds, or with stars and the moon (BGR, uint8, height x width x 3)."""
    view, light = plan.view, plan.light
    share = np.clip(np.arange(view.height) / (view.height * view.horizon), 0, 1)[:, None]
    column = np.array(light.sky_top) * (1 - share) + np.array(light.sky_low) * share
    sky = np.repeat(column[:, None], view.width, axis=1).astype(np.uint8)
    size = view.height
    if light.name == "night":
        for _ in range(60):
            x, y = int(rng.integers(view.width)), int(rng.integers(max(1, int(size * 0.4))))
            sky[y, x] = np.minimum(255, sky[y, x].astype(int) + int(rng.integers(40, 130)))
        left, top = rng.uniform(0.1, 0.9) * view.width, rng.uniform(0.06, 0.16) * size
        Canvas(sky, size, left, top).ellipse(0, 0, 0.035, 0.035, rgb("f3efd8"))
        return sky
    layer = np.zeros_like(sky)
    clouds = Canvas(layer, size, 0, size)
    for _ in range(int(rng.integers(2, 7))):
        middle, high = float(rng.uniform(0, view.width / size)), float(rng.uniform(0.72, 0.99))
        for _ in range(9):
            clouds.ellipse(
                middle + float(rng.uniform(-0.14, 0.14)),
                high + float(rng.uniform(-0.012, 0.02)),
                float(rng.uniform(0.04, 0.09)),
                float(rng.uniform(0.012, 0.03)),
                (255.0, 255.0, 255.0),
            )
    soft = cv2.GaussianBlur(layer, (0, 0), size * 0.006).astype(np.float32) * (0.75 / 255)
    cloud = np.array(mix(light.sky_low, (255.0, 255.0, 255.0), 0.6), np.float32)
    return (sky * (1 - soft) + cloud * soft).astype(np.uint8)


def paint_skyline(canvas: Canvas, rng: np.random.Generator, reach: float) -> None:
    """Pale roofs and trees beyond the row of houses."""
    x = -reach
    while x < reach:
        width, high = float(rng.uniform(1.5, 4)), float(rng.uniform(2.5, 6.5))
        tone = mix(rgb("8fa3b3"), rgb("b9c4cc"), float(rng.random()))
        if rng.random() < 0.4:
            for _ in range(6):
                canvas.ellipse(
                    x + width * float(rng.random()),
                    high * 0.7,
                    width * 0.35,
                    high * 0.3,
                    mix(tone, rgb("7f9f86"), 0.6),
                )
        else:
            canvas.rect(x, 0, x + width, high, tone)
        x += width
