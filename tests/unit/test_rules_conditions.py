"""Conditions of rules beyond entering and staying: two lines, movement, whole boxes, speed, things left and taken."""

from math import atan2, hypot, pi

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_daemon.messages.events import Event
from edge_daemon.rules.finding import Finding
from edge_daemon.rules.happened import crossed
from edge_daemon.rules.inside import SLACK, is_covered
from edge_daemon.rules.memory import Memory, Resting
from edge_daemon.rules.plane import Plane, corners, speed_kmh
from edge_daemon.rules.rule import Outcome
from edge_daemon.rules.view import View
from edge_daemon.settings import (
    CameraZonesSettings,
    Covers,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    Leaves,
    RuleSettings,
    Speed,
    Taken,
    Then,
    ZoneSettings,
)
from edge_daemon.zones.facts import Crossed, Direction
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.look import Instant, Seen
from edge_daemon.zones.tracked import Tracked
from edge_daemon.zones.travel import distance
from tests.unit.yard import INSIDE, OUTSIDE, Yard, only, phases, seen

# Two lines


def then(within_s: float = 10, direction: Direction | None = None) -> RuleSettings:
    return RuleSettings(
        condition=Crosses(line="gate", direction=direction, then=Then(line="door", within_s=within_s)), cooldown_s=0
    )


def walk(yard: Yard, *places: float, step_s: float = 1.0) -> list[Outcome]:
    return [outcome for k, y in enumerate(places) for outcome in yard.look(step_s * k, seen(1, y))]


def test_two_lines_after_one_another_make_one_event() -> None:
    event = only(walk(Yard(through=then()), 0.3, 0.6, 0.74, 0.9))
    assert [fact["type"] for fact in event.facts] == ["crossed", "crossed", "then"]
    assert event.because == [
        "person 1 crossed gate in at 22:14:00.6 and settled after 0.3 s",
        "person 1 crossed door in at 22:14:02.3 and settled after 0.6 s",
        "it crossed door 1.7 s after gate",
    ]


def test_who_walks_to_and_fro_over_the_first_line_counts_once() -> None:
    assert phases(walk(Yard(through=then()), 0.3, 0.6, 0.3, 0.6, 0.3, 0.6, 0.9)) == ["start"]


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        (then(), [0.9, 0.6, 0.3]),  # the other way
        (then(), [0.6, 0.9, 0.6]),  # the first line is missing
        (then(within_s=1.6), [0.3, 0.6, 0.74, 0.9]),  # too late
        (then(direction="out"), [0.3, 0.6, 0.9]),
    ],
)
def test_the_wrong_order_way_or_time_makes_none(rule: RuleSettings, places: list[float]) -> None:
    assert walk(Yard(through=rule), *places) == []


def found_in(crossings: list[Crossed], within_s: float) -> list[Finding]:
    settings, memory, found = then(within_s), Memory(), []
    assert isinstance(settings.condition, Crosses)
    for fact in crossings:
        tracks = {1: Tracked.begin(seen(1, INSIDE), Instant(0, 0), ignored=False)}
        view = View(Instant(fact.time_s, fact.time_s), 0, 0, facts=[fact], tracks=tracks)
        found += crossed(settings.condition, FilterSettings(), memory, view)
    return found


steps = st.lists(st.tuples(st.sampled_from(["gate", "door", "other"]), st.floats(0.01, 5)), max_size=12)


@given(steps, st.floats(0.1, 8))
def test_each_crossing_belongs_to_one_event_at_most_as_if_one_had_watched(
    steps: list[tuple[str, float]], within_s: float
) -> None:
    time_s, facts, expected, first = 0.0, [], [], None
    for line, step_s in steps:
        time_s += step_s
        facts.append(Crossed(line=line, direction="in", tracker_id=1, class_name="person", time_s=time_s))
        if line == "gate":
            first = time_s
        elif line == "door" and first is not None and time_s - first <= within_s:
            expected.append((first, time_s))
            first = None
    assert [tuple(fact["time_s"] for fact in finding.facts[:2]) for finding in found_in(facts, within_s)] == expected


def test_the_second_line_may_settle_before_the_first() -> None:
    door, gate = (
        Crossed(line=line, direction="in", tracker_id=1, class_name="person", time_s=time_s)
        for line, time_s in (("door", 1.2), ("gate", 1.0))
    )
    (finding,) = found_in([door, gate], 5)
    assert [fact.get("line") for fact in finding.facts] == ["gate", "door", "gate"]


# Movement


