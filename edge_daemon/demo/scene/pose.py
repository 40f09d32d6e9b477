"""Arms and legs of a person, walking or standing."""

from dataclasses import dataclass

import numpy as np

from edge_daemon.demo.scene.look import Look


@dataclass(frozen=True)
class Pose:
    """Positions of the two legs and arms: angles in radians, forward positive; first left, then right."""

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
            knee=(
                0.12 + 0.75 * max(0.0, np.cos(phase + 0.5)) ** 1.5,
                0.12 + 0.75 * max(0.0, -np.cos(phase + 0.5)) ** 1.5,
            ),
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
