"""Results as the tracks in the store tell them: rules can be tried on what happened, without its results."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np

from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import Result, utc
from edge_daemon.messages.tracks import Track

STEP_S = 0.2
"""Time between two looks while there is a track."""
HEIGHT, USUAL = 1080, 16 / 9
"""Picture that is assumed if no track says more about it."""
NEAR = 0.05
"""A coordinate below this share of the picture says too little about the picture's size."""


class _Walk(NamedTuple):
    """A track by the wall clock: when it was at each point of its path, and the points as shares of the picture."""

    track: Track
    at_s: list[float]
    x: list[float]
    y: list[float]

    @classmethod
    def of(cls, track: Track) -> "_Walk":
        last_s = datetime.fromisoformat(track.last_at).timestamp()
        end_s = track.path[-1][0]
        times, x, y = zip(*track.path, strict=True)
        return cls(track, [last_s - end_s + time_s for time_s in times], list(x), list(y))

    def at(self, now_s: float, size: tuple[int, int]) -> Detection:
        """Where it was: its box has the size of the last one."""
        width, height = size
        left, top, right, bottom = self.track.xyxy
        x = width * float(np.interp(now_s, self.at_s, self.x))
        y = height * float(np.interp(now_s, self.at_s, self.y))
        return Detection(
            xyxy=(x - (right - left) / 2, y - (bottom - top), x + (right - left) / 2, y),
            confidence=1.0,
            class_id=self.track.class_id,
            class_name=self.track.class_name,
            tracker_id=self.track.tracker_id,
        )


def looks(ended: Iterable[Mapping[str, Any]]) -> Iterator[Result]:
    """Looks at the tracks whose last messages are given, one camera and model after the other.

    Between them nothing moved. Tracks are between the points of their paths where the straight line is.
    """
    streams: dict[StreamKey, list[_Walk]] = defaultdict(list)
    for message in ended:
        track = msgspec.convert(message, Track)
        if track.path:
            streams[track.camera, track.model].append(_Walk.of(track))
    for (camera, model), walks in streams.items():
        yield from _looks(camera, model, sorted(walks, key=lambda walk: walk.at_s[0]))


def _looks(camera: str, model: str, walks: Sequence[_Walk]) -> Iterator[Result]:
    width, height = size = _size([walk.track for walk in walks])
    for seq, (now_s, here) in enumerate(_instants(walks)):
        yield Result(
            camera=camera,
            model=model,
            epoch=0,
            seq=seq,
            captured_at=utc(round(now_s * 1e9)),
            time_s=now_s,
            width=width,
            height=height,
            detections=[walk.at(now_s, size) for walk in here],
            dropped={"still": 1},
            timing_ms=Timing(),
            worker="",
        )


def _instants(walks: Sequence[_Walk]) -> Iterator[tuple[float, list[_Walk]]]:
    """Times to look, and the tracks that are there; one time without them before and after."""
    times = sorted({round(at_s, 3) for walk in walks for at_s in (*walk.at_s, *_between(walk))})
    coming, here = list(reversed(walks)), list[_Walk]()
    for number, now_s in enumerate(times):
        if not here:
            yield now_s - STEP_S / 2, []
        while coming and round(coming[-1].at_s[0], 3) <= now_s:
            here.append(coming.pop())
        yield now_s, here
        here = [walk for walk in here if round(walk.at_s[-1], 3) > now_s]
        if not here and (number + 1 == len(times) or times[number + 1] - now_s > STEP_S):
            yield now_s + STEP_S / 2, []


def _between(walk: _Walk) -> list[float]:
    first, last = walk.at_s[0], walk.at_s[-1]
    return [STEP_S * step for step in range(int(first / STEP_S) + 1, int(last / STEP_S) + 1)]


def _size(tracks: Sequence[Track]) -> tuple[int, int]:
    """Width and height of the picture, from the last boxes in pixels and the ends of the paths in shares."""
    widths, heights = [], []
    for track in tracks:
        left, _, right, bottom = track.xyxy
        _, x, y = track.path[-1]
        widths += [(left + right) / 2 / x] if x > NEAR else []
        heights += [bottom / y] if y > NEAR else []
    height = round(median(heights)) if heights else HEIGHT
    return (round(median(widths)) if widths else round(height * USUAL)), height