ENTERS = RuleSettings(condition=Enters(zone="drive"))
MOVES = RuleSettings(condition=Enters(zone="drive"), filter=FilterSettings(moves=1))


def test_a_parked_car_makes_no_event_also_under_a_new_number_until_it_drives_off() -> None:
    yard = Yard(car=MOVES)
    assert [yard.look(t, seen(1, INSIDE, "car")) for t in range(5)] == [[]] * 5
    yard.look(5, ended={1: "lost"})
    assert [yard.look(t, seen(2, INSIDE + 0.03 * (t % 2), "car")) for t in range(60, 65)] == [[]] * 5
    assert yard.look(66, seen(2, INSIDE, "car", x=0.61)) == []  # in one look: that may be a mistake
    event = only(yard.look(67, seen(2, INSIDE, "car", x=0.61)))
    assert event.because[0] == "car 2 was first seen in drive at 22:15:00.0, not certain"


def test_one_wrong_box_moves_nothing() -> None:
    yard = Yard(car=MOVES)
    for t in range(20):
        assert yard.look(t, seen(1, INSIDE, "car", x=0.8 if t % 4 == 3 else 0.5)) == []


def test_who_comes_in_over_the_border_has_moved() -> None:
    assert phases(Yard(car=MOVES).enter(0) + Yard(car=ENTERS).enter(0)) == ["start"]
    yard = Yard(car=MOVES)
    yard.look(0, seen(1, OUTSIDE))
    assert [phases(yard.look(t, seen(1, INSIDE))) for t in (1, 2)] == [[], ["start"]]


def test_a_zone_admits_who_has_moved() -> None:
    drive = ZoneSettings(points=((0, 0.5), (1, 0.5), (1, 1), (0, 1)), filter=FilterSettings(moves=1))
    yard = Yard(CameraZonesSettings(zones={"drive": drive}), car=ENTERS)
    parked = seen(1, INSIDE, "car")
    assert yard.look(0, parked) == yard.look(1, parked, seen(2, 0.94)) == []
    assert yard.zones.now()["drive"] == {}
    yard.look(2, parked, seen(2, INSIDE))
    assert phases(yard.look(3, parked, seen(2, INSIDE))) == ["start"]
    assert yard.zones.now()["drive"] == {"person": 1}


def test_a_filter_says_what_is_missing() -> None:
    track = Tracked.begin(seen(1, INSIDE), Instant(0, 0), ignored=False)
    for t in range(3):
        track.note(seen(1, INSIDE, x=0.5 + 0.025 * t), Instant(t, t))
    assert track.failure(FilterSettings(moves=1)) == "it moved by 0.25 of its size, less than 1.00"
    assert track.failure(FilterSettings(moves=0.2)) is None


sides = st.floats(0.01, 0.5)


@given(st.floats(-1, 1), st.floats(-1, 1), sides, sides)
def test_a_distance_is_in_sizes_of_the_larger_box(dx: float, dy: float, width: float, height: float) -> None:
    start, now = (0.0, 0.0, width, height), (dx, dy, dx + width, dy + height)
    assert distance(start, now) == pytest.approx(hypot(dx / width, dy / height))
    assert distance(start, now) == pytest.approx(distance(now, start))
    part = (0.0, 0.0, width, height / 2)  # the lower half is hidden
    assert distance(start, part) == pytest.approx(0.25)


# Whole boxes


def test_a_zone_covers_a_whole_box_for_a_time() -> None:
    yard = Yard(parked=RuleSettings(condition=Covers(zone="drive", for_s=2)))
    for t in range(5):
        assert yard.look(t, seen(1, INSIDE - 0.05)) == []  # its head is above the zone
    assert [yard.look(t, seen(1, 0.9)) for t in (5, 6)] == [[], []]
    event = only(yard.look(7, seen(1, 0.9)))
    assert event.because == ["person 1 has been in drive with its whole box for 2.0 s"]
    assert yard.look(8, seen(1, INSIDE - 0.05)) == []
    assert phases(yard.look(13, seen(1, INSIDE - 0.05))) == ["end"]


L_SHAPE = Border([(0.1, 0.1), (0.9, 0.1), (0.9, 0.4), (0.4, 0.4), (0.4, 0.9), (0.1, 0.9)], closed=True)
shares = st.floats(0, 1)


@given(shares, shares, shares, shares, shares, shares)
def test_a_covered_box_has_all_its_points_inside(x: float, y: float, u: float, v: float, p: float, q: float) -> None:
    left, right, top, bottom = min(x, u), max(x, u), min(y, v), max(y, v)
    assume(right - left > 0.01 and bottom - top > 0.01)
    p, q = SLACK + (1 - 2 * SLACK) * p, SLACK + (1 - 2 * SLACK) * q
    point = left + p * (right - left), top + q * (bottom - top)
    if is_covered((left, top, right, bottom), L_SHAPE):
        assert L_SHAPE.contains(point)


