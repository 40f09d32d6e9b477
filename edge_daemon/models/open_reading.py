"""A reading that the test pictures leave open: the first frame that decides it settles it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.preprocess import Placement
from edge_daemon.models.probe import check_plausible

_COPIED = (
    "name", "recipe", "classes", "why", "sure", "facts", "pinned", "needs_nms", "clips_boxes", "skeleton", "adds_axis",
)  # fmt: skip


class Open(Decoder):
    """Decodes with the first of several readings that do not contradict the pictures seen so far.

    A reading that contradicts a picture is dropped; `settled` is called with the last one, or the first of those that
    differ only in the number of the first class, which stays open. Until then findings are
    those of the reading `meanwhile`, if there is one. While two readings of a picture differ in more than the numbers
    of classes, it is not published: the first one may be the wrong one.
    """

    name = "open"

    def __init__(
        self,
        readings: Sequence[Decoder],
        size: tuple[int, int],
        settled: Callable[[Decoder], None],
        meanwhile: Decoder | None = None,
    ) -> None:
        self._readings, self._size, self._settled, self._meanwhile = list(readings), size, settled, meanwhile
        self._ways = len({reading.why for reading in readings})
        for name in _COPIED:
            setattr(self, name, getattr(self.first, name))
        self.is_named = meanwhile is None and self.first.is_named

    @property
    def first(self) -> Decoder:
        """The reading that is used meanwhile."""
        return self._meanwhile or self._readings[0]

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """None: open readings are made of others."""
        yield from ()

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`.

        Raises:
            ModelError: all readings contradict the picture, or two of them fit it and differ.
        """
        kept: list[tuple[Decoder, Findings]] = []
        objections: list[ModelError] = []
        for reading in self._readings:
            try:
                found = reading.decode(outputs, confidence)
                check_plausible(found, self._size)
                kept.append((reading, found))
            except ModelError as error:
                objections.append(error)
        if not kept:
            hint = ": if its columns are in another order, set `boxes: {columns: [...]}`" if self._ways > 1 else ""
            raise ModelError(f"{objections[0]}{hint}")
        self._readings = [reading for reading, _ in kept]
        first = kept[0][1]
        if len(kept) == 1 or len({reading.why for reading in self._readings}) < min(2, self._ways):
            self._settled(kept[0][0])
            return first
        if any(_differ(first.detections, other.detections) for _, other in kept[1:]):
            raise ModelError(
                f"it could be read as {' or as '.join(reading.why for reading in self._readings)}, and this picture "
                "does not show which: set `boxes: {columns: [...]}`"
            )
        return self._meanwhile.decode(outputs, confidence) if self._meanwhile else first

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.finish`."""
        return self.first.finish(found, outputs, placement)


def _differ(one: Detections, other: Detections) -> bool:
    """True if boxes or scores differ; numbers of classes may."""
    if len(one) != len(other):
        return True
    return not (np.allclose(one.xyxy, other.xyxy, atol=1) and np.allclose(one.confidence, other.confidence, atol=0.01))
