"""Zones and lines, by their definitions: settled sides, paths between looks, time looked at, what is certain."""

import itertools
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_daemon.messages.findings import Detection
from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.settings import CameraZonesSettings, FilterSettings, IgnoreSettings, LineSettings, ZoneSettings
from edge_daemon.tracking.track import Begun
from edge_daemon.zones.camera_zones import CameraZones, CameraZonesState
from edge_daemon.zones.covered import CoveredTime
from edge_daemon.zones.facts import Crossed, Entered, Fact, Left
from edge_daemon.zones.look import Instant, Look, Seen

ASPECT = 16 / 9
GATE = LineSettings(points=((0.2, 0.5), (0.8, 0.5)))  # `in` is downwards
SETTLING = LineSettings(points=GATE.points, settle_s=0.5)
YARD = ZoneSettings(points=((0.2, 0.5), (0.8, 0.5), (0.8, 0.9), (0.2, 0.9)))
SIZE = 0.2
MARGIN = 0.1 * SIZE
Step = tuple[float, float, float]
"""Camera time, and x and y of the anchor."""


def seen(x: float, y: float, number: int = 1, name: str = "person", size: float = SIZE, sure: float = 0.9) -> Seen:
    """A track whose box stands on a point."""
    return Seen(number, name, (x - 0.05, y - size, x + 0.05, y), sure)


def camera(
    line: LineSettings | None = None, zone: ZoneSettings | None = None, ignore: tuple[IgnoreSettings, ...] = ()
) -> CameraZones:
    lines, zones = {"gate": line} if line else {}, {"yard": zone} if zone else {}
    return CameraZones(CameraZonesSettings(zones=zones, lines=lines, ignore=ignore))


def look(time_s: float, *found: Seen, looked_s: float | None = None, ended: dict[int, TrackEnd] | None = None) -> Look:
    return Look(Instant(time_s, time_s if looked_s is None else looked_s), ASPECT, found, ended or {})


def walk(zones: CameraZones, steps: Iterable[Step], number: int = 1) -> list[Fact]:
    return [fact for t, x, y in steps for fact in zones.update(look(t, seen(x, y, number)))]


def down(ys: Sequence[float], dt: float = 0.1) -> list[Step]:
    return [(dt * k, 0.5, y) for k, y in enumerate(ys)]


def directions(facts: Iterable[Fact]) -> list[str]:
    return [fact.direction for fact in facts if isinstance(fact, Crossed) and fact.certain]


class Gated:
    """A camera with a motion gate."""

    def __init__(self) -> None:
        self.zones, self.covered = camera(GATE, YARD), CoveredTime()
        self.facts: list[Fact] = []

    def look(self, time_s: float, y: float, still: int) -> None:
        instant = self.covered.look(time_s, {"still": still})
        self.facts += self.zones.update(Look(instant, ASPECT, [seen(0.5, y)], rest=self.covered.rest))


# Lines


def test_a_crossing_is_found_at_the_time_at_which_the_path_crossed() -> None:
    (fact,) = walk(camera(GATE), down([0.3, 0.45, 0.55, 0.6]))
    assert isinstance(fact, Crossed)
    assert (fact.line, fact.direction, fact.certain) == ("gate", "in", True)
    assert fact.time_s == pytest.approx(0.15)


def test_the_path_between_two_looks_counts_and_not_the_side_alone() -> None:
    steps = [(0.0, 0.5, 0.3), (0.5, 0.5, 0.7)]
    around = [(0.0, 0.1, 0.3), (0.5, 0.1, 0.7), (1.0, 0.5, 0.7)]  # past the end of the line
    assert directions(walk(camera(GATE), steps)) == ["in"]
    assert directions(walk(camera(GATE), around)) == []


def test_who_comes_back_before_the_side_is_settled_counts_nothing() -> None:
    assert walk(camera(GATE), down([0.3, 0.45, 0.51, 0.515, 0.49, 0.3])) == []


def test_who_stays_behind_the_line_within_the_margin_counts_only_if_there_is_a_time_to_settle() -> None:
    assert walk(camera(GATE), down([0.4, 0.45, *[0.505] * 80])) == []
    facts = walk(camera(SETTLING), down([0.4, 0.45, *[0.505] * 8]))
    assert directions(facts) == ["in"]
    assert facts[0].settled_s == pytest.approx(0.5, abs=0.1)


