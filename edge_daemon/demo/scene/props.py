"""Things that stand in the street, each drawn on its own sprite with its foot at the origin."""

from collections.abc import Callable

import numpy as np

from edge_daemon.demo.scene.canvas import Canvas, Colour, mix, rgb, shade

Rng = np.random.Generator
Painter = Callable[[Rng, float], Canvas]


def _one_of(rng: Rng, *codes: str) -> Colour:
    return mix(rgb(str(rng.choice(codes))), (140.0, 140.0, 140.0), float(rng.uniform(0, 0.2)))


def tree(rng: Rng, scale: float) -> Canvas:
    """A street tree with a thin trunk and a round crown well above people's heads."""
    high = float(rng.uniform(3.6, 5.2))
    canvas = Canvas.sprite(-1.9, 1.9, high + 1.4, scale)
    bark = _one_of(rng, "6b4f3a", "7a5c45", "58483c")
    thick = float(rng.uniform(0.1, 0.17))
    canvas.polygon([(-thick, 0), (thick, 0), (0.6 * thick, high), (-0.6 * thick, high)], bark)
    canvas.polygon([(-thick, 0), (-thick * 0.2, 0), (-0.2 * thick, high), (-0.6 * thick, high)], shade(bark, 0.8))
    canvas.line([(0, high * 0.66), (0.7, high * 0.86)], 0.1, bark)
    canvas.line([(0, high * 0.62), (-0.7, high * 0.86)], 0.1, shade(bark, 0.85))
    leaf = _one_of(rng, "5f9a4c", "6fa856", "4d8548", "8aa84f", "c98f3a")
    for tone, lift, spread in ((0.68, -0.25, 1.0), (0.86, 0.0, 0.9), (1.04, 0.25, 0.72), (1.2, 0.45, 0.45)):
        for _ in range(13):
            angle, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * spread
            x, y = 1.15 * far * np.cos(angle) - 0.15 * lift, high + lift + 0.75 * far * np.sin(angle)
            r = float(rng.uniform(0.28, 0.5)) * (0.55 + 0.45 * spread)
            canvas.ellipse(float(x), float(y), r, r * 0.92, shade(leaf, tone * float(rng.uniform(0.94, 1.06))))
    return canvas


def lamp_post(rng: Rng, scale: float) -> Canvas:
    """A lamp post with one or two arms."""
    canvas = Canvas.sprite(-1.0, 1.0, 4.9, scale)
    iron = _one_of(rng, "2f3a3a", "3c4048", "55606a")
    canvas.polygon([(-0.08, 0), (0.08, 0), (0.045, 4.4), (-0.045, 4.4)], iron)
    canvas.rect(-0.13, 0, 0.13, 0.5, shade(iron, 0.85))
    for side in (-1, 1) if rng.random() < 0.5 else (1,):
        canvas.line([(0, 4.3), (side * 0.35, 4.6), (side * 0.6, 4.55)], 0.07, iron)
        canvas.ellipse(side * 0.66, 4.45, 0.22, 0.16, rgb("fff3cf"))
        canvas.ellipse(side * 0.66, 4.54, 0.25, 0.1, shade(iron, 1.1))
    return canvas


def bin_(rng: Rng, scale: float) -> Canvas:
    """A litter bin."""
    canvas = Canvas.sprite(-0.4, 0.4, 1.1, scale)
    colour = _one_of(rng, "2f6b4f", "3a3f47", "8a3a34", "4a6a8a")
    canvas.polygon([(-0.24, 0), (0.24, 0), (0.28, 0.85), (-0.28, 0.85)], colour)
    canvas.polygon([(-0.24, 0), (-0.1, 0), (-0.12, 0.85), (-0.28, 0.85)], shade(colour, 0.8))
    canvas.rect(-0.32, 0.82, 0.32, 0.95, shade(colour, 1.2))
    canvas.ellipse(0, 0.95, 0.2, 0.07, shade(colour, 0.5))
    return canvas


