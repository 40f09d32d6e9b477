"""A track that goes on under another number: the end of one track and the start of the one that continues it.

Who comes in over the edge of the picture where another has just left it is another one.
"""

from collections.abc import Collection, Iterable, Mapping
from math import hypot

from edge_daemon.tracking.track import PATIENCE_S
from edge_daemon.zones.look import Instant, Seen, at_edge
from edge_daemon.zones.tracked import Tracked

REACH, SPREAD = 0.3, 0.3
"""Distance from where the one is expected, in heights of the box: at once, and more for each second."""
RATIO = 1.5
"""Largest ratio of their sizes."""


def continued(
    new: Seen,
    now: Instant,
    tracks: Mapping[int, Tracked],
    found: Collection[int],
    rivals: Iterable[Seen],
    aspect: float,
) -> int | None:
    """The number of the track that a new one continues; None if there is none, or if it is not clear which.

    Args:
        new: a track that is seen for the first time.
        now: the look that found it.
        tracks: all tracks up to now.
        found: numbers of those that this look found.
        rivals: the other tracks that this look found for the first time.
        aspect: width by height of the picture.
    """
    near = [number for number, track in tracks.items() if number not in found and _is_near(new, now, track, aspect)]
    if len(near) != 1 or any(_is_near(rival, now, tracks[near[0]], aspect) for rival in rivals):
        return None
    return near[0]


def _is_near(new: Seen, now: Instant, track: Tracked, aspect: float) -> bool:
    away_s = now.looked_s - track.last.looked_s
    if track.ignored or new.class_name != track.seen.class_name or away_s > PATIENCE_S:
        return False
    if at_edge(new.box) and at_edge(track.seen.box):
        return False
    height, other = new.height, track.seen.height
    if max(height, other) > RATIO * min(height, other):
        return False
    (x, y), (x0, y0) = new.anchor("center"), track.expected(now)
    return hypot((x - x0) * aspect, y - y0) <= (REACH + SPREAD * away_s) * height
