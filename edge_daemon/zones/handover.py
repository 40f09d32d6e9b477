"""A track that goes on under another number: the end of one track and the start of the one that continues it.

Who comes in over the edge of the picture where another has just left it is another one. Someone who is half hidden may
get a number, and the earlier one back in the same place: then both are one object too.
"""

from collections.abc import Collection, Iterable, Mapping
from math import hypot

from edge_daemon.zones.look import Instant, Seen, at_edge
from edge_daemon.zones.tracked import Tracked

REACH, SPREAD = 0.3, 0.3
"""Distance from where the one is expected, in heights of the box: at once, and more for each second."""
LONGEST_S = 5.0
"""Longest time looked at for which it was not found: so long people are hidden by others in a crowd."""
RATIO = 1.5
"""Largest ratio of their sizes."""
COVERED = 0.75
"""Share of the smaller box in which a track that is back and the one that stood in for it overlap."""


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
        tracks: all tracks up to now, also those that have ended.
        found: numbers of those that this look found.
        rivals: the other tracks that this look found for the first time.
        aspect: width by height of the picture.
    """
    near = [number for number, track in tracks.items() if number not in found and _is_near(new, now, track, aspect)]
    if len(near) != 1 or any(_is_near(rival, now, tracks[near[0]], aspect) for rival in rivals):
        return None
    return near[0]


def stood_in(back: Seen, now: Instant, tracks: Mapping[int, Tracked], found: Collection[int]) -> int | None:
    """The number of the track that stood in for one that is `back` after it was not found: it began meanwhile, was
    found in the last look, and is lost where the other is back. None if there is none, or if it is not clear which.
    """
    lost = tracks[back.tracker_id]
    near = [
        number
        for number, track in tracks.items()
        if number not in found
        and not track.missed
        and track.first.time_s > lost.last.time_s
        and track.seen.class_name == back.class_name
        and track.ignored == lost.ignored
        and _covered(back, track, now) >= COVERED
    ]
    return near[0] if len(near) == 1 else None


def _covered(back: Seen, track: Tracked, now: Instant) -> float:
    """Share of the smaller box that the other one covers, of a track as it was and one that is back."""
    (x, y), (x0, y0) = track.expected(now), track.seen.anchor("center")
    left, top, right, bottom = track.seen.box
    left, top, right, bottom = left + x - x0, top + y - y0, right + x - x0, bottom + y - y0
    one, two, three, four = back.box
    width, height = min(right, three) - max(left, one), min(bottom, four) - max(top, two)
    smaller = min((right - left) * (bottom - top), (three - one) * (four - two))
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


def _is_near(new: Seen, now: Instant, track: Tracked, aspect: float) -> bool:
    away_s = now.looked_s - track.last.looked_s
    if track.ignored or new.class_name != track.seen.class_name or away_s > LONGEST_S:
        return False
    if at_edge(new.box) and at_edge(track.seen.box):
        return False
    height, other = new.height, track.seen.height
    if max(height, other) > RATIO * min(height, other):
        return False
    (x, y), (x0, y0) = new.anchor("center"), track.expected(now)
    return hypot((x - x0) * aspect, y - y0) <= (REACH + SPREAD * away_s) * height
