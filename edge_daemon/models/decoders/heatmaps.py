"""Poses as heat maps, one for each keypoint of one person: ViTPose, HRNet, SimpleBaseline, TinyPose (Kxhxw, a quarter
of the input), as a second model on detections (`after: person`).

From MMPose's `msra_heatmap.py`: a point lies at the highest value, a quarter of a cell towards the higher neighbour.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import Array, Decoder, Outputs, Seen, finite
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.evidence import Sign, weigh
from edge_daemon.models.preprocess import Recipe

POSE = Recipe(fit="letterbox", color="rgb", scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), pad=0)
"""MMPose: the person's box is enlarged to the shape of the input."""
POINTS = frozenset({14, 16, 17, 18, 21, 23, 26, 29, 68, 98, 133})
"""Numbers of keypoints in common sets: bodies, hands, faces, and whole bodies."""
_WORDS = ("heatmap", "heat_map", "keypoint", "kpt", "pose")
STRIDES = (2, 8)


class Heatmaps(Decoder):
    """Decodes one map for each keypoint."""

    name = "heatmaps"
    recipe = POSE
    classes = 0
    needs_nms = False

    def __init__(self, seen: Seen, output: str, points: int, sides: tuple[int, int], sign: Sign[int]) -> None:
        self._output, self._points = output, points
        self._stride = np.array([seen.size[1] / sides[1], seen.size[0] / sides[0]], np.float32)
        self.sure = sign.sure
        self.why = f"{points} maps of {sides[1]}x{sides[0]}, one for each keypoint: {sign.because}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        name, array = next(iter(seen.outputs.items()))
        planes = tables.planes(array)
        if len(seen.outputs) != 1 or planes is None or not planes.size or not np.issubdtype(array.dtype, np.floating):
            return
        points, *sides = planes.shape
        strides = [full / part if part else 0 for full, part in zip(seen.size, sides, strict=True)]
        if not all(STRIDES[0] <= stride <= STRIDES[1] for stride in strides) or strides[0] != strides[1]:
            return
        values = finite(np.asarray(planes, np.float32))
        # Few pixels of a heat map are far from 0.
        is_quiet = bool(np.median(np.abs(values)) < 0.1) and float(values.max()) < 2
        signs: list[Sign[int] | None] = []
        if seen.asked == cls.name:
            signs.append(Sign(points, "`decoder` states it", "known"))
        if "heatmap" in name.lower() or (is_quiet and any(word in name.lower() for word in _WORDS)):
            signs.append(Sign(points, f"the name {name}", "known"))
        if is_quiet and points in POINTS and values.min() != values.max():
            signs.append(Sign(points, f"{points} is the size of a known set, and nearly all values are near 0"))
        if sign := weigh(signs):
            yield cls(seen, name, points, (sides[0], sides[1]), sign)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. There is no pose unless a point reaches `confidence`."""
        array = np.asarray(outputs[self._output], np.float32)
        maps = finite(array.reshape(self._points, *array.shape[-2:]))
        flat = maps.reshape(self._points, -1)
        best = flat.argmax(axis=1)
        y, x = np.divmod(best, maps.shape[2])
        sure = np.clip(flat[np.arange(self._points), best], 0, 1)
        if not (sure >= confidence).any():
            return Findings(Detections.none())
        xy = np.stack((x + _lean(maps, y, x, axis=2), y + _lean(maps, y, x, axis=1)), axis=1)
        points = np.concatenate((xy * self._stride, sure[:, None]), axis=1)
        return Findings(Detections.none(), keypoints=points.astype(np.float32))


def _lean(maps: Array, y: np.ndarray, x: np.ndarray, *, axis: int) -> Array:
    """A quarter towards the higher neighbour along an axis, for the highest place (`y`, `x`) of each map (KxHxW)."""
    numbers = np.arange(len(maps))
    place = x if axis == 2 else y
    length = maps.shape[axis]
    after, before = np.minimum(place + 1, length - 1), np.maximum(place - 1, 0)
    ahead = maps[numbers, y, after] if axis == 2 else maps[numbers, after, x]
    behind = maps[numbers, y, before] if axis == 2 else maps[numbers, before, x]
    inside = (place > 0) & (place < length - 1)
    leans: Array = np.sign(ahead - behind).astype(np.float32) * np.float32(0.25) * inside
    return leans