@pytest.mark.parametrize(
    ("box", "covered"),
    [
        ((0.2, 0.2, 0.8, 0.3), True),
        ((0.2, 0.2, 0.3, 0.8), True),
        ((0.2, 0.2, 0.5, 0.5), False),  # over the inner corner
        ((0.05, 0.2, 0.3, 0.3), False),
        ((0.6, 0.6, 0.8, 0.8), False),
        ((0.0, 0.0, 1.0, 1.0), False),
    ],
)
def test_boxes_and_a_zone_with_an_inner_corner(box: tuple[float, float, float, float], covered: bool) -> None:
    assert is_covered(box, L_SHAPE) == covered


def test_the_whole_picture_covers_a_box_at_its_edge() -> None:
    assert is_covered((0.0, 0.0, 1.0, 1.0), Border([(0, 0), (1, 0), (1, 1), (0, 1)], closed=True))


# Speed


lengths = st.lists(st.floats(1, 50), min_size=4, max_size=4).filter(lambda one: 2.05 * max(one) < sum(one))


@given(lengths)
def test_corners_have_the_lengths_and_lie_on_a_circle(lengths: list[float]) -> None:
    points = corners(lengths)
    pairs = list(zip(points, [*points[1:], points[0]], strict=True))
    assert [hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairs] == pytest.approx(lengths, rel=1e-6)
    turned = [atan2(b[1] - a[1], b[0] - a[0]) for a, b in pairs]
    inner = [(pi - (turned[i] - turned[i - 1])) % (2 * pi) for i in range(4)]
    assert inner[0] + inner[2] == pytest.approx(pi)  # opposite angles of four points on a circle


ROAD = ZoneSettings(
    points=((0.4, 0.4), (0.6, 0.4), (0.9, 0.9), (0.1, 0.9)), lengths=(4.0, 12.0, 4.0, 12.0)
)  # far to near, seen from above the road


def on_road(metres: float) -> tuple[float, float]:
    """Where a point of the middle of the road, so far from its far end, is in the picture: found by halving."""
    assert ROAD.lengths
    plane, low, high = Plane(ROAD.points, ROAD.lengths), 0.4, 0.9
    for _ in range(50):
        y = (low + high) / 2
        low, high = (y, high) if plane.metres((0.5, y))[1] < metres else (low, y)
    return 0.5, (low + high) / 2


def test_a_plane_has_its_corners_where_the_lengths_put_them() -> None:
    assert ROAD.lengths
    plane = Plane(ROAD.points, ROAD.lengths)
    assert [plane.metres(point) for point in ROAD.points] == [
        pytest.approx(place, abs=1e-9) for place in [(0, 0), (4, 0), (4, 12), (0, 12)]
    ]
    assert plane.metres((0.5, 0.4)) == pytest.approx((2, 0), abs=1e-9)


def drive(kmh: float, times: list[float], jitter: float = 0.0) -> list[Event]:
    yard = Yard(CameraZonesSettings(zones={"road": ROAD}), fast=RuleSettings(condition=Speed(zone="road", above=50)))
    events = []
    for k, time_s in enumerate(times):
        x, y = on_road(1 + kmh / 3.6 * time_s)
        box = (x - 0.02, y - 0.04 + jitter * (-1) ** k, x + 0.02, y + jitter * (-1) ** k)
        events += yard.look(time_s, Seen(1, "car", box, 0.9))
    return [event for event in events if isinstance(event, Event)]


@pytest.mark.parametrize("step_s", [0.04, 0.1, 0.2])
def test_speed_is_measured_on_the_ground_at_any_rate(step_s: float) -> None:
    times = [step_s * k for k in range(round(0.68 / step_s))]
    event = drive(58, times)[0]
    kmh = event.facts[0]["kmh"]
    assert isinstance(kmh, float)
    assert kmh == pytest.approx(58, rel=0.02)
    assert event.because == ["car 1 moves through road at 58 km/h, above 50"]
    assert drive(48, times) == []
    assert drive(45, times, jitter=0.001) == []