def test_the_time_to_settle_is_time_looked_at() -> None:
    zones = camera(SETTLING)
    zones.update(look(0, seen(0.5, 0.4)))
    zones.update(look(0.2, seen(0.5, 0.505)))
    assert zones.update(look(60, seen(0.5, 0.505), looked_s=0.5)) == []
    assert directions(zones.update(look(60.4, seen(0.5, 0.505), looked_s=0.9))) == ["in"]


def test_the_margin_is_a_share_of_the_height_of_the_box() -> None:
    for size, count in ((0.2, 1), (0.6, 0)):
        zones = camera(GATE)
        facts = [zones.update(look(t, seen(0.5, y, size=size))) for t, y in ((0, 0.2), (0.1, 0.53))]
        assert len(facts[-1]) == count


def test_who_is_half_hidden_for_a_moment_has_not_crossed() -> None:
    zones = camera(GATE)
    walk(zones, down([0.53] * 20))
    hidden = seen(0.5, 0.45, size=0.12)
    assert zones.update(look(2.0, hidden)) == []
    assert zones.update(look(2.1, seen(0.5, 0.53))) == []


def test_a_box_that_the_edge_of_the_picture_cuts_off_crosses() -> None:
    zones = camera(LineSettings(points=((0.0, 0.1), (1.0, 0.1)), anchor="center"))
    boxes = [Seen(1, "bottle", (0.4, max(0.0, y - 0.15), 0.5, y + 0.15), 0.9) for y in (0.3, 0.2, 0.05, -0.05)]
    facts = [fact for k, box in enumerate(boxes) for fact in zones.update(look(0.04 * k, box))]
    assert directions(facts) == ["out"]


def test_distances_are_in_heights_of_the_picture_in_both_directions() -> None:
    upright = LineSettings(points=((0.5, 1.0), (0.5, 0.0)))  # `in` is to the right
    near, far = 0.9 * MARGIN / ASPECT, 1.1 * MARGIN / ASPECT
    assert directions(walk(camera(upright), [(0, 0.4, 0.5), (0.1, 0.5 + near, 0.5)])) == []
    assert directions(walk(camera(upright), [(0, 0.4, 0.5), (0.1, 0.5 + far, 0.5)])) == ["in"]


def test_a_crossing_while_nobody_looked_is_uncertain() -> None:
    zones = camera(GATE)
    zones.update(look(0, seen(0.5, 0.3)))
    (fact,) = zones.update(look(5, seen(0.5, 0.7), looked_s=1))
    assert not fact.certain


def test_a_track_that_begins_at_the_line_is_uncertain() -> None:
    (fact,) = walk(camera(GATE), down([0.495, 0.51, 0.6]))
    assert not fact.certain


def test_a_track_that_ends_before_it_settled_is_uncertain() -> None:
    zones = camera(GATE)
    assert walk(zones, down([0.3, 0.45, 0.51])) == []
    (fact,) = zones.update(look(3, ended={1: "lost"}))
    assert isinstance(fact, Crossed)
    assert (fact.direction, fact.certain) == ("in", False)
    assert fact.time_s == pytest.approx(0.1 + 0.1 * 5 / 6)
    assert (zones.state.tracks, zones.state.lines) == ({}, {"gate": {}})


def test_in_and_out_of_a_bay_between_two_looks_are_two_crossings_if_it_is_deep() -> None:
    bay = LineSettings(points=((0.2, 0.9), (0.4, 0.1), (0.6, 0.1), (0.8, 0.9)))
    assert directions(walk(camera(bay), [(0, 0.1, 0.5), (0.5, 0.9, 0.5)])) == ["in", "out"]
    flat = LineSettings(points=((0.49, 0.9), (0.5, 0.1), (0.51, 0.9)))
    assert directions(walk(camera(flat), [(0, 0.1, 0.8), (0.2, 0.9, 0.8)])) == []


ys = st.lists(st.floats(0.3, 0.7), min_size=2, max_size=20)


@given(ys, st.floats(0.02, 0.5))
def test_a_path_and_its_mirror_image_count_in_opposite_directions(path: list[float], dt: float) -> None:
    opposite = {"in": "out", "out": "in"}
    path = [y if y != 0.5 else 0.501 for y in path]
    mirrored = LineSettings(points=GATE.points[::-1])
    there, back = (directions(walk(camera(line), down(path, dt))) for line in (GATE, mirrored))
    assert there == [opposite[direction] for direction in back]


