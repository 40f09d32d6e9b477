"""The joints of a person in one pose, turned by a heading and laid into the picture's plane."""

import numpy as np

from edge_daemon.demo.scene.canvas import Floats, capsules
from edge_daemon.demo.scene.look import Look
from edge_daemon.demo.scene.pose import Pose


class Skeleton:
    """Joints and limbs in metres, from the foot of the person: x to the right, y up.

    `limbs` are outlines (12, 14, 2) of thigh, shin, shoe, arm, forearm and hand, first the left ones. See
    `draw_person` for heading and slope; `cos` and `sin` are those of the heading.
    """

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
            toe = (
                ankle[0] + tip * np.cos(lift),
                s,
                ankle[2] - 0.012 * h - tip * np.sin(max(0.0, lift) * 0.6),
            )
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
        """Body coordinates (float, (n, 3): forward, left, up) projected into the plane of the picture (n, 2)."""
        x = joints[:, 0] * self.cos + joints[:, 1] * self.sin
        away = joints[:, 1] * self.cos - joints[:, 0] * self.sin
        return np.stack([x, joints[:, 2] + self.slope * away], axis=-1)

    def at(self, forward: float, left: float, up: float) -> tuple[float, float]:
        """One point of the body in the picture's plane."""
        x = forward * self.cos + left * self.sin
        return x, up + self.slope * (left * self.cos - forward * self.sin)
