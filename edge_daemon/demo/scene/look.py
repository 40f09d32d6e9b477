"""Random appearance of a person: height, build, hair, clothes and what they carry."""

from dataclasses import dataclass

import numpy as np

from edge_daemon.demo.scene.canvas import Colour, mix, rgb, shade

_SKIN = ("f6d3b8", "eec1a0", "e0ac82", "c88f63", "a87149", "8a5a38", "6b432a", "4f3222")
_HAIR = ("1c1715", "2e211b", "4a3222", "6e4a2b", "93683c", "c79a55", "e3c687", "8c8c8c", "d8d8d8", "8a3a1f")
_CLOTH = (
    "d94f45",
    "e8833a",
    "f0b93c",
    "5a9e4b",
    "2f7d6b",
    "3d8fb5",
    "2b5c9e",
    "6b4fa0",
    "b5527f",
    "e9e4da",
    "3a3f47",
    "23272e",
    "8b5e3c",
    "c9b18c",
    "7a8794",
    "f2f2f2",
    "a3c4d9",
    "f2a7a0",
    "52606d",
    "97b06b",
)
_TROUSERS = (
    "2c3e57",
    "3b4a63",
    "566f94",
    "23262b",
    "3a3a3c",
    "5d5347",
    "8a7a5e",
    "b3a488",
    "6b7280",
    "d9d3c5",
)
_SHOES = ("2a2422", "5a3b26", "e8e8e8", "b03a34", "30343a", "8d6b4a")


@dataclass(frozen=True)
class Look:
    """One person's looks. Lengths in metres, colours before any light falls on them."""

    height_m: float
    build: float
    """Width against the average, about 0.85 to 1.2."""
    head: float
    """Radius of the head against the height; children have larger ones."""
    legs: str
    """`trousers`, `shorts`, `skirt` or `dress`."""
    skirt_m: float
    sleeves: str
    """`short`, `long` or `jacket`."""
    long_m: float
    """Length of a coat below the hip; 0 for none."""
    hair: str
    hat: str
    bag: str
    scarf: bool
    front: bool
    waits: str
    """Activity while standing: `telephone` or `rest`."""
    sun: float
    """Side on which the clothes are lighter: -1 left, 1 right."""
    colours: dict[str, Colour]


def choose_look(rng: np.random.Generator) -> Look:
    """Choose the looks of somebody at random."""

    def one_of(codes: tuple[str, ...]) -> Colour:
        colour = shade(rgb(str(rng.choice(codes))), rng.uniform(0.88, 1.1))
        return mix(colour, (128.0, 128.0, 128.0), rng.uniform(0, 0.18))

    child = rng.random() < 0.14
    height = float(rng.uniform(1.2, 1.48) if child else np.clip(rng.normal(1.71, 0.09), 1.5, 1.95))
    legs = str(rng.choice(["trousers", "trousers", "trousers", "shorts", "skirt", "dress"]))
    skin = one_of(_SKIN)
    coat = legs != "dress" and rng.random() < 0.2
    top, bottom = one_of(_CLOTH), one_of(_CLOTH if legs in ("skirt", "dress") else _TROUSERS)
    bare = rng.random() < 0.6 or legs == "shorts"
    hair = str(rng.choice(["short", "short", "short", "long", "long", "tail", "none"]))
    return Look(
        height_m=height,
        build=float(rng.uniform(0.86, 1.2)),
        head=float(rng.uniform(0.083, 0.092) if child else rng.uniform(0.069, 0.075)),
        legs=legs,
        skirt_m=height * float(rng.uniform(0.16, 0.34)),
        sleeves="jacket" if coat else str(rng.choice(["short", "long", "jacket"])),
        long_m=height * float(rng.uniform(0.1, 0.24)) if coat else 0.0,
        hair=hair,
        hat=str(rng.choice(["", "", "", "", "", "cap", "beanie", "hat"])),
        bag=str(rng.choice(["", "", "", "backpack", "shoulder", "hand"])),
        scarf=bool(rng.random() < 0.15),
        front=bool(rng.random() < 0.5),
        waits=str(rng.choice(["telephone", "rest"])),
        sun=float(rng.choice([-1, 1])),
        colours={
            "skin": skin,
            "hair": shade(skin, 0.96) if hair == "none" else one_of(_HAIR),
            "top": top,
            "bottom": bottom,
            "stocking": skin if bare else one_of(("23262b", "4a4a52", "5d3a3a", "e3e0da")),
            "shoes": one_of(_SHOES),
            "accent": one_of(_CLOTH),
            "bag": one_of(_CLOTH + _SHOES),
        },
    )