@given(st.lists(st.floats(0.01, 0.3), min_size=2, max_size=20), st.floats(-40, 40), st.floats(-40, 40))
def test_a_steady_speed_is_found_from_any_looks(steps: list[float], x: float, y: float) -> None:
    path, time_s = [], 0.0
    for step_s in steps:
        path.append((time_s, x * time_s, y * time_s))
        time_s += step_s
    assert speed_kmh(path) == pytest.approx(3.6 * hypot(x, y), abs=1e-6)


# Things that are left, and taken


BAG = RuleSettings(condition=Deposited(zone="drive", for_s=60), filter=FilterSettings(classes=("backpack",)))
TAKEN = RuleSettings(condition=Taken(zone="drive", for_s=60), filter=FilterSettings(classes=("backpack",)))


def bag(number: int = 1) -> Seen:
    return Seen(number, "backpack", (0.48, 0.62, 0.52, 0.7), 0.9)


def person(number: int, x: float) -> Seen:
    return seen(number, 0.72, "person", x)


def test_a_bag_is_left_once_its_owner_has_been_away_for_a_time() -> None:
    yard = Yard(bag=BAG)
    assert [yard.look(t, bag(), person(2, 0.5)) for t in range(0, 200, 10)] == [[]] * 20
    assert yard.look(200, bag(), person(2, 0.9)) == yard.look(249, bag(), person(2, 0.9)) == []
    event = only(yard.look(251, bag(), person(2, 0.9)))
    assert event.because == ["backpack 1 has been left in drive for 61.0 s"]
    assert yard.look(252, bag(), person(2, 0.55)) == []  # the owner is back
    assert phases(yard.look(256, bag(), person(2, 0.55))) == ["end"]


def test_another_person_near_it_is_no_owner() -> None:
    yard = Yard(bag=BAG)
    yard.look(0, bag(), person(2, 0.5))
    yard.look(1, bag(), person(2, 0.9))
    for t in range(2, 60):
        assert yard.look(t, bag(), person(3, 0.55)) == []
    assert phases(yard.look(60, bag(), person(3, 0.55))) == ["start"]


def test_without_owners_everything_that_rests_is_left() -> None:
    yard = Yard(bag=msgspec.structs.replace(BAG, condition=Deposited(zone="drive", for_s=60, owners=())))
    yard.look(0, bag(), person(2, 0.5))
    assert phases(yard.look(60, bag(), person(2, 0.5))) == ["start"]


def looks(yard: Yard, begin: float, end: float, *found: Seen) -> list[str]:
    """Phases of events from looks three times a second."""
    return [phase for k in range(round(3 * (end - begin))) for phase in phases(yard.look(begin + k / 3, *found))]


def test_a_bag_that_somebody_hides_is_neither_taken_nor_left_again_under_a_new_number() -> None:
    yard = Yard(left=BAG, taken=TAKEN)
    yard.look(0, bag())
    assert phases(yard.look(61, bag())) == ["start"]
    assert looks(yard, 62, 90, person(2, 0.5)) == looks(yard, 90, 94, person(2, 0.8)) == []
    assert looks(yard, 94, 160, bag(3), person(2, 0.8)) == []
    assert 3 in yard.zones.tracks


def test_a_bag_that_is_not_there_when_the_view_is_free_was_taken_by_who_was_near() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, bag())
    yard.look(61, bag(), person(2, 0.45))
    assert looks(yard, 62, 70, person(2, 0.5)) == looks(yard, 70, 74.9, person(2, 0.9)) == []
    (event, *_) = [one for t in (75.2, 75.6) for one in yard.look(t, person(2, 0.9))]
    assert isinstance(event, Event)
    assert event.because == ["backpack 1 is gone from where it was in drive for 61.0 s", "person 2 was near"]
    assert [track.tracker_id for track in event.tracks] == [2]


def test_who_is_not_seen_there_any_more_hides_nothing() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, bag())
    yard.look(61, bag(), person(2, 0.5))
    looks(yard, 62, 65, person(2, 0.5))
    assert 2 in yard.zones.tracks
    assert 1 not in yard.zones.tracks
    assert looks(yard, 65, 70.6)[:1] == ["start"]


def test_it_takes_looks_as_well_as_time_to_see_that_a_place_is_free() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, bag())
    yard.look(61, bag())
    yard.look(62, ended={1: "lost"})
    assert [yard.look(62 + t) for t in range(1, 14)] == [[]] * 13
    assert phases(yard.look(76))[:1] == ["start"]


