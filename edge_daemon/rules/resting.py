"""Conditions on objects at rest: left behind, or taken."""

from math import hypot

import msgspec

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.finding import Finding, visits
from edge_daemon.rules.memory import Memory, Resting
from edge_daemon.rules.view import View
from edge_daemon.settings import Deposited, FilterSettings, Taken
from edge_daemon.zones.geometry import Point
from edge_daemon.zones.look import Box, Seen
from edge_daemon.zones.tracked import Tracked

REST = 0.5
"""An object is at rest while its centre stays within this many heights of its box."""
GROWTH = 2.0
"""Two boxes may be of the same object if their heights differ by no more than this factor."""
FREE_S, FREE_LOOKS = 5.0, 15
"""An object whose track has ended is gone once its place was seen free for this time, and in this many looks."""
MOST_FURNITURE = 50
PEOPLE = ("person",)


def left_behind(condition: Deposited, wanted: FilterSettings, memory: Memory, view: View) -> list[Finding]:
    """Objects that have been at rest without their owner for a time, until they belong there."""
    now_s = view.instant.looked_s
    memory.furniture = [one for one in memory.furniture if now_s - one.until_s < condition.furniture_s]
    ended = _update(condition, wanted, memory, view)
    memory.furniture += [rest for _, rest in ended if now_s - rest.since_s >= condition.furniture_s]
    memory.furniture = memory.furniture[-MOST_FURNITURE:]
    return [
        _finding("left-behind", condition.zone, key, rest, rest.until_s - rest.alone_s)
        for key, rest in memory.rests.items()
        if rest.until_s - rest.alone_s >= condition.for_s and now_s - rest.since_s < condition.furniture_s
    ]


def taken(condition: Taken, wanted: FilterSettings, memory: Memory, view: View) -> list[Finding]:
    """Objects that were at rest for a time and are gone with this look, with the people who were near."""
    ended = _update(condition, wanted, memory, view)
    found = []
    for key, rest in ended:
        for_s = rest.until_s - rest.since_s
        if for_s >= condition.for_s:
            finding = _finding("taken", condition.zone, key, rest, for_s)
            facts = tuple(_near_fact(number, rest) for number in rest.people)
            found.append(Finding(key, finding.tracks + rest.people, finding.facts + facts))
    return found


def _update(
    condition: Deposited | Taken, wanted: FilterSettings, memory: Memory, view: View
) -> list[tuple[int, Resting]]:
    """Bring objects at rest up to date; those whose rest has ended, by key, which is the number of the first track."""
    before, memory.rests, ended = memory.rests, {}, []
    keys = {rest.tracker_id: key for key, rest in before.items()}
    for number in visits(condition.zone, wanted, view):
        key = keys.get(number)
        if key is None:
            key = next((old for old, rest in before.items() if _returns(rest, view, view.tracks[number])), None)
        rest = None if key is None else before.pop(key, None)
        if key is None or rest is None:
            memory.rests[number] = _begin(condition, memory, view, view.tracks[number])
        elif _is_away(rest, view.tracks[number].seen, view):
            ended.append((key, rest))
            memory.rests[number] = _begin(condition, memory, view, view.tracks[number])
        else:
            memory.rests[key] = _go_on(condition, rest, view, view.tracks[number])
    for key, rest in before.items():
        missing = None if rest.tracker_id in view.tracks else _missing(condition, rest, view)
        if missing is None:
            ended.append((key, rest))
        else:
            memory.rests[key] = missing
    return ended


def _begin(condition: Deposited | Taken, memory: Memory, view: View, track: Tracked) -> Resting:
    """An object that begins to rest where it is; one that takes the place of furniture is furniture."""
    seen, now_s = track.seen, track.last.looked_s
    rest = Resting(seen.tracker_id, seen.class_name, seen.anchor("center"), seen.height, now_s, now_s, now_s)
    if not isinstance(condition, Deposited):
        return rest
    known = next((one for one in memory.furniture if not _is_away(one, seen, view)), None)
    if known is not None:
        memory.furniture.remove(known)
        return msgspec.structs.replace(rest, since_s=known.since_s)
    return msgspec.structs.replace(rest, people=_near(rest, condition.owners, condition.near, view))


def _go_on(condition: Deposited | Taken, rest: Resting, view: View, track: Tracked) -> Resting:
    """An object that is still where it was; it is not alone while one of its owners is near."""
    now_s = track.last.looked_s
    rest = msgspec.structs.replace(rest, tracker_id=track.seen.tracker_id, until_s=now_s, free=0)
    if isinstance(condition, Taken):
        return msgspec.structs.replace(rest, people=_near(rest, PEOPLE, 1.0, view))
    owners = [view.tracks[owner] for owner in rest.people if owner in view.tracks]
    if any(_is_near(rest, owner, condition.near, view) for owner in owners):
        return msgspec.structs.replace(rest, alone_s=now_s)
    return rest


def _returns(rest: Resting, view: View, track: Tracked) -> bool:
    """True if a track is that of an object which was hidden."""
    return rest.tracker_id not in view.tracks and not _is_away(rest, track.seen, view)


def _missing(condition: Deposited | Taken, rest: Resting, view: View) -> Resting | None:
    """An object whose track has ended: hidden while another box covers its place; None if it is gone."""
    now_s = view.instant.looked_s
    if any(not track.missed and _is_in(rest.point, track.seen.box) for track in view.tracks.values()):
        people = _near(rest, PEOPLE, 1.0, view) if isinstance(condition, Taken) else rest.people
        return msgspec.structs.replace(rest, free=0, people=people)
    free_s = rest.free_s if rest.free else now_s
    if rest.free + 1 >= FREE_LOOKS and now_s - free_s >= FREE_S:
        return None
    return msgspec.structs.replace(rest, free=rest.free + 1, free_s=free_s)


def _near(rest: Resting, classes: tuple[str, ...], near: float, view: View) -> tuple[int, ...]:
    """Tracks of some classes that are near an object."""
    return tuple(
        number
        for number, track in view.tracks.items()
        if number != rest.tracker_id and track.seen.class_name in classes and _is_near(rest, track, near, view)
    )


def _is_near(rest: Resting, track: Tracked, near: float, view: View) -> bool:
    """True if the box of a track is no farther from an object than `near` of its heights."""
    return _distance(rest.point, _closest(rest.point, track.seen.box), view) <= near * track.seen.height


def _is_away(rest: Resting, seen: Seen, view: View) -> bool:
    """True if a box is elsewhere than the object, or of another size."""
    if max(seen.height, rest.height) > GROWTH * min(seen.height, rest.height):
        return True
    return _distance(seen.anchor("center"), rest.point, view) > REST * seen.height


def _distance(a: Point, b: Point, view: View) -> float:
    """Distance of two points in heights of the picture."""
    return hypot((a[0] - b[0]) * view.size[0] / view.size[1], a[1] - b[1])


def _closest(point: Point, box: Box) -> Point:
    """The point of a box that is closest to a point."""
    left, top, right, bottom = box
    return min(max(point[0], left), right), min(max(point[1], top), bottom)


def _is_in(point: Point, box: Box) -> bool:
    return _closest(point, box) == point


def _finding(kind: str, zone: str, key: int, rest: Resting, for_s: float) -> Finding:
    fact: FactMap = {"type": kind, "zone": zone, "tracker_id": key, "class_name": rest.class_name, "for_s": for_s}
    return Finding(key, (rest.tracker_id,), (fact,))


def _near_fact(number: int, rest: Resting) -> FactMap:
    return {"type": "near", "tracker_id": number, "class_name": PEOPLE[0], "of": rest.tracker_id}