def sign(rng: Rng, scale: float) -> Canvas:
    """A traffic sign on its pole: round, triangular or square."""
    canvas = Canvas.sprite(-0.45, 0.45, 2.75, scale)
    canvas.rect(-0.035, 0, 0.035, 2.5, rgb("8b9299"))
    kind = str(rng.choice(["round", "triangle", "square"]))
    edge, face = rgb("c0392b"), rgb("f4f2ee")
    if kind == "round":
        canvas.ellipse(0, 2.3, 0.33, 0.33, edge)
        canvas.ellipse(0, 2.3, 0.24, 0.24, face)
        canvas.rect(-0.13, 2.25, 0.13, 2.34, rgb("2c2c2c"))
    elif kind == "triangle":
        canvas.polygon([(-0.38, 2.0), (0.38, 2.0), (0, 2.66)], edge)
        canvas.polygon([(-0.24, 2.08), (0.24, 2.08), (0, 2.5)], face)
    else:
        canvas.rect(-0.3, 1.98, 0.3, 2.6, rgb("2f66a8"))
        canvas.rect(-0.1, 2.08, 0.0, 2.5, face)
        canvas.ellipse(0.04, 2.38, 0.12, 0.12, face)
    return canvas


def bollard(rng: Rng, scale: float) -> Canvas:
    """A bollard."""
    canvas = Canvas.sprite(-0.25, 0.25, 1.15, scale)
    colour = _one_of(rng, "3a3f47", "8a8f94", "5b4a3c")
    canvas.rect(-0.09, 0, 0.09, 0.85, colour)
    canvas.rect(-0.09, 0.6, 0.09, 0.72, rgb("e8e2d4"))
    canvas.ellipse(0, 0.9, 0.12, 0.12, shade(colour, 1.1))
    return canvas


def letter_box(rng: Rng, scale: float) -> Canvas:
    """A pillar box, about as tall as a child."""
    canvas = Canvas.sprite(-0.4, 0.4, 1.7, scale)
    colour = _one_of(rng, "c0392b", "d9a520", "2b5c9e")
    canvas.rect(-0.25, 0, 0.25, 1.35, colour)
    canvas.rect(-0.25, 0, -0.12, 1.35, shade(colour, 0.82))
    canvas.ellipse(0, 1.36, 0.3, 0.14, shade(colour, 1.1))
    canvas.rect(-0.15, 1.05, 0.15, 1.1, rgb("201a18"))
    canvas.rect(-0.28, 0, 0.28, 0.12, rgb("2c2c2c"))
    return canvas


def bench(rng: Rng, scale: float) -> Canvas:
    """A wooden bench."""
    canvas = Canvas.sprite(-1.0, 1.0, 1.1, scale)
    wood = _one_of(rng, "9a6b42", "7d5535", "a98258")
    for x in (-0.75, 0.75):
        canvas.line([(x, 0), (x, 0.9)], 0.07, rgb("33363a"))
    for y in (0.42, 0.62, 0.74, 0.86):
        canvas.rect(-0.9, y, 0.9, y + 0.085, shade(wood, 1.1 if y < 0.5 else 0.95))
    return canvas


def planter(rng: Rng, scale: float) -> Canvas:
    """A tub with a shrub or a small cypress."""
    canvas = Canvas.sprite(-0.7, 0.7, 2.1, scale)
    tub, leaf = _one_of(rng, "a8603f", "8a8f94", "6b5648"), _one_of(rng, "4d8548", "5f9a4c", "3f6f4a")
    tall = float(rng.uniform(0.55, 1.4))
    for i in range(16):
        y = 0.5 + tall * i / 16
        r = 0.34 * (1 - 0.65 * i / 16)
        x = float(rng.uniform(-0.08, 0.08))
        canvas.ellipse(x, y, r, 0.22, shade(leaf, float(rng.uniform(0.8, 1.15))))
    canvas.polygon([(-0.28, 0), (0.28, 0), (0.36, 0.5), (-0.36, 0.5)], tub)
    canvas.rect(-0.39, 0.44, 0.39, 0.54, shade(tub, 1.15))
    return canvas