def test_a_place_has_to_be_free_without_a_break() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, bag())
    yard.look(61, bag())
    yard.look(62, ended={1: "lost"})
    assert looks(yard, 62.3, 66) == []
    assert looks(yard, 66, 67, person(2, 0.5)) == looks(yard, 67, 71, person(2, 0.9)) == []
    assert looks(yard, 71, 72, bag(3), person(2, 0.9)) == []
    assert yard.look(72, person(2, 0.9), ended={3: "lost"}) == []
    assert looks(yard, 72.3, 76, person(2, 0.9)) == []
    assert looks(yard, 76, 78, person(2, 0.9))[:1] == ["start"]


def test_furniture_that_is_lost_and_found_again_is_still_furniture() -> None:
    rule = msgspec.structs.replace(BAG, condition=Deposited(zone="drive", for_s=60, furniture_s=300))
    yard = Yard(bag=rule)
    found = [yard.look(t, bag()) for t in range(0, 400, 20)]
    assert [phase for outcomes in found for phase in phases(outcomes)] == ["start", "end"]
    assert looks(yard, 400, 420) == []
    assert yard.rules.state.rules["bag"].state.memory.rests == {}
    assert [yard.look(t, bag(2)) for t in range(420, 620, 20)] == [[]] * 10
    assert looks(yard, 640, 660) == []
    assert phases(yard.look(1000, bag(3)) + yard.look(1061, bag(3))) == ["start"]  # after longer, it is a new one


# Numbers and ends of tracks


def test_an_event_goes_on_under_another_number() -> None:
    yard = Yard(rule=ENTERS)
    yard.enter(0)
    for t in range(1, 6):
        yard.look(t, seen(1, INSIDE))
    assert yard.look(6, seen(3, INSIDE)) == []  # it continues 1
    assert yard.zones.renamed == [(1, 3)]
    assert yard.look(30, seen(3, INSIDE)) == []
    yard.look(31, ended={3: "left"})
    event = only(yard.look(37))
    assert (event.phase, [track.tracker_id for track in event.tracks]) == ("end", [3])


def test_a_bag_that_rests_goes_on_under_another_number() -> None:
    yard = Yard(bag=BAG)
    for t in range(40):
        assert yard.look(t, bag(5)) == []
    for t in range(40, 60):
        assert yard.look(t, bag(6)) == []
    assert phases(yard.look(60, bag(6))) == ["start"]


def test_the_first_of_two_lines_counts_under_another_number() -> None:
    yard = Yard(through=then())
    walk(yard, 0.3, 0.6, 0.6, 0.6, 0.6, 0.6)
    assert yard.look(6, seen(2, 0.6)) == []
    assert yard.zones.renamed == [(1, 2)]
    assert phases(yard.look(7, seen(2, 0.9))) == ["start"]


def test_what_a_condition_remembers_goes_on_under_another_number() -> None:
    memory = Memory(since={1: 2.0}, rests={4: Resting(1, "backpack", (0.5, 0.5), 0.1, 0, 1, 0, people=(1, 7))})
    memory.rename(1, 3)
    memory.rename(7, 8)
    assert memory.since == {3: 2.0}
    assert (memory.rests[4].tracker_id, memory.rests[4].people) == (3, (3, 8))


def test_a_filter_that_lets_a_track_through_later_makes_an_event_then() -> None:
    yard = Yard(rule=RuleSettings(condition=Enters(zone="drive"), filter=FilterSettings(confidence=0.8)))
    unsure = seen(1, INSIDE)._replace(confidence=0.5)
    assert [yard.look(t, unsure) for t in range(3)] == [[], [], []]
    assert [yard.look(t, seen(1, INSIDE)) for t in (3, 4)] == [[], []]
    assert phases(yard.look(5, seen(1, INSIDE)) + yard.look(6, seen(1, INSIDE))) == ["start"]


def test_who_has_left_before_the_filter_let_it_through_makes_no_event() -> None:
    yard = Yard(rule=RuleSettings(condition=Enters(zone="drive"), filter=FilterSettings(confidence=0.8)))
    unsure = seen(1, INSIDE)._replace(confidence=0.5)
    assert [yard.look(t, unsure) for t in range(3)] == [[], [], []]
    assert [yard.look(t, seen(1, OUTSIDE)) for t in range(3, 9)] == [[]] * 6


@pytest.mark.parametrize(("least", "made"), [(0.1, ["start", "end"]), (0.3, [])])
def test_who_left_the_picture_is_filtered_and_named(least: float, made: list[str]) -> None:
    yard = Yard(rule=RuleSettings(condition=Leaves(zone="drive"), filter=FilterSettings(min_size=least)))
    yard.enter(0)
    events = yard.look(1, ended={1: "left"})
    assert phases(events) == made
    assert all(event.tracks[0].tracker_id == 1 for event in events if isinstance(event, Event))
