"""A person drawn from a walking skeleton: joints in metres, turned by a heading, drawn as round-ended limbs."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge_daemon.scene.canvas import Canvas, Colour, Floats, capsules, mix, shade
from edge_daemon.scene.look import Look


def draw_person(canvas: Canvas, look: Look, pose: Pose, heading: float, tint: Colour, slope: float) -> None:
    """Draw a person whose foot is at the canvas's origin.

    Args:
        heading: direction of the walk in radians: 0 is to the right, π/2 towards the viewer.
        tint: light that falls on the person; multiplies blue, green and red.
        slope: how much lower, in metres a metre, something nearer to the viewer appears.
    """
    body = _Body(look, pose, heading, slope)
    body.draw(canvas, {name: _lit(colour, tint) for name, colour in look.colours.items()})


def _lit(colour: Colour, tint: Colour) -> Colour:
    return (min(255.0, colour[0] * tint[0]), min(255.0, colour[1] * tint[1]), min(255.0, colour[2] * tint[2]))


DETAIL_SCALE = 45.0
"""Pixels a metre from which on creases and collars are worth drawing."""


class _Body:
    """The joints of one pose in the picture's plane, in metres, and the order in which they are drawn."""

    def draw(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        """Draw from the far side to the near one."""
        far, near = (0, 1) if self.cos >= 0 else (1, 0)
        frontal = abs(self.sin) > 0.8
        limbs = canvas.fixed(self.limbs)
        facing_away = self.sin < -0.25
        if not facing_away:
            self._draw_bag(canvas, colours)
        self._draw_arm(canvas, limbs, far, colours, 1.0 if frontal else 0.78)
        self._draw_leg(canvas, limbs, far, colours, 0.92 if frontal else 0.76)
        self._draw_leg(canvas, limbs, near, colours, 1.0)
        if facing_away:
            self._draw_torso(canvas, colours)
            self._draw_head(canvas, colours)
            self._draw_long_hair(canvas, colours)
            self._draw_bag(canvas, colours)
        else:
            if self.sin > 0.3:
                self._draw_long_hair(canvas, colours)
            self._draw_neck(canvas, colours)
            self._draw_torso(canvas, colours)
            if self.sin <= 0.3:
                self._draw_long_hair(canvas, colours)
            self._draw_head(canvas, colours)
        self._draw_arm(canvas, limbs, near, colours, 1.06)
        self._draw_carried(canvas, near, colours)

    def _draw_leg(self, canvas: Canvas, limbs: np.ndarray, side: int, colours: dict[str, Colour], f: float) -> None:
        cloth = shade(colours["bottom"], f)
        bare = shade(colours["stocking"], f)
        first = 6 * side
        look = self.look
        canvas.convex(limbs[first + 2], shade(colours["shoes"], f))
        canvas.convex(limbs[first + 1], cloth if look.legs == "trousers" else bare)
        canvas.convex(limbs[first], cloth if look.legs in ("trousers", "shorts") else bare)
        if look.legs == "shorts":
            canvas.convex(limbs[first], cloth)

    def _draw_arm(self, canvas: Canvas, limbs: np.ndarray, side: int, colours: dict[str, Colour], f: float) -> None:
        first = 6 * side
        skin, top = shade(colours["skin"], f), shade(colours["top"], f)
        canvas.convex(limbs[first + 5], skin)
        canvas.convex(limbs[first + 4], skin if self.look.sleeves == "short" else top)
        canvas.convex(limbs[first + 3], top)

    def _draw_neck(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        h = self.look.height_m
        x, y = self.at(0.012 * h, 0, self.shoulder)
        canvas.line([(x, y), (x, y + 1.1 * self.head_r)], 0.075 * h, shade(colours["skin"], 0.82))

    def _draw_torso(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        look, h = self.look, self.look.height_m
        if self.sin < -0.25:
            self._draw_neck(canvas, colours)
        # Seen from the side a body is as deep as it is, from the front as wide.
        chest = float(np.hypot(0.068 * self.cos, 0.112 * self.sin)) * h * look.build
        waist = float(np.hypot(0.06 * self.cos, 0.085 * self.sin)) * h * look.build
        x_top, _ = self.at(0.008 * h, 0, 0)
        top, low = self.shoulder - 0.01 * h, self.hip + 0.01 * h
        if look.legs in ("skirt", "dress"):
            self._draw_skirt(canvas, colours["bottom" if look.legs == "skirt" else "top"], waist)
        if look.long_m > 0:
            self._draw_skirt(canvas, colours["top"], waist * 1.1, look.long_m)
        round_m = 0.04 * h * look.build
        sides = np.array([-1.0, 1.0])
        start = np.stack([x_top + sides * (chest - round_m), np.full(2, top - round_m)], axis=-1)
        end = np.stack([sides * (waist - round_m * 0.7), np.full(2, low + 0.01 * h)], axis=-1)
        outline = capsules(start, end, np.full(2, round_m), np.full(2, round_m * 0.7)).reshape(-1, 2)
        canvas.convex(np.asarray(cv2.convexHull(canvas.fixed(outline)), np.int32), colours["top"])
        if canvas.scale > DETAIL_SCALE:
            middle = x_top + 0.4 * chest * look.sun
            lit = capsules(
                np.array([[middle, top - 0.6 * chest]]),
                np.array([[middle, low + 0.07 * h]]),
                np.array([chest * 0.42]),
                np.array([waist * 0.36]),
            )
            canvas.convex(canvas.fixed(lit[0]), shade(colours["top"], 1.1))
        if look.legs in ("trousers", "shorts") and look.long_m == 0:
            canvas.line(
                [(-waist * 0.72, low - 0.014 * h), (waist * 0.72, low - 0.014 * h)],
                0.045 * h,
                colours["bottom"],
            )
        if look.front and self.sin > 0.2 and canvas.scale > DETAIL_SCALE:
            x, _ = self.at(0.05 * h, 0, 0)
            canvas.polygon([(x - 0.03 * h, top), (x + 0.03 * h, top), (x, top - 0.2 * h)], colours["accent"])
        if look.scarf:
            x, y = self.at(0.012 * h, 0, self.shoulder + 0.03 * h)
            canvas.line([(x - 0.04 * h, y), (x + 0.04 * h, y)], 0.055 * h, colours["accent"])

    def _draw_skirt(self, canvas: Canvas, colour: Colour, waist: float, drop: float = 0.0) -> None:
        h = self.look.height_m
        drop = drop or self.look.skirt_m
        low = self.hip - drop
        xs = np.concatenate([self.knees[:, 0], [0.0]]) * min(1.0, drop / (0.26 * h))
        left, right = float(xs.min()) - 0.075 * h, float(xs.max()) + 0.075 * h
        mid = 0.5 * (left + right)
        hull = cv2.convexHull(
            canvas.fixed(
                np.array(
                    [
                        [-waist, self.hip + 0.1 * h],
                        [waist, self.hip + 0.1 * h],
                        [right, low],
                        [mid, low - 0.012 * h],
                        [left, low],
                    ]
                )
            )
        )
        canvas.convex(np.asarray(hull, np.int32), shade(colour, 0.95))

    def _draw_bag(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        if self.look.bag != "backpack":
            return
        h = self.look.height_m
        x, y = self.at(-0.095 * h, 0, self.shoulder - 0.14 * h)
        half = float(np.hypot(0.055 * h * self.cos, 0.085 * h * self.sin))
        canvas.line([(x, y + 0.06 * h), (x, y - 0.07 * h)], 2 * half, colours["bag"])
        canvas.line([(x, y - 0.05 * h), (x, y - 0.08 * h)], 1.5 * half, shade(colours["bag"], 0.8))

    def _draw_carried(self, canvas: Canvas, near: int, colours: dict[str, Colour]) -> None:
        look, h = self.look, self.look.height_m
        if look.bag == "shoulder":
            x0, y0 = self.at(0, 0, self.shoulder)
            x1, y1 = self.at(-0.03 * h, -0.1 * h if self.cos > 0 else 0.1 * h, self.hip - 0.01 * h)
            canvas.line([(x0, y0), (x1, y1)], 0.012 * h, shade(colours["bag"], 0.7))
            canvas.line([(x1 - 0.035 * h, y1), (x1 + 0.035 * h, y1)], 0.1 * h, colours["bag"])
        elif look.bag == "hand":
            x, y = (float(v) for v in self.hands[near])
            canvas.polygon(
                [
                    (x - 0.03 * h, y),
                    (x + 0.03 * h, y),
                    (x + 0.06 * h, y - 0.14 * h),
                    (x - 0.06 * h, y - 0.14 * h),
                ],
                colours["bag"],
            )

