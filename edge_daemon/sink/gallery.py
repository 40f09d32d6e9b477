"""The annotated frames: what all models of a camera found lately, drawn on one picture and encoded once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.imaging.drawing import draw_boxes
from edge_daemon.sink.ledger import Arrival
from edge_daemon.wire import Detection

RECENT_NS = 1_000_000_000
"""How old another model's boxes may be to be drawn on this picture."""


@dataclass(frozen=True)
class _Found:
    at_ns: int
    detections: list[Detection]


class Gallery:
    """Remembers each model's last boxes, and completes the picture that one model's worker has annotated."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._found: dict[tuple[str, str], _Found] = {}

    def note(self, arrival: Arrival) -> None:
        """Remember what a model found."""
        outcome = arrival.outcome
        self._found[outcome.frame.camera, outcome.model] = _Found(arrival.at_ns, outcome.detections)

    def jpeg(self, arrival: Arrival, others: Iterable[str]) -> bytes:
        """The annotated picture with what the `others` among the camera's models found, as JPEG."""
        frame = arrival.outcome.frame
        rgb = np.frombuffer(arrival.picture or b"", np.uint8).reshape(frame.height, frame.width, 3)
        for model in others:
            found = self._found.get((frame.camera, model))
            if found and found.detections and arrival.at_ns - found.at_ns <= RECENT_NS:
                if not rgb.flags.writeable:
                    rgb = rgb.copy()
                draw_boxes(
                    rgb,
                    np.array([d.xyxy for d in found.detections], np.float32),
                    [d.class_id for d in found.detections],
                    [f"{d.class_name} {d.confidence:.2f}" for d in found.detections],
                )
        return bytes(encode_rgb(rgb, "jpeg", self._quality))
