"""A person: round-ended limbs along a skeleton, and the clothes over them."""

import cv2
import numpy as np

from edge_daemon.demo.scene.canvas import Canvas, Colour, capsules, shade
from edge_daemon.demo.scene.head import draw_head, draw_long_hair
from edge_daemon.demo.scene.look import Look
from edge_daemon.demo.scene.pose import Pose
from edge_daemon.demo.scene.skeleton import Skeleton

DETAIL_SCALE = 45.0
"""Pixels a metre from which on creases and collars are worth drawing."""


def draw_person(canvas: Canvas, look: Look, pose: Pose, heading: float, tint: Colour, slope: float) -> None:
    """Draw a person whose foot is at the canvas's origin.

    Args:
        heading: direction of the walk in radians: 0 is to the right, π/2 towards the viewer.
        tint: light that falls on the person; multiplies blue, green and red.
        slope: how much lower, in metres a metre, something nearer to the viewer appears.
    """
    colours = {name: _lit(colour, tint) for name, colour in look.colours.items()}
    _Drawing(Skeleton(look, pose, heading, slope), canvas, colours).draw()


def _lit(colour: Colour, tint: Colour) -> Colour:
    return (min(255.0, colour[0] * tint[0]), min(255.0, colour[1] * tint[1]), min(255.0, colour[2] * tint[2]))


