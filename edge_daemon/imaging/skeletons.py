"""Which keypoints a model gives, by the name of their set, and which of them are joined by a limb.

Left and right are those of the person, not of the picture.
"""

from typing import NamedTuple

from edge_daemon.imaging.palette import Colour, colour

# Told apart by the colour-blind too, and unlike the green box of a person.
LEFT: Colour = (50, 150, 255)
RIGHT: Colour = (255, 140, 20)
MIDDLE: Colour = (240, 240, 240)

_FINGERS: dict[str, Colour] = {
    "thumb": (255, 90, 90),
    "index": (255, 200, 40),
    "middle": (90, 220, 90),
    "ring": (60, 190, 255),
    "little": (200, 120, 255),
}
_PARTS = {"left": LEFT, "right": RIGHT, **_FINGERS}


class Skeleton(NamedTuple):
    """A set of keypoints: their names in order, the pairs that are joined, and the RGB colours of both."""

    points: tuple[str, ...] = ()
    limbs: tuple[tuple[int, int], ...] = ()
    point_colours: tuple[Colour, ...] = ()
    limb_colours: tuple[Colour, ...] = ()

    def point_colour(self, index: int) -> Colour:
        """Give the colour of a point: that of its side or its finger; without a name, its own."""
        return self.point_colours[index] if self.point_colours else colour(index)


def _skeleton(points: tuple[str, ...], limbs: str = "") -> Skeleton:
    pairs = (limb.split("-") for limb in limbs.split())
    joined = tuple((points.index(start), points.index(end)) for start, end in pairs)
    tints = tuple(_PARTS.get(point.split("_")[0], MIDDLE) for point in points)
    return Skeleton(points, joined, tints, tuple(_between(tints[start], tints[end]) for start, end in joined))


def _between(start: Colour, end: Colour) -> Colour:
    """Give the colour of a limb: that of the side that it belongs to, if it belongs to one."""
    sides = {start, end} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


# https://cocodataset.org/#format-data, keypoints of "person"
_BODY = (
    "nose",
    *("left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_BODY_LIMBS = """
    left_ankle-left_knee left_knee-left_hip right_ankle-right_knee right_knee-right_hip left_hip-right_hip
    left_shoulder-left_hip right_shoulder-right_hip left_shoulder-right_shoulder
    left_shoulder-left_elbow right_shoulder-right_elbow left_elbow-left_wrist right_elbow-right_wrist
    left_eye-right_eye nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear
    left_ear-left_shoulder right_ear-right_shoulder
"""
# Five points of a face, as YuNet gives them.
_FACE = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
# MediaPipe's hand landmarks, and those of COCO-WholeBody's hands: four a finger, from its root to its tip.
_HAND = ("wrist", *(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5)))
_HAND_LIMBS = " ".join(
    f"wrist-{finger}_1 {finger}_1-{finger}_2 {finger}_2-{finger}_3 {finger}_3-{finger}_4" for finger in _FINGERS
)

SKELETONS = {
    "coco17": _skeleton(_BODY, _BODY_LIMBS),
    "face5": _skeleton(_FACE),
    "hand21": _skeleton(_HAND, _HAND_LIMBS),
}


def skeleton_named(name: str) -> Skeleton:
    """Give a set of keypoints by name; one without names and limbs when it is not known."""
    return SKELETONS.get(name, Skeleton())


def skeleton_of(count: int) -> str:
    """Give the name of the set that a model with so many keypoints is taken to have: `coco17`, or `points4`."""
    return next((name for name, known in SKELETONS.items() if len(known.points) == count), f"points{count}")
