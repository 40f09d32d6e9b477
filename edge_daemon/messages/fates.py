"""Fates of frames: the closed list of reasons for which a frame is dropped."""

from collections import Counter
from typing import Literal

Reason = Literal[
    "paced",
    "replaced",
    "stale",
    "still",
    "late",
    "undecodable",
    "model-error",
    "worker-lost",
    "server-lost",
    "poison",
    "shutdown",
]
INTENDED = frozenset({"paced", "still", "shutdown"})
"""Reasons that were configured or asked for; frames dropped for any other reason are losses."""
Failure = Literal["undecodable", "model-error", "server-lost", "poison"]
"""Why a worker has no result."""
UploadFailure = Failure | Literal["unknown-class"]
"""Why there is none for an upload: the request may name a class that the model does not have."""
POISON = 2
"""A frame that this many workers had when they died is not run again."""
Dropped = dict[str, int]
"""Frames by `Reason`. The keys are plain strings, so that reasons of a newer peer stay readable."""
NOTHING: Counter[str] = Counter()
"""The usual count of frames dropped before a frame. Never modified."""


def losses(dropped: Dropped) -> Dropped:
    """The frames that were lost, by reason: those whose drop was not intended."""
    return {reason: count for reason, count in dropped.items() if reason not in INTENDED}
