"""Conditions on who is in a zone: for how long, with the whole box, how many, nobody, how fast."""

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.finding import NO_TRACK, Finding, visits
from edge_daemon.rules.memory import Memory
from edge_daemon.rules.plane import Plane, speed_kmh
from edge_daemon.rules.view import View
from edge_daemon.settings import Absent, Count, Covers, FilterSettings, Speed, Stays
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Box
from edge_daemon.zones.zone import Visit

SLACK = 0.02
"""Shares of its sides by which a box may lie outside of the zone that has to cover it."""
WINDOW_S = 1.0
"""Time over which a speed is measured, or twice the time between two looks if that is longer."""
LEAST_S = 0.4
"""Shorter paths have no speed."""


def staying(condition: Stays, wanted: FilterSettings, view: View) -> list[Finding]:
    """Tracks that have been in a zone for a time."""
    found = []
    for number, visit in visits(condition.zone, wanted, view).items():
        dwell_s = visit.dwell_s(view.tracks[number].last)
        if dwell_s >= condition.for_s:
            more: FactMap = {"time_s": visit.since.time_s, "dwell_s": dwell_s}
            found.append(_finding("stayed", condition.zone, number, visit, more))
    return found


def covered(condition: Covers, wanted: FilterSettings, border: Border, memory: Memory, view: View) -> list[Finding]:
    """Tracks whose whole box has been in a zone for a time."""
    inside = {
        number: visit
        for number, visit in visits(condition.zone, wanted, view).items()
        if is_covered(view.tracks[number].seen.box, border)
    }
    memory.since = {number: memory.since.get(number, view.tracks[number].last.looked_s) for number in inside}
    found = []
    for number, visit in inside.items():
        for_s = view.tracks[number].last.looked_s - memory.since[number]
        if for_s >= condition.for_s:
            found.append(_finding("covered", condition.zone, number, visit, {"for_s": for_s}))
    return found


def is_covered(box: Box, border: Border) -> bool:
    """True if a polygon covers a box, apart from `SLACK`."""
    left, top, right, bottom = box
    x, y = SLACK * (right - left), SLACK * (bottom - top)
    left, top, right, bottom = left + x, top + y, right - x, bottom - y
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    sides = zip(corners, [*corners[1:], corners[0]], strict=True)
    return border.contains(corners[0]) and not any(border.crossings(a, b) for a, b in sides)


def counted(condition: Count | Absent, wanted: FilterSettings, memory: Memory, view: View) -> list[Finding]:
    """Too many or too few tracks in a zone, or none, for a time looked at."""
    there, now_s = visits(condition.zone, wanted, view), view.instant.looked_s
    memory.since = {NO_TRACK: memory.since.get(NO_TRACK, now_s)} if _is_counted(condition, len(there)) else {}
    for_s = now_s - memory.since.get(NO_TRACK, now_s)
    if not memory.since or for_s < condition.for_s:
        return []
    kind = "absent" if isinstance(condition, Absent) else "count"
    fact: FactMap = {"type": kind, "zone": condition.zone, "count": len(there), "for_s": for_s}
    return [Finding(NO_TRACK, tuple(there), (fact,))]


def _is_counted(condition: Count | Absent, number: int) -> bool:
    if isinstance(condition, Absent):
        return number == 0
    return (condition.above is not None and number > condition.above) or (
        condition.below is not None and number < condition.below
    )


def speeding(
    condition: Speed, wanted: FilterSettings, border: Border, plane: Plane, memory: Memory, view: View
) -> list[Finding]:
    """Tracks that move through a zone faster than a limit."""
    there, found = visits(condition.zone, wanted, view), []
    memory.places = {number: path for number, path in memory.places.items() if number in there}
    for number, visit in there.items():
        track, path = view.tracks[number], memory.places.setdefault(number, [])
        point = track.seen.anchor("bottom")
        if border.contains(point) and (not path or path[-1][0] < track.last.time_s):
            path.append((track.last.time_s, *plane.metres(point)))
        if not path:
            continue
        begin_s = min(path[-1][0] - WINDOW_S, path[-3][0] if len(path) > 2 else path[-1][0])
        path[:] = [place for place in path if place[0] >= begin_s]
        speed = speed_kmh(path) if path[-1][0] - path[0][0] >= LEAST_S else 0.0
        if speed > condition.above and not track.missed:
            more: FactMap = {"kmh": speed, "above": condition.above}
            found.append(_finding("speed", condition.zone, number, visit, more))
    return found


def _finding(kind: str, zone: str, number: int, visit: Visit, more: FactMap) -> Finding:
    fact: FactMap = {"type": kind, "zone": zone, "tracker_id": number, "class_name": visit.class_name}
    return Finding(number, (number,), (fact | more,))
