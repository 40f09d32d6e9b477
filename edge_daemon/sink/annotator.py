"""Draws what all models of a camera found lately on one picture, and encodes it once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.messages.findings import Found
from edge_daemon.sink.reorder_buffer import Arrival

RECENT_NS = 1_000_000_000
"""Maximum age of another model's findings that are drawn on a picture."""


@dataclass(frozen=True)
class _Found:
    at_ns: int
    size: tuple[int, int]
    found: Found


class Annotator:
    """Keeps the last findings of each model, and draws them on the picture that one model's worker has annotated."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._found: dict[tuple[str, str], _Found] = {}

    def note(self, arrival: Arrival) -> None:
        """Keep the findings of a model."""
        outcome, frame = arrival.outcome, arrival.outcome.frame
        self._found[frame.camera, outcome.model] = _Found(arrival.at_ns, (frame.width, frame.height), outcome.found)

    def jpeg(self, arrival: Arrival, others: Iterable[str]) -> bytes:
        """JPEG of the picture that arrived (RGB bytes, height x width x 3), with the findings of `others` (models)."""
        frame = arrival.outcome.frame
        rgb = np.frombuffer(arrival.picture or b"", np.uint8).reshape(frame.height, frame.width, 3)
        for model in others:
            last = self._found.get((frame.camera, model))
            if last and last.size == (frame.width, frame.height) and arrival.at_ns - last.at_ns <= RECENT_NS:
                if not rgb.flags.writeable:
                    rgb = rgb.copy()
                annotate(rgb, last.found)
        return bytes(encode_rgb(rgb, "jpeg", self._quality))