class _Drawing:
    """Draws a skeleton's body and clothes on a canvas, in the order in which they hide one another."""

    def __init__(self, body: Skeleton, canvas: Canvas, colours: dict[str, Colour]) -> None:
        self.body = body
        self.canvas = canvas
        self.colours = colours
        self._limbs = canvas.fixed(body.limbs)

    def draw(self) -> None:
        """Draw from the far side to the near one."""
        far, near = (0, 1) if self.body.cos >= 0 else (1, 0)
        frontal = abs(self.body.sin) > 0.8
        facing_away = self.body.sin < -0.25
        if not facing_away:
            self._draw_bag()
        self._draw_arm(far, 1.0 if frontal else 0.78)
        self._draw_leg(far, 0.92 if frontal else 0.76)
        self._draw_leg(near, 1.0)
        if facing_away:
            self._draw_torso()
            draw_head(self.body, self.canvas, self.colours)
            draw_long_hair(self.body, self.canvas, self.colours)
            self._draw_bag()
        else:
            if self.body.sin > 0.3:
                draw_long_hair(self.body, self.canvas, self.colours)
            self._draw_neck()
            self._draw_torso()
            if self.body.sin <= 0.3:
                draw_long_hair(self.body, self.canvas, self.colours)
            draw_head(self.body, self.canvas, self.colours)
        self._draw_arm(near, 1.06)
        self._draw_carried(near)

    def _draw_leg(self, side: int, f: float) -> None:
        cloth = shade(self.colours["bottom"], f)
        bare = shade(self.colours["stocking"], f)
        first = 6 * side
        legs = self.body.look.legs
        self.canvas.convex(self._limbs[first + 2], shade(self.colours["shoes"], f))
        self.canvas.convex(self._limbs[first + 1], cloth if legs == "trousers" else bare)
        self.canvas.convex(self._limbs[first], cloth if legs in ("trousers", "shorts") else bare)

    def _draw_arm(self, side: int, f: float) -> None:
        first = 6 * side
        skin, top = shade(self.colours["skin"], f), shade(self.colours["top"], f)
        self.canvas.convex(self._limbs[first + 5], skin)
        self.canvas.convex(self._limbs[first + 4], skin if self.body.look.sleeves == "short" else top)
        self.canvas.convex(self._limbs[first + 3], top)

    def _draw_neck(self) -> None:
        h = self.body.look.height_m
        x, y = self.body.at(0.012 * h, 0, self.body.shoulder)
        self.canvas.line([(x, y), (x, y + 1.1 * self.body.head_r)], 0.075 * h, shade(self.colours["skin"], 0.82))

    def _draw_torso(self) -> None:
        look, h = self.body.look, self.body.look.height_m
        if self.body.sin < -0.25:
            self._draw_neck()
        # Seen from the side a body is as deep as it is, from the front as wide.
        chest = float(np.hypot(0.068 * self.body.cos, 0.112 * self.body.sin)) * h * look.build
        waist = float(np.hypot(0.06 * self.body.cos, 0.085 * self.body.sin)) * h * look.build
        x_top, _ = self.body.at(0.008 * h, 0, 0)
        top, low = self.body.shoulder - 0.01 * h, self.body.hip + 0.01 * h
        if look.legs in ("skirt", "dress"):
            self._draw_skirt(self.colours["bottom" if look.legs == "skirt" else "top"], waist)
        if look.long_m > 0:
            self._draw_skirt(self.colours["top"], waist * 1.1, look.long_m)
        round_m = 0.04 * h * look.build
        sides = np.array([-1.0, 1.0])
        start = np.stack([x_top + sides * (chest - round_m), np.full(2, top - round_m)], axis=-1)
        end = np.stack([sides * (waist - round_m * 0.7), np.full(2, low + 0.01 * h)], axis=-1)
        outline = capsules(start, end, np.full(2, round_m), np.full(2, round_m * 0.7)).reshape(-1, 2)
        self.canvas.convex(np.asarray(cv2.convexHull(self.canvas.fixed(outline)), np.int32), self.colours["top"])
        if self.canvas.scale > DETAIL_SCALE:
            middle = x_top + 0.4 * chest * look.sun
            lit = capsules(
                np.array([[middle, top - 0.6 * chest]]),
                np.array([[middle, low + 0.07 * h]]),
                np.array([chest * 0.42]),
                np.array([waist * 0.36]),
            )
            self.canvas.convex(self.canvas.fixed(lit[0]), shade(self.colours["top"], 1.1))
        if look.legs in ("trousers", "shorts") and look.long_m == 0:
            self.canvas.line(
                [(-waist * 0.72, low - 0.014 * h), (waist * 0.72, low - 0.014 * h)],
                0.045 * h,
                self.colours["bottom"],
            )
        if look.front and self.body.sin > 0.2 and self.canvas.scale > DETAIL_SCALE:
            x, _ = self.body.at(0.05 * h, 0, 0)
            self.canvas.polygon([(x - 0.03 * h, top), (x + 0.03 * h, top), (x, top - 0.2 * h)], self.colours["accent"])
        if look.scarf:
            x, y = self.body.at(0.012 * h, 0, self.body.shoulder + 0.03 * h)
            self.canvas.line([(x - 0.04 * h, y), (x + 0.04 * h, y)], 0.055 * h, self.colours["accent"])

    def _draw_skirt(self, colour: Colour, waist: float, drop: float = 0.0) -> None:
        h = self.body.look.height_m
        drop = drop or self.body.look.skirt_m
        low = self.body.hip - drop
        xs = np.concatenate([self.body.knees[:, 0], [0.0]]) * min(1.0, drop / (0.26 * h))
        left, right = float(xs.min()) - 0.075 * h, float(xs.max()) + 0.075 * h
        mid = 0.5 * (left + right)
        hull = cv2.convexHull(
            self.canvas.fixed(
                np.array(
                    [
                        [-waist, self.body.hip + 0.1 * h],
                        [waist, self.body.hip + 0.1 * h],
                        [right, low],
                        [mid, low - 0.012 * h],
                        [left, low],
                    ]
                )
            )
        )
        self.canvas.convex(np.asarray(hull, np.int32), shade(colour, 0.95))

    def _draw_bag(self) -> None:
        if self.body.look.bag != "backpack":
            return
        h = self.body.look.height_m
        x, y = self.body.at(-0.095 * h, 0, self.body.shoulder - 0.14 * h)
        half = float(np.hypot(0.055 * h * self.body.cos, 0.085 * h * self.body.sin))
        self.canvas.line([(x, y + 0.06 * h), (x, y - 0.07 * h)], 2 * half, self.colours["bag"])
        self.canvas.line([(x, y - 0.05 * h), (x, y - 0.08 * h)], 1.5 * half, shade(self.colours["bag"], 0.8))

    def _draw_carried(self, near: int) -> None:
        look, h = self.body.look, self.body.look.height_m
        if look.bag == "shoulder":
            x0, y0 = self.body.at(0, 0, self.body.shoulder)
            x1, y1 = self.body.at(-0.03 * h, -0.1 * h if self.body.cos > 0 else 0.1 * h, self.body.hip - 0.01 * h)
            self.canvas.line([(x0, y0), (x1, y1)], 0.012 * h, shade(self.colours["bag"], 0.7))
            self.canvas.line([(x1 - 0.035 * h, y1), (x1 + 0.035 * h, y1)], 0.1 * h, self.colours["bag"])
        elif look.bag == "hand":
            x, y = (float(v) for v in self.body.hands[near])
            self.canvas.polygon(
                [
                    (x - 0.03 * h, y),
                    (x + 0.03 * h, y),
                    (x + 0.06 * h, y - 0.14 * h),
                    (x - 0.06 * h, y - 0.14 * h),
                ],
                self.colours["bag"],
            )