def advertisement(rng: Rng, scale: float) -> Canvas:
    """A sandwich board in front of a shop."""
    canvas = Canvas.sprite(-0.45, 0.45, 1.2, scale)
    canvas.polygon([(-0.32, 0), (0.32, 0), (0.27, 1.05), (-0.27, 1.05)], _one_of(rng, "6b4f3a", "3a3a3a"))
    canvas.polygon([(-0.26, 0.12), (0.26, 0.12), (0.22, 0.98), (-0.22, 0.98)], rgb("2b3330"))
    for y in (0.8, 0.65, 0.5, 0.35):
        half = float(rng.uniform(0.08, 0.17))
        canvas.rect(-half, y, half, y + 0.05, _one_of(rng, "f2ead8", "f0b93c", "e7a3a3"))
    return canvas


def car(rng: Rng, scale: float) -> Canvas:
    """A car seen from its side, heading right."""
    canvas = Canvas.sprite(-2.3, 2.3, 1.65, scale)
    paint = _one_of(rng, "b5352f", "2b5c9e", "e9e6df", "3a3f47", "5f8f6b", "d9a93a", "8a9199", "7fa7b8")
    canvas.ellipse(0, 0.03, 2.15, 0.1, (34.0, 32.0, 32.0))
    roof = float(rng.uniform(1.38, 1.56))
    canvas.polygon([(-1.35, 0.85), (-0.95, roof), (0.5, roof), (1.15, 0.9)], shade(paint, 0.95))
    glass = rgb("4f6675")
    for pane in (
        [(-1.15, 0.88), (-0.86, roof - 0.1), (-0.2, roof - 0.1), (-0.2, 0.88)],
        [(-0.1, 0.88), (-0.1, roof - 0.1), (0.44, roof - 0.1), (0.95, 0.9)],
    ):
        canvas.polygon(pane, glass)
        (xa, ya), (xb, yb) = pane[0], pane[1]
        canvas.polygon([(xa + 0.25, ya), (xb + 0.2, yb), (xb + 0.38, yb), (xa + 0.45, ya)], shade(glass, 1.3))
    body = [(-2.1, 0.32), (2.12, 0.32), (2.15, 0.62), (1.95, 0.82), (1.1, 0.94), (-1.4, 0.92), (-2.05, 0.85)]
    canvas.polygon(body, paint)
    canvas.polygon([(-2.1, 0.32), (2.12, 0.32), (2.14, 0.5), (-2.1, 0.5)], shade(paint, 0.78))
    canvas.line([(-1.9, 0.84), (1.2, 0.86)], 0.05, shade(paint, 1.18))
    canvas.line([(-0.15, 0.88), (-0.18, 0.42)], 0.02, shade(paint, 0.7))
    canvas.rect(-0.45, 0.72, -0.25, 0.76, shade(paint, 0.6))
    canvas.ellipse(2.02, 0.68, 0.1, 0.09, rgb("fff2c8"))
    canvas.rect(-2.1, 0.64, -1.98, 0.8, rgb("c0281f"))
    for x in (-1.3, 1.3):
        canvas.ellipse(x, 0.36, 0.42, 0.4, shade(paint, 0.45))
        canvas.ellipse(x, 0.33, 0.34, 0.34, rgb("1f2022"))
        canvas.ellipse(x, 0.33, 0.19, 0.19, rgb("b5babf"))
        canvas.ellipse(x, 0.33, 0.07, 0.07, rgb("4a4e52"))
    return canvas


SMALL: tuple[Painter, ...] = (
    bin_,
    sign,
    bollard,
    letter_box,
    bench,
    planter,
    advertisement,
    bollard,
    sign,
)
"""Props for the far side of the street, in front of the houses."""

LOW: tuple[Painter, ...] = (bin_, bollard, sign, bollard)
"""Props for the near kerb, which hide little of the street behind."""