@given(ys, st.floats(0.02, 0.4), st.lists(st.integers(1, 4), min_size=20, max_size=20))
def test_points_on_the_straight_line_between_two_looks_change_nothing(
    path: list[float], dt: float, parts: list[int]
) -> None:
    rough = down(path, dt)
    fine = rough[:1]
    for (t, x, y), (t1, x1, y1), n in zip(rough, rough[1:], parts, strict=False):
        fine += [(t + (t1 - t) * k / n, x + (x1 - x) * k / n, y + (y1 - y) * k / n) for k in range(1, n + 1)]
    one, other = (walk(camera(GATE), steps) for steps in (rough, fine))
    assert directions(one) == directions(other)
    assert [fact.time_s for fact in one] == pytest.approx([fact.time_s for fact in other], abs=1e-3)


@given(st.lists(st.floats(-0.99, 0.99), max_size=40), st.floats(0.02, 5.0), st.booleans())
def test_jitter_smaller_than_the_margin_counts_nothing(jitter: list[float], dt: float, through: bool) -> None:
    path = [0.3, *(0.5 + MARGIN * y for y in jitter), 0.7 if through else 0.3]
    assert directions(walk(camera(GATE), down(path, dt))) == ["in"] * through


@given(ys, st.integers(0, 20), st.floats(1, 1000))
def test_time_in_which_nothing_moves_changes_no_count(path: list[float], at: int, still_s: float) -> None:
    at = min(at, len(path) - 1)
    paused = down(path)
    paused = paused[: at + 1] + [(t + still_s, x, y) for t, x, y in paused[at:]]
    without, with_it = (walk(camera(GATE), steps) for steps in (down(path), paused))
    assert directions(without) == directions(with_it)


@example([(0.5, 2), (0.375, 2)], 0.5)
@given(st.lists(st.tuples(st.floats(0.35, 0.65), st.integers(2, 30)), min_size=1, max_size=12), st.floats(0.04, 0.5))
def test_frames_that_are_still_in_place_of_identical_ones_change_nothing(
    path: list[tuple[float, int]], dt: float
) -> None:
    looked, gated = Gated(), Gated()
    frame = still = 0
    for y, count in path:
        gated.look(dt * frame, y, still)
        for k in range(count):
            looked.look(dt * (frame + k), y, 0)
        frame, still = frame + count, count - 1
    gated.look(dt * (frame - 1), path[-1][0], still - 1)
    assert [(type(fact), fact.certain) for fact in looked.facts] == [(type(fact), fact.certain) for fact in gated.facts]
    assert [fact.time_s for fact in looked.facts] == pytest.approx([fact.time_s for fact in gated.facts], abs=1e-6)
    dwells = [[fact.dwell_s for fact in one.facts if isinstance(fact, Left)] for one in (looked, gated)]
    assert dwells[0] == pytest.approx(dwells[1], abs=1e-6)


def bounce(t: float, period_s: float, phase: float) -> float:
    """Up and down between 0.3 and 0.7."""
    return 0.3 + 0.8 * abs((t / period_s + phase) % 1 - 0.5)


@given(st.floats(6, 30), st.floats(0, 1), st.lists(st.floats(0.02, 0.5), min_size=250, max_size=250))
def test_the_same_walk_gives_the_same_crossings_at_any_rate(
    period_s: float, phase: float, irregular: list[float]
) -> None:
    found = []
    for dts in (itertools.repeat(1 / 25), itertools.repeat(1 / 5), itertools.repeat(1 / 2), irregular):
        times = list(itertools.takewhile(lambda t: t < 60, itertools.accumulate(dts, initial=0.0)))
        found.append((times[-1], walk(camera(GATE, YARD), [(t, 0.5, bounce(t, period_s, phase)) for t in times])))
    until = min(end for end, _ in found) - 1
    first, *others = [[fact for fact in facts if 1 < fact.time_s < until] for _, facts in found]
    for other in others:
        assert [type(fact) for fact in first] == [type(fact) for fact in other]
        assert [fact.time_s for fact in first] == pytest.approx([fact.time_s for fact in other], abs=1e-6)


# Zones


