"""From which confidence a detection is sure."""

SHARE = 0.8
"""Of the usual confidence of objects that are tracked."""
MOST, LEAST = 0.6, 0.3
"""Limits of that threshold."""
USUAL = 0.7
"""Usual confidence, until something was tracked."""
WEIGHT = 0.05
"""Of one detection in the average."""


class Certainty:
    """Threshold between sure and unsure detections.

    Confidences of models are not comparable: one gives 0.9 for a clear object, another 0.5. So the threshold is a share
    of the average confidence of the objects that are tracked. Without any, it comes down to what the model finds.
    """

    def __init__(self, usual: float = USUAL) -> None:
        self.usual = usual

    @property
    def threshold(self) -> float:
        """Least confidence of a sure detection."""
        return min(max(SHARE * self.usual, LEAST), MOST)

    def note(self, tracked: list[float], found: list[float]) -> None:
        """Take in the confidences of detections of confirmed tracks, or if there are none, of all detections."""
        for confidence in tracked:
            self.usual += WEIGHT * (confidence - self.usual)
        if found and not tracked:
            self.usual += WEIGHT * min(0.0, max(found) - self.usual)
