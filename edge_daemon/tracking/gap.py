"""The time between two looks at a camera: in how much of it something may have moved, and how much was looked at."""

from collections.abc import Mapping
from typing import NamedTuple

GAP_S = 1.0
"""Time between two looks that counts as looked at, unless a camera is looked at less often than this."""


def gap_s(fps: float | None) -> float:
    """Longest time between two looks that counts as looked at, of a camera with this configured rate."""
    return max(GAP_S, 2.0 / fps) if fps else GAP_S


class Step(NamedTuple):
    """The time since the last look.

    In `moving_s` something may have moved, in `still_s` nothing did. Of the former, `looked_s` counts as looked at.
    """

    moving_s: float
    still_s: float
    looked_s: float


class Gap(NamedTuple):
    """Frames between two looks: those in which nothing moved, and those that nobody looked at.

    Frames that the pace left out are in neither: the others say what happened meanwhile.
    """

    still: int = 0
    unseen: int = 0

    @classmethod
    def of(cls, dropped: Mapping[str, int]) -> "Gap":
        """The gap that the account of a result describes."""
        still = dropped.get("still", 0)
        return cls(still, sum(dropped.values()) - still - dropped.get("paced", 0))

    def step(self, elapsed_s: float, longest_s: float) -> Step:
        """Divide the time since the last look among the frames in it; the frame that is looked at now counts as one."""
        moving_s = elapsed_s * (self.unseen + 1) / (self.still + self.unseen + 1)
        return Step(moving_s, elapsed_s - moving_s, min(moving_s, longest_s))


NOTHING = Gap()
"""Nothing is known of the frames between, or there were none."""