def test_entering_and_leaving_have_the_same_hysteresis_and_dwell_is_from_border_to_border() -> None:
    path = [0.3, 0.45, 0.51, 0.49, 0.55, *[0.7] * 20, 0.55, 0.49, 0.51, 0.45, 0.3]
    entered, left = walk(camera(zone=YARD), down(path))
    assert isinstance(entered, Entered)
    assert isinstance(left, Left)
    assert (entered.certain, entered.began_inside, left.certain, left.ended_inside) == (True, False, True, False)
    assert entered.time_s == pytest.approx(0.3 + 0.1 / 6)
    assert left.dwell_s == pytest.approx(left.time_s - entered.time_s)


def test_dwell_is_time_looked_at() -> None:
    zones = camera(zone=YARD)
    walk(zones, down([0.3, 0.7]))
    zones.update(look(100.1, seen(0.5, 0.7), looked_s=11.1))
    (left,) = zones.update(look(100.2, seen(0.5, 0.3), looked_s=11.2))
    assert isinstance(left, Left)
    assert left.dwell_s == pytest.approx(11.1)


def test_occupancy_is_the_tracks_that_are_settled_inside_also_while_they_are_not_found() -> None:
    zones = camera(zone=YARD)
    zones.update(look(0, seen(0.4, 0.3, 1), seen(0.6, 0.7, 2, "car")))
    zones.update(look(0.5, seen(0.4, 0.7, 1)))
    assert zones.now() == {"yard": {"person": 1, "car": 1}}
    zones.update(look(1))
    assert zones.now() == {"yard": {"person": 1, "car": 1}}


def test_a_track_that_begins_inside_entered_but_not_for_certain() -> None:
    (entered,) = walk(camera(zone=YARD), down([0.7, 0.7]))
    assert isinstance(entered, Entered)
    assert (entered.began_inside, entered.certain) == (True, False)


def test_a_track_that_begins_inside_at_the_edge_of_the_picture_came_in_from_outside() -> None:
    zones = camera(zone=ZoneSettings(points=((0, 0.5), (1, 0.5), (1, 1), (0, 1))))
    (entered,) = zones.update(look(0, Seen(1, "person", (0.0, 0.5, 0.1, 0.8), 0.9)))
    assert entered.certain


@pytest.mark.parametrize(("reason", "certain"), [("left", True), ("lost", False), ("stream-ended", False)])
def test_who_is_lost_inside_has_not_left_for_certain_and_dwell_ends_when_last_seen(
    reason: TrackEnd, certain: bool
) -> None:
    zones = camera(zone=YARD)
    walk(zones, down([0.3, 0.7, 0.7, 0.7]))
    (left,) = zones.update(look(9, ended={1: reason}))
    assert isinstance(left, Left)
    assert (left.certain, left.ended_inside) == (certain, True)
    assert left.dwell_s == pytest.approx(0.25)
    assert zones.now() == {"yard": {}}


def test_a_visit_between_two_looks_counts() -> None:
    entered, left = walk(camera(zone=YARD), [(0, 0.1, 0.7), (1, 0.9, 0.7)])
    assert isinstance(left, Left)
    assert [entered.time_s, left.dwell_s] == pytest.approx([0.125, 0.75])


moves = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=25)


@given(moves, st.floats(0.02, 0.6), st.sampled_from([YARD, msgspec.structs.replace(YARD, points=YARD.points[::-1])]))
def test_in_less_out_is_the_change_of_occupancy_for_who_begins_and_ends_outside(
    path: list[tuple[float, float]], dt: float, zone: ZoneSettings
) -> None:
    zones = camera(zone=zone)
    steps = [(dt * k, x, y) for k, (x, y) in enumerate([(0.5, 0.1), *path])]
    inside = 0
    for step in steps:
        for fact in walk(zones, [step]):
            inside += 1 if isinstance(fact, Entered) else -1
            assert fact.certain
        assert zones.now()["yard"].total() == inside
    walk(zones, [(steps[-1][0] + dt, 0.5, 0.1)])
    assert zones.now()["yard"].total() == 0


