"""Results as they are shown at each moment of a video."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import Result

TRAIL_S = 2.0
"""Time that a trail behind a track goes back."""
SHOWN_S = 3.0
"""Time for which the sentence of an event is shown."""
FRESH_S = 1.0
"""Results are shown on the frames of this time after theirs."""
EARLY_S = 0.002
"""Times are rounded to milliseconds."""

Trail = tuple[int, list[tuple[float, float]]]
"""A class, and points in shares of the picture."""


class Scene(NamedTuple):
    """A result with the tracks that it found, and the sentences of the events that began with it."""

    result: Result
    sentences: list[str]


class Shown(NamedTuple):
    """Detections in pixels of a picture, trails of the tracks among them, and sentences."""

    detections: list[Detection]
    trails: list[Trail]
    sentences: list[str]


class Film:
    """Goes through scenes, in the order of their time, with a video of the same time."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._coming = deque(scenes)
        self._last: Result | None = None
        self._paths: dict[int, deque[tuple[float, float, float]]] = {}
        self._sentences: deque[tuple[float, str]] = deque()

    def at(self, time_s: float, width: int, height: int) -> Shown:
        """Everything to show in a picture of this size at a time, which is not before that of the last call."""
        while self._coming and self._coming[0].result.time_s <= time_s + EARLY_S:
            self._take(self._coming.popleft())
        while self._sentences and time_s - self._sentences[0][0] > SHOWN_S:
            self._sentences.popleft()
        sentences = [sentence for _, sentence in self._sentences]
        if self._last is None or time_s - self._last.time_s > FRESH_S:
            return Shown([], [], sentences)
        found = [_scaled(one, width / self._last.width, height / self._last.height) for one in self._last.detections]
        trails = [
            (one.class_id, [(x, y) for at_s, x, y in self._paths[one.tracker_id] if time_s - at_s <= TRAIL_S])
            for one in self._last.detections
            if one.tracker_id is not None
        ]
        return Shown(found, trails, sentences)

    def _take(self, scene: Scene) -> None:
        self._last = result = scene.result
        self._sentences.extend((result.time_s, sentence) for sentence in scene.sentences)
        for one in result.detections:
            if one.tracker_id is not None:
                left, _, right, bottom = one.xyxy
                path = self._paths.setdefault(one.tracker_id, deque())
                path.append((result.time_s, (left + right) / 2 / result.width, bottom / result.height))
                while result.time_s - path[0][0] > TRAIL_S:
                    path.popleft()


def _scaled(one: Detection, x: float, y: float) -> Detection:
    left, top, right, bottom = one.xyxy
    return msgspec.structs.replace(one, xyxy=(left * x, top * y, right * x, bottom * y))
