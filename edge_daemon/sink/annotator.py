"""Draws what the models of a camera found on one picture, and encodes it once."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.published import Drawn
from edge_daemon.sink.reorder_buffer import Arrival

RECENT_S = 1.0
"""Maximum age of another model's findings that are drawn on a picture."""
KEPT = 16
"""Findings that are kept of each model: one that is faster than the first has looked at later pictures."""


class _Known(NamedTuple):
    frame: Frame
    found: Found


class Annotator:
    """Keeps the last findings of each model, and draws them on the picture that one model's worker has sent.

    Findings in the same picture are drawn as they are. Of a model that has none yet, the last ones are drawn as dashed
    boxes with their age.
    """

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._known: dict[StreamKey, deque[_Known]] = {}
        self._ended: set[StreamKey] = set()

    def note(self, arrival: Arrival) -> None:
        """Keep the findings of a model."""
        frame = arrival.outcome.frame
        self._ended.discard((frame.camera, arrival.outcome.model))
        known = self._known.setdefault((frame.camera, arrival.outcome.model), deque(maxlen=KEPT))
        known.append(_Known(frame, arrival.outcome.found))

    def end(self, camera: str, model: str) -> None:
        """Note that a model has looked at all pictures of a camera."""
        self._ended.add((camera, model))

    def awaits(self, frame: Frame, models: Iterable[str]) -> bool:
        """True if one of these models, whose results come in order, may still look at the frame."""
        for model in models:
            key = frame.camera, model
            known = self._known.get(key)
            newest = (known[-1].frame.epoch, known[-1].frame.seq) if known else (-1, -1)
            if key not in self._ended and newest < (frame.epoch, frame.seq):
                return True
        return False

    def jpeg(self, arrival: Arrival, others: Iterable[str]) -> tuple[bytes, list[Drawn]]:
        """JPEG of the picture that arrived (RGB bytes, height x width x 3) with its own findings and those of `others`
        (models), and a list of the latter.
        """
        frame, others = arrival.outcome.frame, list(others)
        rgb = np.frombuffer(arrival.picture or b"", np.uint8).reshape(frame.height, frame.width, 3)
        if not rgb.flags.writeable:
            rgb = rgb.copy()
        annotate(rgb, arrival.outcome.found, model=arrival.outcome.model if others else None)
        drawn = []
        for model, known in self._findings(frame, others):
            age_s = max(0.0, frame.time_s - known.frame.time_s)
            same = known.frame.seq == frame.seq
            annotate(rgb, known.found, model=model, age_s=None if same else age_s)
            drawn.append(_drawn(model, known, None if same else age_s))
        return bytes(encode_rgb(rgb, "jpeg", self._quality)), drawn

    def _findings(self, frame: Frame, models: Iterable[str]) -> Iterator[tuple[str, _Known]]:
        """The newest findings of each model that are not newer than the frame, and not too old."""
        for model in models:
            for known in reversed(self._known.get((frame.camera, model), ())):
                of = known.frame
                if of.epoch == frame.epoch and of.seq <= frame.seq:
                    if frame.time_s - of.time_s <= RECENT_S and (of.width, of.height) == (frame.width, frame.height):
                        yield model, known
                    break


def _drawn(model: str, known: _Known, age_s: float | None) -> Drawn:
    found = known.found
    if age_s is not None:
        return Drawn(model=model, seq=known.frame.seq, age_ms=round(1e3 * age_s, 1), detections=found.detections)
    return Drawn(
        model=model,
        seq=known.frame.seq,
        detections=found.detections,
        classes=msgspec.UNSET if found.classes is None else found.classes,
        segments=msgspec.UNSET if found.segments is None else found.segments,
    )