@given(moves, st.integers(0, 25))
def test_state_that_was_written_and_read_goes_on_alike(path: list[tuple[float, float]], at: int) -> None:
    steps = [(0.2 * k, x, y) for k, (x, y) in enumerate(path)]
    settings = CameraZonesSettings(zones={"yard": YARD}, lines={"gate": GATE})
    whole = walk(CameraZones(settings), steps)
    first = CameraZones(settings)
    facts = walk(first, steps[:at])
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(first.state), type=CameraZonesState)
    assert facts + walk(CameraZones(settings, state), steps[at:]) == whole


def test_a_track_ends_when_it_was_not_found_for_two_seconds_looked_at_and_five_looks() -> None:
    zones = camera(zone=YARD)
    walk(zones, down([0.3, 0.7]))
    assert [zones.update(look(0.1 + 0.3 * k)) for k in range(1, 7)] == [[]] * 6
    (left,) = zones.update(look(2.2))
    assert isinstance(left, Left)
    assert left.ended_inside
    walk(zones, [(10, 0.5, 0.3), (10.1, 0.5, 0.7)], number=2)
    assert [zones.update(look(10.1 + k)) for k in range(1, 5)] == [[]] * 4
    assert len(zones.update(look(15.1))) == 1


def test_time_in_which_nothing_moved_ends_no_track() -> None:
    zones, covered = camera(zone=YARD), CoveredTime()
    zones.update(Look(covered.look(0, {}), ASPECT, [seen(0.5, 0.7)]))
    for k in range(1, 10):
        assert zones.update(Look(covered.look(10 * k, {"still": 99}), ASPECT, rest=covered.rest)) == []


def test_the_class_is_the_one_with_the_most_confidence() -> None:
    zones = camera(GATE)
    for t, name, sure in ((0, "car", 0.9), (1, "person", 0.3), (2, "person", 0.3)):
        zones.update(look(t, seen(0.5, 0.3, name=name, sure=sure)))
    (crossed,) = zones.update(look(3, seen(0.5, 0.7, name="person", sure=0.2)))
    assert crossed.class_name == "car"


def test_detections_of_results_are_taken_as_they_are() -> None:
    found = Detection(xyxy=(160, 90, 320, 450), confidence=0.9, class_id=0, class_name="person", tracker_id=7)
    assert Seen.of(found, (1600, 900)) == Seen(7, "person", (0.1, 0.1, 0.2, 0.5), 0.9)
    assert Seen.of(msgspec.structs.replace(found, tracker_id=None), (1600, 900)) is None
    confirmed = Seen.of(found, (1600, 900), Begun((0.16, 0.1, 0.32, 0.5), 2))
    assert confirmed
    assert confirmed.first == pytest.approx((0.09, 0.1, 0.18, 0.5))


# Filters, ignored areas, numbers that change


def test_a_zone_waits_until_the_filter_lets_a_track_through_and_keeps_it_then() -> None:
    zones = camera(zone=msgspec.structs.replace(YARD, filter=FilterSettings(confidence=0.5)))
    confidences = [0.3, 0.3, 0.3, 0.8, 0.8, 0.8, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1]
    facts = [zones.update(look(t, seen(0.5, 0.7 if t else 0.3, sure=sure))) for t, sure in enumerate(confidences)]
    assert [len(some) for some in facts] == [0, 0, 0, 0, 0, 0, 1, *[0] * 5]
    assert facts[6][0].time_s == pytest.approx(0.5)
    assert zones.now() == {"yard": {"person": 1}}


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [
        (FilterSettings(), True),
        (FilterSettings(classes=("car",)), False),
        (FilterSettings(classes=("car", "person")), True),
        (FilterSettings(min_size=0.25), False),
        (FilterSettings(max_size=0.15), False),
        (FilterSettings(confidence=0.95), False),
    ],
)
def test_filters_of_lines(wanted: FilterSettings, counts: bool) -> None:
    assert len(walk(camera(msgspec.structs.replace(GATE, filter=wanted)), down([0.3, 0.7]))) == counts


@pytest.mark.parametrize(("where", "y"), [("bottom", 0.55), ("center", 0.65), ("top", 0.75)])
def test_the_anchor_is_the_bottom_centre_unless_configured(where: str, y: float) -> None:
    line = msgspec.convert({"points": GATE.points, "anchor": where}, LineSettings)
    assert len(walk(camera(line), down([0.3, y]))) == 1
    assert walk(camera(line), down([0.3, y - 0.08])) == []


