"""Everything that zones and lines remember of a track, apart from its passages."""

import msgspec

from edge_daemon.settings import FilterSettings
from edge_daemon.zones.look import EndReason, Instant, Seen, at_edge

STEPS = 100
"""Confidences are remembered in steps of one hundredth."""


class Tracked(msgspec.Struct, array_like=True):
    """A track: as it was first and last seen, and how often it had each confidence, in hundredths."""

    first: Instant
    began_at_edge: bool
    last: Instant
    seen: Seen
    confidences: dict[int, int] = {}

    @classmethod
    def begin(cls, seen: Seen, now: Instant) -> "Tracked":
        """A track that is seen for the first time."""
        first, box = seen.began or (now, seen.box)
        return cls(first, at_edge(box), now, seen)

    def note(self, seen: Seen, now: Instant) -> None:
        """Note that it was seen again, or for the first time."""
        self.last, self.seen = now, seen
        step = round(seen.confidence * STEPS)
        self.confidences[step] = self.confidences.get(step, 0) + 1

    @property
    def end_reason(self) -> EndReason:
        """Why it ended, if it is not found any more: it left the picture if it was last seen at its edge."""
        return "left" if at_edge(self.seen.box) else "lost"

    @property
    def confidence(self) -> float:
        """Median of its confidences."""
        half, below = sum(self.confidences.values()) / 2, 0
        for step in sorted(self.confidences):
            below += self.confidences[step]
            if below >= half:
                return step / STEPS
        return 0.0

    def passes(self, wanted: FilterSettings) -> bool:
        """True if this filter lets it through."""
        return self.failure(wanted) is None

    def failure(self, wanted: FilterSettings) -> str | None:
        """The condition of a filter that it does not meet, and by how much; None if it meets all."""
        if wanted.classes is not None and self.seen.class_name not in wanted.classes:
            return f"{self.seen.class_name} is not one of {', '.join(wanted.classes)}"
        if not wanted.min_size <= self.seen.height <= wanted.max_size:
            return f"size {self.seen.height:.2f} is not from {wanted.min_size:.2f} to {wanted.max_size:.2f}"
        if wanted.confidence and self.confidence < wanted.confidence:
            return f"confidence {self.confidence:.2f} is below {wanted.confidence:.2f}"
        return None
