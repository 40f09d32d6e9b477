"""A person drawn from a walking skeleton: joints in metres, turned by a heading, drawn as round-ended limbs."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge_daemon.scene.canvas import Canvas, Colour, Floats, capsules, mix, shade
from edge_daemon.scene.look import Look


@dataclass(frozen=True)
class Pose:
    """Where the two legs and arms are: angles in radians, forward positive; first left, then right."""

    thigh: tuple[float, float]
    knee: tuple[float, float]
    arm: tuple[float, float]
    elbow: tuple[float, float]

    @classmethod
    def walking(cls, phase: float, stride: float) -> "Pose":
        """The pose at `phase` (radians) of a walk; `stride` is the widest angle of a thigh."""
        swing = float(np.sin(phase))
        return cls(
            thigh=(stride * swing + 0.06, -stride * swing + 0.06),
            knee=(0.12 + 0.75 * max(0.0, np.cos(phase + 0.5)) ** 1.5, 0.12 + 0.75 * max(0.0, -np.cos(phase + 0.5)) ** 1.5),
            arm=(-0.85 * stride * swing, 0.85 * stride * swing),
            elbow=(0.3 - 0.2 * swing, 0.3 + 0.2 * swing),
        )

    @classmethod
    def standing(cls, time_s: float, look: Look) -> "Pose":
        """The pose of somebody who waits: still, but not frozen; some hold a telephone."""
        sway = 0.03 * np.sin(1.1 * time_s + look.height_m * 50)
        raised = look.waits == "telephone"
        return cls(
            thigh=(0.06 + sway, -0.05 - sway),
            knee=(0.08, 0.02),
            arm=(0.35 + sway if raised else 0.05 + sway, -0.04 + sway),
            elbow=(1.9 if raised else 0.25, 0.2),
        )


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

    def __init__(self, look: Look, pose: Pose, heading: float, slope: float) -> None:
        self.look = look
        self.cos, self.sin = float(np.cos(heading)), float(np.sin(heading))
        self.slope = slope
        h, wide = look.height_m, look.build
        head_r = look.head * h
        hip, shoulder = 0.5 * h, h - 2.5 * head_r
        joint = shoulder - 0.042 * h
        leg, arm = 0.255 * h, 0.165 * h
        starts: list[tuple[float, float, float]] = []
        ends: list[tuple[float, float, float]] = []
        for i, side in enumerate((1.0, -1.0)):
            s = side * 0.058 * h * wide
            a, b = pose.thigh[i], pose.thigh[i] - pose.knee[i]
            knee = (leg * np.sin(a), s, hip - leg * np.cos(a))
            ankle = (knee[0] + 0.93 * leg * np.sin(b), s, knee[2] - 0.93 * leg * np.cos(b))
            tip = 0.1 * h
            lift = max(-0.2, -b * 0.9)  # the heel leaves the ground behind, the toe in front
            toe = (ankle[0] + tip * np.cos(lift), s, ankle[2] - 0.012 * h - tip * np.sin(max(0.0, lift) * 0.6))
            s = side * 0.094 * h * wide
            a, b = pose.arm[i], pose.arm[i] + pose.elbow[i]
            elbow = (arm * np.sin(a), s * 1.2, joint - arm * np.cos(a))
            wrist = (elbow[0] + 0.9 * arm * np.sin(b), s * 1.22, elbow[2] - 0.9 * arm * np.cos(b))
            hand = (wrist[0] + 0.05 * h * np.sin(b), s * 1.2, wrist[2] - 0.05 * h * np.cos(b))
            starts += [(0.0, side * 0.05 * h * wide, hip), knee, ankle, (0.0, s, joint), elbow, wrist]
            ends += [knee, ankle, toe, elbow, wrist, hand]
        joints = np.array([starts, ends])
        # The lower foot stands on the ground: that is what makes a walker bob.
        joints[..., 2] -= joints[:, [1, 2, 7, 8], 2].min() - 0.022 * h
        self.rise = float(joints[0, 0, 2]) - hip
        thick = np.array([0.062, 0.047, 0.024, 0.034, 0.029, 0.022] * 2) * h * (0.35 + 0.65 * wide)
        thin = np.array([0.046, 0.031, 0.021, 0.03, 0.021, 0.02] * 2) * h * (0.35 + 0.65 * wide)
        if look.sleeves == "jacket":
            thick[[3, 4, 9, 10]] *= 1.28
            thin[[3, 4, 9, 10]] *= 1.3
        self.limbs = capsules(self.flat(joints[0]), self.flat(joints[1]), thick, thin)
        self.knees = self.flat(joints[1][[0, 6]])
        self.hands = self.flat(joints[1][[5, 11]])
        self.hip, self.shoulder, self.head_r = hip + self.rise, shoulder + self.rise, head_r

    def flat(self, joints: Floats) -> Floats:
        """Body coordinates (n, 3: forward, left, up) as the picture's plane (n, 2)."""
        x = joints[:, 0] * self.cos + joints[:, 1] * self.sin
        away = joints[:, 1] * self.cos - joints[:, 0] * self.sin
        return np.stack([x, joints[:, 2] + self.slope * away], axis=-1)

    def at(self, forward: float, left: float, up: float) -> tuple[float, float]:
        """One point of the body in the picture's plane."""
        x = forward * self.cos + left * self.sin
        return x, up + self.slope * (left * self.cos - forward * self.sin)

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
            lit = capsules(np.array([[middle, top - 0.6 * chest]]), np.array([[middle, low + 0.07 * h]]),
                           np.array([chest * 0.42]), np.array([waist * 0.36]))  # fmt: skip
            canvas.convex(canvas.fixed(lit[0]), shade(colours["top"], 1.1))
        if look.legs in ("trousers", "shorts") and look.long_m == 0:
            canvas.line([(-waist * 0.72, low - 0.014 * h), (waist * 0.72, low - 0.014 * h)], 0.045 * h, colours["bottom"])
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
            canvas.fixed(np.array([[-waist, self.hip + 0.1 * h], [waist, self.hip + 0.1 * h], [right, low],
                                   [mid, low - 0.012 * h], [left, low]]))  # fmt: skip
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
            canvas.polygon([(x - 0.03 * h, y), (x + 0.03 * h, y), (x + 0.06 * h, y - 0.14 * h),
                            (x - 0.06 * h, y - 0.14 * h)], colours["bag"])  # fmt: skip

    def _draw_long_hair(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        look, r = self.look, self.head_r
        if look.hair not in ("long", "tail"):
            return
        x, y = self.at(0.02 * look.height_m, 0, look.height_m + self.rise - 1.12 * r)
        ahead = self.cos * r
        drop = (1.75 if look.hair == "long" else 1.5) * r
        width = 1.35 * r + 0.5 * r * max(0.0, self.sin) if look.hair == "long" else 0.6 * r
        back = 0.4 if look.hair == "long" else 1.15
        canvas.line([(x - 0.35 * ahead, y + 0.1 * r), (x - back * ahead, y - drop)], width, shade(colours["hair"], 0.9))

    def _draw_head(self, canvas: Canvas, colours: dict[str, Colour]) -> None:
        look, h, r = self.look, self.look.height_m, self.head_r
        up = h + self.rise - 1.12 * r
        x, y = self.at(0.02 * h, 0, up)
        ahead = self.cos * r
        hair, skin = colours["hair"], colours["skin"]
        canvas.ellipse(x - 0.12 * ahead, y + 0.1 * r, 0.94 * r, 1.06 * r, hair)
        if self.sin > -0.35:
            turned = max(0.0, self.sin)
            canvas.ellipse(x + 0.2 * ahead, y - 0.14 * r, (0.74 + 0.1 * turned) * r, 0.94 * r, skin)
            if turned < 0.75:
                canvas.ellipse(x + 0.9 * ahead, y - 0.2 * r, 0.15 * r, 0.17 * r, skin)
            canvas.ellipse(x - 0.22 * ahead, y - 0.15 * r, 0.14 * r, 0.2 * r, shade(skin, 0.86))
            if r * canvas.scale > 9:
                self._draw_face(canvas, x, y, colours)
            if look.hair != "none":
                fringe = 0.62 - 0.1 * turned
                canvas.ellipse(x + 0.1 * ahead, y + fringe * r, 0.8 * r, 0.45 * r, hair)
        if look.hat == "cap":
            canvas.ellipse(x, y + 0.55 * r, 0.98 * r, 0.58 * r, colours["accent"])
            canvas.line([(x + 0.3 * ahead, y + 0.42 * r), (x + 1.45 * ahead, y + 0.36 * r)], 0.2 * r,
                        shade(colours["accent"], 0.8))  # fmt: skip
        elif look.hat == "beanie":
            canvas.ellipse(x - 0.08 * ahead, y + 0.5 * r, 1.0 * r, 0.72 * r, colours["accent"])
            canvas.line([(x - 0.8 * r, y + 0.25 * r), (x + 0.75 * r, y + 0.25 * r)], 0.28 * r,
                        shade(colours["accent"], 0.85))  # fmt: skip
        elif look.hat == "hat":
            canvas.ellipse(x, y + 0.6 * r, 0.85 * r, 0.7 * r, colours["accent"])
            canvas.ellipse(x, y + 0.4 * r, 1.5 * r, 0.22 * r, shade(colours["accent"], 0.85))

    def _draw_face(self, canvas: Canvas, x: float, y: float, colours: dict[str, Colour]) -> None:
        r, ahead = self.head_r, self.cos * self.head_r
        dark = mix(colours["skin"], (20.0, 20.0, 30.0), 0.8)
        for left in (0.36, -0.36):
            toward = self.cos * 0.75 + left * self.sin
            if abs(self.sin) < 0.3 and left * self.cos > 0:
                continue  # the far eye of a profile
            canvas.ellipse(x + toward * r, y - 0.02 * r, 0.085 * r, 0.12 * r, dark)
        mouth = x + 0.62 * ahead
        half = (0.1 + 0.14 * max(0.0, self.sin)) * r
        canvas.line([(mouth - half, y - 0.6 * r), (mouth + half, y - 0.6 * r)], 0.09 * r,
                    mix(colours["skin"], (60.0, 50.0, 150.0), 0.55))  # fmt: skip