def test_a_track_that_begins_in_an_ignored_area_is_ignored_for_good() -> None:
    post = (IgnoreSettings(points=((0.4, 0.2), (0.6, 0.2), (0.6, 0.4), (0.4, 0.4)), classes=("person",)),)
    zones = camera(GATE, ignore=post)
    assert walk(zones, down([0.3, 0.7])) == []
    assert len(walk(zones, [(1, 0.3, 0.3), (2, 0.3, 0.7)], number=2)) == 1
    facts = [zones.update(look(t, seen(0.5, y, 3, "car"))) for t, y in ((3, 0.3), (4, 0.7))]
    assert len(facts[1]) == 1
    zones.update(look(9, ended={1: "lost"}))
    assert 1 not in zones.state.tracks


def test_a_track_under_another_number_counts_nothing_twice() -> None:
    zones = camera(GATE, YARD)
    walk(zones, down([0.3, 0.45]))
    zones.update(look(0.5, seen(0.5, 0.7, 2)))
    zones.rename(1, 2)
    assert zones.tracks[2].seen.tracker_id == 2
    facts = zones.update(look(0.6, seen(0.5, 0.7, 2), ended={1: "lost"}))
    assert [(type(fact), fact.tracker_id, fact.certain) for fact in facts] == [(Crossed, 2, True), (Entered, 2, True)]
    assert zones.now() == {"yard": {"person": 1}}


def test_a_crossing_that_nobody_saw_makes_the_next_one_no_less_certain() -> None:
    zones, facts = camera(GATE), list[Fact]()
    for time_s, y, looked_s in ((0.0, 0.3, 0.0), (5.0, 0.7, 1.0), (5.1, 0.7, 1.1), (5.2, 0.3, 1.2)):
        facts += zones.update(look(time_s, seen(0.5, y), looked_s=looked_s))
    assert [fact.certain for fact in facts] == [False, True]


def test_who_has_left_before_the_filter_lets_it_through_has_not_been_in() -> None:
    zones = camera(zone=msgspec.structs.replace(YARD, filter=FilterSettings(confidence=0.5)))
    steps = [(0.3, 0.2), (0.7, 0.2), (0.3, 0.9), (0.3, 0.9), (0.3, 0.9)]
    assert [zones.update(look(0.1 * k, seen(0.5, y, sure=sure))) for k, (y, sure) in enumerate(steps)] == [[]] * 5
    assert zones.now() == {"yard": {}}


def test_who_is_missed_by_every_second_look_goes_on() -> None:
    zones = camera(zone=YARD)
    facts = [fact for k in range(20) for fact in zones.update(look(0.5 * k, *[seen(0.5, 0.7)][k % 2 :]))]
    assert [type(fact) for fact in facts] == [Entered]


def test_a_path_begins_where_the_track_was_first_seen_before_it_was_confirmed() -> None:
    for ago, crossed_s in ((1, 0.75), (2, 0.5)):
        zones = camera(GATE, YARD)
        for time_s in (0.0, 0.5):
            zones.update(look(time_s))
        facts = zones.update(look(1.0, seen(0.5, 0.7)._replace(began=Begun(seen(0.5, 0.3).box, ago))))
        assert [(type(fact), fact.certain) for fact in facts] == [(Crossed, True), (Entered, True)]
        assert [fact.time_s for fact in facts] == pytest.approx([crossed_s] * 2)


def test_who_is_half_hidden_under_another_number_counts_once() -> None:
    zones = camera(GATE, YARD)
    walk(zones, down([0.35, 0.4, 0.45]))
    facts = walk_halved(zones, [(0.3, 0.5, 0.48), (0.4, 0.5, 0.6)])
    assert [(type(fact), fact.tracker_id) for fact in facts] == [(Crossed, 2), (Entered, 2)]
    assert zones.update(look(0.5, seen(0.5, 0.65))) == []
    assert zones.renamed == [(2, 1)]
    assert zones.now() == {"yard": {"person": 1}}
    assert zones.state.tracks[1].first.time_s == 0.0
    assert directions(walk(zones, [(0.6, 0.5, 0.4)])) == ["out"]


