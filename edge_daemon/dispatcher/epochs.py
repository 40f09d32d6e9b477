"""The epochs of cameras."""

import time
from collections.abc import Callable, Mapping


class Epochs:
    """The `highest` epoch of each camera, also of those that are not configured: a later one is above it. `changed` is
    set if it has to be saved before the captures use it.
    """

    def __init__(self, highest: Mapping[str, int] | None = None, *, wall: Callable[[], float] = time.time) -> None:
        self.highest = dict(highest or {})
        self.changed = False
        self._wall = wall

    def begin(self, camera: str, last: int) -> int:
        """Begin an epoch, above the camera's `last` one. Usually it is the wall clock in seconds."""
        self.highest[camera] = max(int(self._wall()), last + 1, self.highest.get(camera, 0) + 1)
        self.changed = True
        return self.highest[camera]
