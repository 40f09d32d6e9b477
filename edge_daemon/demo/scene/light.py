"""The light of a scene: time of day, where the sun stands, and what the camera adds to the picture."""

from dataclasses import dataclass

import numpy as np

from edge_daemon.demo.scene.canvas import Colour, rgb


@dataclass(frozen=True)
class Light:
    """The light of a scene. `tint` multiplies blue, green and red of all that does not shine by itself."""

    name: str
    sky_top: Colour
    sky_low: Colour
    tint: Colour
    shadow: float
    """Darkness of cast shadows, 0 (none) to 1."""
    shadow_slant: float
    """Length of a shadow sideways, in heights of what casts it."""
    shadow_reach: float
    """Length of a shadow down the picture (or up, below 0), in heights of what casts it."""
    glow: float
    """Brightness of lamps and lit windows, 0 to 1."""
    noise: float
    """Standard deviation of the camera's noise, in grey levels."""
    blur: bool


def choose_light(rng: np.random.Generator) -> Light:
    """A light for a scene: mostly daylight, sometimes overcast, dusk or night."""
    name = str(rng.choice(["sun", "sun", "cloud", "dusk", "night"]))
    slant = float(rng.choice([-1, 1]) * rng.uniform(0.3, 1.0))
    reach = float(rng.choice([-1, 1]) * rng.uniform(0.1, 0.28))
    blur = bool(rng.random() < 0.25)
    if name == "sun":
        top, low = (("4f9fd8", "d5ecf7"), ("6fb4e8", "eaf4f6"), ("3f8fcf", "f6e9d2"))[rng.integers(3)]
        gain = rng.uniform(0.94, 1.06)
        tint = (gain * 0.97, gain, gain * 1.03)
        return Light(
            name,
            rgb(top),
            rgb(low),
            tint,
            float(rng.uniform(0.3, 0.5)),
            slant,
            reach,
            0.0,
            float(rng.uniform(1, 4)),
            blur,
        )
    if name == "cloud":
        gain = rng.uniform(0.78, 0.92)
        return Light(
            name,
            rgb("a9b6c2"),
            rgb("dde3e6"),
            (gain * 1.03, gain, gain * 0.98),
            0.0,
            slant,
            reach,
            0.15,
            float(rng.uniform(1, 5)),
            blur,
        )
    if name == "dusk":
        gain = rng.uniform(0.68, 0.85)
        return Light(
            name,
            rgb("5b6aa8"),
            rgb("f5b98a"),
            (gain * 0.88, gain * 0.9, gain * 1.08),
            float(rng.uniform(0.15, 0.3)),
            slant * 1.3,
            reach,
            0.7,
            float(rng.uniform(2, 6)),
            blur,
        )
    gain = rng.uniform(0.42, 0.58)
    return Light(
        name,
        rgb("16203d"),
        rgb("3d4c74"),
        (gain * 1.2, gain, gain * 0.92),
        0.0,
        slant,
        reach,
        1.0,
        float(rng.uniform(3, 8)),
        blur,
    )