def test_who_crosses_unseen_between_two_numbers_counts_once() -> None:
    zones = camera(GATE, YARD)
    walk(zones, down([0.35, 0.4, 0.45]))
    facts = walk_halved(zones, [(0.3, 0.5, 0.56), (0.4, 0.5, 0.6)])
    facts += zones.update(look(0.5, seen(0.5, 0.65)))
    facts += zones.update(look(0.6, seen(0.5, 0.7)))
    assert [(fact.direction, fact.tracker_id) for fact in facts if isinstance(fact, Crossed)] == [("in", 1)]
    assert zones.now() == {"yard": {"person": 1}}
    assert [type(fact) for fact in walk(zones, [(0.7, 0.5, 0.3)])] == [Crossed, Left]
    assert zones.now() == {"yard": {}}


def test_who_was_there_before_the_other_was_lost_is_another() -> None:
    zones = camera(GATE)
    zones.update(look(0.0, seen(0.5, 0.4), seen(0.52, 0.4, 2)))
    facts = zones.update(look(0.1, seen(0.52, 0.6, 2))) + zones.update(look(0.2, seen(0.52, 0.6)))
    assert directions(facts) == ["in", "in"]


def walk_halved(zones: CameraZones, steps: Iterable[Step]) -> list[Fact]:
    """Walk as number 2, of whom less than half is seen."""
    return [fact for t, x, y in steps for fact in zones.update(look(t, seen(x, y, 2, size=0.09)))]


def test_blind_time_that_was_reported_is_not_taken_back() -> None:
    covered = CoveredTime()
    covered.look(0.0, {})
    covered.until(10.0)
    assert covered.blind_s("interval") == {"no-frames": 9.0}
    covered.look(11.0, {"late": 1, "still": 10})
    assert covered.blind_s("interval") == {"no-frames": 9.0}


Looks = list[tuple[float, list[Seen]]]


@pytest.mark.parametrize(
    ("looks", "renamed"),
    [
        ([(0.1, []), (0.2, [seen(0.5, 0.3, 2)])], [(1, 2)]),
        ([(4.9, [seen(0.5, 0.3, 2)])], [(1, 2)]),
        ([(5.1, [seen(0.5, 0.3, 2)])], []),
        ([(0.1, [seen(0.5, 0.3), seen(0.52, 0.3, 2)]), (0.2, []), (0.3, [seen(0.51, 0.3, 3)])], []),
        ([(0.1, [seen(0.96, 0.3, 2)]), (0.2, []), (0.3, [seen(0.96, 0.3, 3)])], []),
        ([(0.1, [seen(0.9, 0.3, 2)]), (0.2, [seen(0.9, 0.3, 2)]), (0.3, [seen(0.5, 0.3)])], []),
    ],
    ids=(
        "one who is back at once",
        "one who was hidden for long",
        "too late",
        "one of two",
        "over the edge",
        "the other was elsewhere",
    ),
)
def test_another_number_goes_on_with_a_track_where_it_can_only_be_that_one(
    looks: Looks, renamed: list[tuple[int, int]]
) -> None:
    zones = camera(GATE)
    for time_s, found in [(0.0, [seen(0.5, 0.3)]), *looks]:
        zones.update(look(time_s, *found))
    assert zones.renamed == renamed
    assert all(number == track.seen.tracker_id for number, track in zones.tracks.items())


def test_a_new_track_continues_the_one_that_was_lost_at_the_line() -> None:
    zones = camera(GATE, YARD)
    walk(zones, down([0.3, 0.45]))
    facts = zones.update(look(0.4, seen(0.5, 0.53, 2)))
    assert [(type(fact), fact.tracker_id, fact.certain) for fact in facts] == [(Crossed, 2, True), (Entered, 2, True)]
    assert zones.update(look(3, seen(0.5, 0.53, 2), ended={1: "lost"})) == []


def hidden(zones: CameraZones, until_s: float, reason: TrackEnd = "lost") -> list[Fact]:
    """Let number 1 walk down to the line at 0.05 a second, and be hidden there; its track ends after two seconds."""
    facts = walk(zones, down([0.35, 0.4, 0.45], dt=1.0))
    facts += zones.update(look(4.0, ended={1: reason}))
    assert 1 not in zones.tracks
    return facts + zones.update(look(until_s, seen(0.5, 0.45 + 0.05 * (until_s - 2.0), 2)))


