"""Fair turns among cameras by weight."""

from collections.abc import Iterable, Mapping


class Rota:
    """Stride scheduling: each turn advances a camera by 1/weight, and the camera that is furthest behind goes next.

    A camera that had nothing to offer for a while starts again level with the others: it gets its share from
    now on, not arrears. (Waldspurger and Weihl, "Stride Scheduling", MIT/LCS/TM-528, 1995.)
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._now = 0.0
        self._passed: dict[str, float] = {}
        self.change(weights)

    def change(self, weights: Mapping[str, float]) -> None:
        """Go on with other cameras or weights."""
        self._stride = {camera: 1.0 / weight for camera, weight in weights.items()}
        self._passed = {camera: self._passed.get(camera, self._now) for camera in weights}

    def next(self, candidates: Iterable[str]) -> str | None:
        """Whose turn it is among the cameras that have something to offer; None if none has."""
        camera = min(candidates, key=lambda name: max(self._passed[name], self._now), default=None)
        if camera is not None:
            self._now = max(self._passed[camera], self._now)
            self._passed[camera] = self._now + self._stride[camera]
        return camera
