"""Sets of keypoints by name, and the limbs between the points.

Left and right are those of the person, not of the picture.
"""

from typing import NamedTuple

from edge_daemon.imaging.palette import Colour, colour

# Distinguishable with colour blindness, and different from the green box of a person.
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
    """A set of keypoints: names in order, pairs of points joined by limbs, and RGB colours of both."""

    points: tuple[str, ...] = ()
    limbs: tuple[tuple[int, int], ...] = ()
    point_colours: tuple[Colour, ...] = ()
    limb_colours: tuple[Colour, ...] = ()

    def point_colour(self, index: int) -> Colour:
        """The colour of a point: that of its side or finger, or one by its number if it has no name."""
        return self.point_colours[index] if self.point_colours else colour(index)


def _skeleton(points: tuple[str, ...], limbs: str = "") -> Skeleton:
    pairs = (limb.split("-") for limb in limbs.split())
    joined = tuple((points.index(start), points.index(end)) for start, end in pairs)
    tints = tuple(_PARTS.get(point.split("_")[0], MIDDLE) for point in points)
    return Skeleton(points, joined, tints, tuple(_between(tints[start], tints[end]) for start, end in joined))


def _between(start: Colour, end: Colour) -> Colour:
    """The colour of a limb: that of the side it belongs to, if any."""
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
# Five points of a face, as YuNet returns them.
_FACE = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
# MediaPipe's hand landmarks, and those of COCO-WholeBody's hands: four per finger, from base to tip.
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
    """The set of keypoints with this name; one without names and limbs if it is unknown."""
    return SKELETONS.get(name, Skeleton())


def skeleton_of(count: int) -> str:
    """The name of the set assumed for a model with this number of keypoints: `coco17`, or `points4`."""
    return next((name for name, known in SKELETONS.items() if len(known.points) == count), f"points{count}")