def test_who_crosses_while_hidden_for_so_long_that_the_track_has_ended_counts_once() -> None:
    zones = camera(GATE, YARD)
    crossed, entered = hidden(zones, 6.0)
    assert isinstance(crossed, Crossed)
    assert (crossed.direction, crossed.tracker_id, crossed.certain) == ("in", 2, True)
    assert crossed.time_s == pytest.approx(3.0)
    assert isinstance(entered, Entered)
    assert not entered.certain  # who was in the zone before had left it
    assert zones.renamed == []
    assert directions(walk(zones, [(6.1, 0.5, 0.55), (6.2, 0.5, 0.4)], 2)) == ["out"]


@pytest.mark.parametrize("until_s", [6.0, 7.1])
@pytest.mark.parametrize("reason", ["lost", "left"])
def test_nobody_goes_on_with_a_track_that_left_or_was_lost_too_long_ago(until_s: float, reason: TrackEnd) -> None:
    zones = camera(GATE)
    counts = ["in"] if (until_s, reason) == (6.0, "lost") else []
    assert directions(hidden(zones, until_s, reason)) == counts
    assert directions(walk(zones, [(until_s + 0.1, 0.5, 0.8)], 2)) == []


def test_a_track_that_is_remembered_is_part_of_the_state_until_lines_change() -> None:
    other = LineSettings(points=((0.1, 0.5), (0.9, 0.5)))
    for gate, counts in ((GATE, ["in"]), (other, [])):
        zones = camera(GATE)
        walk(zones, down([0.35, 0.4, 0.45], dt=1.0))
        zones.update(look(4.0, ended={1: "lost"}))
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(zones.state), type=CameraZonesState)
        after = CameraZones(CameraZonesSettings(lines={"gate": gate}), state)
        assert directions(after.update(look(6.0, seen(0.5, 0.65, 2)))) == counts


def test_a_crossing_that_was_uncertain_when_its_track_ended_is_not_counted_again() -> None:
    zones = camera(GATE)
    walk(zones, down([0.4, 0.45, 0.505], dt=1.0))
    (uncertain,) = zones.update(look(4.0, ended={1: "lost"}))
    assert isinstance(uncertain, Crossed)
    assert not uncertain.certain
    assert directions(zones.update(look(4.5, seen(0.5, 0.6, 2)))) == []


@pytest.mark.parametrize(
    "others",
    [
        [seen(0.5, 0.53, 2, name="car")],  # another class
        [seen(0.5, 0.7, 2, size=0.4)],  # much larger
        [seen(0.9, 0.53, 2)],  # too far away
        [seen(0.5, 0.53, 2), seen(0.51, 0.53, 3)],  # which of the two?
        [seen(0.5, 0.53, 2), seen(0.5, 0.45, 1)],  # it was not lost
    ],
)
def test_what_cannot_be_the_same_or_may_be_another_one_is_not_joined(others: list[Seen]) -> None:
    zones = camera(GATE)
    walk(zones, down([0.3, 0.45]))
    assert not any(fact.certain for fact in zones.update(look(0.4, *others)))
    assert 1 in zones.tracks


def test_a_zone_that_moved_keeps_who_is_still_inside_and_counts_nobody_for_certain() -> None:
    before = camera(GATE, YARD)
    before.update(look(0, seen(0.3, 0.7, 1), seen(0.7, 0.7, 2)))
    half = msgspec.structs.replace(YARD, points=((0.5, 0.5), (0.8, 0.5), (0.8, 0.9), (0.5, 0.9)))
    moved = LineSettings(points=((0.2, 0.8), (0.8, 0.8)))
    after = CameraZones(CameraZonesSettings(zones={"yard": half}, lines={"gate": moved}), before.state)
    assert after.changed
    (left,) = after.update(look(10, seen(0.3, 0.7, 1), seen(0.7, 0.7, 2)))
    assert isinstance(left, Left)
    assert (left.tracker_id, left.certain) == (1, False)
    (left,) = after.update(look(20, seen(0.7, 0.3, 2)))
    assert isinstance(left, Left)
    assert left.certain
    assert left.dwell_s == pytest.approx(15)


def test_a_zone_that_is_new_or_gone_leaves_the_others_as_they_were() -> None:
    before = camera(GATE)
    walk(before, down([0.3, 0.45]))
    after = CameraZones(CameraZonesSettings(lines={"gate": GATE}, zones={"yard": YARD}), before.state)
    crossed, entered = walk(after, [(0.5, 0.5, 0.7)])
    assert (crossed.certain, entered.certain) == (True, False)
