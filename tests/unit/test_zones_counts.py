"""Counts and the time that was looked at: what is counted, until when, and what nobody saw."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.counts import CountsReport, LineCounts, ZoneCounts
from edge_daemon.zones.counts import Counts, CountsState
from edge_daemon.zones.covered import NO_FRAMES, CoveredState, CoveredTime
from edge_daemon.zones.facts import Crossed, Direction, Entered, Left
from edge_daemon.zones.interval import Interval


def crossed(direction: Direction, name: str = "person", certain: bool = True) -> Crossed:
    return Crossed(line="gate", direction=direction, tracker_id=1, class_name=name, time_s=0, certain=certain)


def left(dwell_s: float, certain: bool = True) -> Left:
    return Left(zone="drive", tracker_id=1, class_name="person", time_s=0, dwell_s=dwell_s, certain=certain)


ENTERED = Entered(zone="drive", tracker_id=1, class_name="person", time_s=0)


def test_lines_count_by_class_and_direction_and_what_is_uncertain_apart() -> None:
    counts = Counts()
    counts.add([crossed("in"), crossed("in"), crossed("out", "car"), crossed("in", certain=False)])
    assert counts.lines()["gate"] == {
        "person": LineCounts(in_=2, in_since_reset=2, in_total=2, uncertain=1, uncertain_since_reset=1),
        "car": LineCounts(out=1, out_since_reset=1, out_total=1),
    }


def test_an_interval_a_reset_and_the_total_end_at_different_times() -> None:
    counts = Counts()
    counts.add([crossed("in")])
    counts.begin_interval()
    counts.add([crossed("in")])
    assert counts.lines()["gate"]["person"] == LineCounts(in_=1, in_since_reset=2, in_total=2)
    counts.reset()
    counts.begin_interval()
    counts.add([crossed("in")])
    assert counts.lines()["gate"]["person"] == LineCounts(in_=1, in_since_reset=1, in_total=3)


def test_a_line_that_was_not_crossed_lately_is_still_listed() -> None:
    counts = Counts()
    counts.add([crossed("out")])
    counts.begin_interval()
    counts.reset()
    assert counts.lines()["gate"]["person"] == LineCounts(out_total=1)


def test_zones_count_who_entered_and_left_and_how_long_the_visits_were() -> None:
    counts = Counts()
    counts.add([ENTERED, ENTERED, left(10.0), left(30.0)])
    assert counts.zones({"drive": {"person": 3}, "door": {"car": 1}}) == {
        "door": {"car": ZoneCounts(now=1)},
        "drive": {
            "person": ZoneCounts(
                now=3,
                entered=2,
                left=2,
                entered_since_reset=2,
                left_since_reset=2,
                entered_total=2,
                left_total=2,
                dwell_mean_s=20.0,
                dwell_max_s=30.0,
            )
        },
    }
    counts.begin_interval()
    assert counts.zones({})["drive"]["person"].dwell_mean_s is None


def test_the_fields_are_those_of_the_messages() -> None:
    assert list(msgspec.to_builtins(LineCounts()))[:7] == [
        "in", "out", "in_since_reset", "out_since_reset", "in_total", "out_total", "uncertain",
    ]  # fmt: skip


def test_the_report_has_the_field_names_of_the_messages() -> None:
    report = CountsReport(
        camera="yard", model="objects", from_="a", to="b", duration_s=60.0, blind_s=0.0, blind={}, blind_since_reset={},
        reset_at=None, changed=False, lines={}, zones={},
    )  # fmt: skip
    assert list(msgspec.to_builtins(report))[:6] == ["v", "type", "camera", "model", "from", "to"]


facts = st.lists(
    st.builds(crossed, st.sampled_from(["in", "out"]), st.sampled_from(["person", "car"]), st.booleans())
    | st.builds(left, st.floats(0, 1e4), st.booleans())
)


@given(facts, st.integers(0, 20))
def test_totals_are_the_sum_of_intervals_and_counts_go_on_from_their_state(
    happened: list[Crossed | Left], at: int
) -> None:
    whole, first = Counts(), Counts()
    whole.add(happened)
    first.add(happened[:at])
    earlier = first.lines()
    first.begin_interval()
    state = msgspec.json.decode(msgspec.json.encode(first.state), type=CountsState)
    second = Counts(state)
    second.add(happened[at:])
    for name, counts in whole.lines().get("gate", {}).items():
        after, before = second.lines()["gate"][name], earlier.get("gate", {}).get(name, LineCounts())
        assert (after.in_total, after.out_total) == (counts.in_total, counts.out_total)
        assert after.in_ + before.in_ == counts.in_
        assert after.uncertain + before.uncertain == counts.uncertain


# Time looked at


def test_a_short_time_between_two_looks_is_looked_at() -> None:
    covered = CoveredTime()
    assert [covered.look(t, {"paced": 3}).looked_s for t in (5.0, 5.2, 6.2)] == pytest.approx([0, 0.2, 1.2])
    assert covered.blind_s("interval") == {}


def test_a_longer_time_is_blind_for_the_reasons_in_the_account() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    assert covered.look(5, {"replaced": 60, "late": 20, "paced": 0}).looked_s == pytest.approx(1)
    assert covered.blind_s("interval") == pytest.approx({"replaced": 3.0, "late": 1.0})


def test_time_in_which_nothing_moved_is_looked_at() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    assert covered.look(10, {"still": 249}).looked_s == pytest.approx(10)


def test_a_rest_lasts_until_the_frame_in_which_something_moved() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    now = covered.look(10, {"still": 99})
    rest = covered.rest
    assert rest is not None
    assert list(rest.start) == [0, 0]
    assert list(rest.end) == pytest.approx([9.9, 9.9])
    assert now.looked_s == pytest.approx(10)
    covered.look(10.1, {})
    assert covered.rest is None


def test_a_camera_that_is_looked_at_every_five_seconds_is_not_blind() -> None:
    covered = CoveredTime(longest_s=10)
    covered.look(0, {})
    assert covered.look(5, {"paced": 100}).looked_s == pytest.approx(5)


def test_an_outage_is_blind_though_no_frame_is_missing() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    covered.look(301, {"still": 2}, outage="down")
    assert covered.blind_s("interval") == pytest.approx({"down": 300})
    covered.look(400, {})
    assert covered.blind_s("interval") == pytest.approx({"down": 300, NO_FRAMES: 98})


def test_counts_of_a_camera_that_is_down_say_so_in_each_interval() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    covered.until(60, outage="down")
    assert covered.blind_s("interval") == pytest.approx({"down": 59})
    covered.begin("interval")
    covered.until(120, outage="down")
    assert covered.blind_s("interval") == pytest.approx({"down": 60})
    covered.begin("interval")
    covered.look(150, {}, outage="down")
    assert covered.blind_s("interval") == pytest.approx({"down": 30})
    assert covered.blind_s("since_reset") == pytest.approx({"down": 149})
    covered.begin("since_reset")
    assert covered.blind_s("since_reset") == {}


def test_frames_are_accounted_for_before_the_next_look() -> None:
    covered = CoveredTime()
    covered.look(0, {})
    covered.note({"still": 149})
    covered.until(6)
    assert covered.blind_s("interval") == {}


steps = st.lists(
    st.tuples(
        st.floats(0, 20), st.dictionaries(st.sampled_from(["still", "paced", "late", "stale"]), st.integers(0, 50))
    ),
    max_size=12,
)


@given(steps, st.lists(st.floats(0, 20), max_size=12))
def test_time_is_either_looked_at_or_blind_wherever_intervals_end(
    looks: list[tuple[float, dict[str, int]]], ends: list[float]
) -> None:
    covered, now, blind = CoveredTime(), 0.0, 0.0
    instant = covered.look(0, {})
    for k, (dt, dropped) in enumerate(looks):
        covered.note(dropped)
        covered.until(now + min(dt, ends[k] if k < len(ends) else 0.0))
        blind += sum(covered.blind_s("interval").values())
        covered.begin("interval")
        state = msgspec.json.decode(msgspec.json.encode(covered.state), type=CoveredState)
        covered = CoveredTime(state=state)
        now += dt
        instant = covered.look(now, dropped)
    blind += sum(covered.blind_s("interval").values())
    assert instant.time_s == pytest.approx(now)
    assert blind <= now + 1e-9
    assert sum(covered.blind_s("since_reset").values()) == pytest.approx(blind)
    assert instant.looked_s + blind >= now - 1e-6


# Intervals


def test_the_first_interval_is_cut_so_that_the_next_ends_on_a_whole_multiple() -> None:
    interval = Interval.begin(60, monotonic_s=1000, wall_s=6045)
    assert not interval.is_over(1014.9, 6059.9)
    assert interval.is_over(1015.2, 6060.2)
    interval = interval.following(1015.2)
    assert (interval.start_s, interval.end_s) == (1015.2, 1075)


def test_a_clock_that_is_set_changes_where_intervals_end_and_one_that_drifts_does_not() -> None:
    interval = Interval.begin(60, monotonic_s=1000, wall_s=6000)
    assert not interval.is_over(1030, 6030.9)
    assert interval.end_s == 1060
    assert not interval.is_over(1030, 9 * 3600 + 20)
    assert interval.end_s == 1070


@given(st.floats(0, 1e6), st.floats(1e9, 2e9), st.lists(st.floats(0.01, 300), max_size=30))
def test_intervals_follow_one_another_and_end_on_multiples(now: float, wall: float, steps: list[float]) -> None:
    interval = Interval.begin(60, now, wall)
    for step in steps:
        now, wall = now + step, wall + step
        if interval.is_over(now, wall):
            interval = interval.following(now)
            assert interval.start_s == now < interval.end_s <= now + 60
        assert (interval.end_s + wall - now) % 60 == pytest.approx(0, abs=1e-3) or (
            interval.end_s + wall - now
        ) % 60 == pytest.approx(60, abs=1e-3)
