"""Fair turns among cameras by weight."""

from collections.abc import Iterable, Mapping, Sequence

MAX_LAG = 8
"""Turns that are made up for: a live camera often has nothing new just when its turn comes."""


class StrideScheduler:
    """Stride scheduling: each turn advances a camera by 1/weight, and the camera that is furthest behind goes next.

    A camera that had nothing to offer makes up for MAX_LAG turns at the most: one that was away for long gets its
    share from now on. One that is as far behind as that, and whose next frame is expected at any moment, is waited for:
    it would lose its share for good to those who happen to have one now. Of live cameras that are at most a turn apart
    the one with the newest frame goes first; the others get newer ones while they wait. (Waldspurger and Weihl, "Stride
    Scheduling", MIT/LCS/TM-528, 1995.)
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._now = 0.0
        self._passed: dict[str, float] = {}
        self.change(weights)

    def change(self, weights: Mapping[str, float]) -> None:
        """Go on with other cameras or weights."""
        self._stride = {camera: 1.0 / weight for camera, weight in weights.items()}
        self._passed = {camera: self._passed.get(camera, self._now) for camera in weights}
        self._shortest = min(self._stride.values(), default=1.0)
        self._last = min(self._passed.values(), default=0.0)  # nobody has passed less than this

    def next(
        self, candidates: Sequence[str], expected: Iterable[str] = (), ages: Mapping[str, int] | None = None
    ) -> str | None:
        """Whose turn it is among the cameras that have something to offer; None if none has, or if one that is
        `expected` to have is waited for. `ages` are those of the newest frames of the live cameras among them.
        """
        camera = min(candidates, key=self._due, default=None)
        if camera is None:
            return None
        due = self._due(camera)
        if any(self._is_owed(other) and self._due(other) < due for other in expected):
            return None
        if ages and len(ages) > 1 and camera in ages:
            near = due + self._shortest
            camera = min((one for one in ages if self._due(one) <= near), key=lambda one: (ages[one], self._due(one)))
            due = self._due(camera)
        self._now = max(self._now, due)
        self._passed[camera] = due + self._stride[camera]
        return camera

    def anybody_is_owed(self) -> bool:
        """Whether a camera may be so far behind that it would be waited for. Seldom one is, and that costs nothing."""
        far_behind = self._now - MAX_LAG * self._shortest
        if self._last <= far_behind:
            self._last = min(self._passed.values())
        return self._last <= far_behind

    def _is_owed(self, camera: str) -> bool:
        return self._passed[camera] <= self._now - MAX_LAG * self._stride[camera]

    def _due(self, camera: str) -> float:
        return max(self._passed[camera], self._now - MAX_LAG * self._stride[camera])
