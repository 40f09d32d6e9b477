"""From tracks to events and counts of one camera and model, over epochs, outages, restarts and changed settings."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.rules.during import Place
from edge_daemon.rules.rule import Outcome, Scope
from edge_daemon.rules.stream import Stream, StreamState, Switches, Tracks
from edge_daemon.settings import (
    Absent,
    CameraZonesSettings,
    Count,
    Crosses,
    Enters,
    HasState,
    LineSettings,
    RuleSettings,
    Stays,
    StreamRulesSettings,
    ZoneSettings,
)
from edge_daemon.zones.look import Seen

BERLIN = ZoneInfo("Europe/Berlin")
SCOPE = Scope(box="yard-box", camera="yard", model="objects", place=Place(BERLIN))
START_S = datetime(2026, 11, 28, 22, 0, tzinfo=BERLIN).timestamp()
SETTINGS = StreamRulesSettings(
    zones=CameraZonesSettings(
        zones={"drive": ZoneSettings(points=((0.0, 0.5), (1.0, 0.5), (1.0, 0.95), (0.0, 0.95)))},
        lines={"gate": LineSettings(points=((0.0, 0.5), (1.0, 0.5)))},
    ),
    rules={
        "enters": RuleSettings(condition=Enters(zone="drive"), cooldown_s=1),
        "stays": RuleSettings(condition=Stays(zone="drive", for_s=2)),
        "many": RuleSettings(condition=Count(zone="drive", above=1, for_s=1)),
        "nobody": RuleSettings(condition=Absent(zone="drive", for_s=60)),
        "crosses": RuleSettings(condition=Crosses(line="gate", direction="in")),
        "offline": RuleSettings(condition=HasState(of="camera", states=("down",), for_s=60), linger_s=0),
    },
)


def tracks(seq: int, time_s: float, *ys: float | None, epoch: int = 1, wall_s: float | None = None) -> Tracks:
    """A look at tracks that stand beside one another."""
    seen = [
        Seen(number, "person", (number / 5 - 0.05, y - 0.2, number / 5 + 0.05, y), 0.9)
        for number, y in enumerate(ys, 1)
        if y is not None
    ]
    return Tracks(epoch, seq, time_s, START_S + (time_s if wall_s is None else wall_s), (1600, 900), seen)


def rules(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.rule, outcome.phase) for outcome in outcomes if isinstance(outcome, Event)]


def test_a_look_makes_facts_counts_and_events() -> None:
    stream = Stream(SCOPE, SETTINGS)
    assert stream.update(tracks(0, 0.0, 0.3)) == []
    assert rules(stream.update(tracks(1, 0.5, 0.7))) == [("enters", "start"), ("crosses", "start")]
    report = stream.report(5.0, START_S + 0.5, last=True)
    assert report is not None
    assert report.lines["gate"]["person"].in_ == 1
    assert report.zones["drive"]["person"].now == 1


def test_who_is_lost_at_the_edge_of_the_picture_has_left() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3, 0.3))
    stream.update(tracks(1, 0.5, 0.7, 0.7))
    edge = Seen(1, "person", (0.0, 0.5, 0.1, 0.7), 0.9)
    stream.update(tracks(2, 1.0)._replace(seen=[edge]))
    for seq in range(3, 8):
        stream.update(tracks(seq, 0.5 * seq))
    report = stream.report(0.0, START_S + 3, last=True)
    assert report is not None
    assert (report.zones["drive"]["person"].left, report.zones["drive"]["person"].uncertain) == (1, 1)
    assert report.zones["drive"]["person"].now == 0


def test_a_look_that_comes_twice_counts_once() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3))
    assert len(stream.update(tracks(1, 0.5, 0.7))) == 2
    assert stream.update(tracks(1, 0.5, 0.7)) == stream.update(tracks(0, 0.0, 0.3)) == []


def test_a_new_epoch_whose_first_look_is_late_goes_on_by_the_wall_clock() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(50, 100.0, 0.3, wall_s=0.0))
    stream.update(tracks(0, 4.0, 0.3, epoch=2, wall_s=30.0))
    assert (stream.instant.time_s, stream.offset_s) == (130.0, 126.0)


def test_camera_time_goes_on_in_a_new_epoch_and_what_was_missed_is_blind() -> None:
    stream = Stream(SCOPE, SETTINGS)
    assert stream.report(0.0, START_S) is None
    stream.update(tracks(50, 100.0, 0.3, wall_s=0.0))
    events = stream.update(tracks(0, 0.0, 0.7, epoch=2, wall_s=31.0))
    assert rules(events) == [("enters", "start")]  # a crossing that nobody saw is uncertain
    assert isinstance(events[0], Event)
    assert (events[0].epoch, events[0].time_s) == (2, 0.0)
    report = stream.report(60.0, START_S + 60.0, away_s=29.0)
    assert report is not None
    assert report.blind == pytest.approx({"no-frames": 30.0 + 28.0})
    assert report.lines["gate"]["person"].uncertain == 1


def test_counts_are_reported_while_the_camera_is_down_and_its_state_makes_an_event() -> None:
    stream = Stream(SCOPE, SETTINGS)
    assert stream.report(0.0, START_S) is None
    stream.update(tracks(0, 0.0))
    down = Switches(states={"camera": frozenset({"down"})})
    assert stream.pass_time(10, START_S + 10, down) == []
    reports = [stream.report(t, START_S + t, away_s=t, outage="down") for t in (59.0, 60.0, 120.0)]
    assert [report and report.blind for report in reports] == [None, {"down": 59.0}, {"down": 60.0}]
    assert rules(stream.pass_time(70, START_S + 70, down)) == [("offline", "start")]
    assert rules(stream.update(tracks(0, 0.0, epoch=2, wall_s=200.0))) == [("offline", "end")]
    assert rules(stream.update(tracks(1, 1.0, epoch=2, wall_s=201.0))) == []  # absent: two seconds were looked at


def test_counts_are_reset_at_local_midnight_and_the_report_says_since_when() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3))
    assert not stream.reset_if_due(START_S)
    stream.update(tracks(1, 0.5, 0.7))
    assert not stream.reset_if_due(START_S + 7199)
    assert stream.reset_if_due(START_S + 7200)
    assert not stream.reset_if_due(START_S + 7201)
    report = stream.report(0.0, START_S + 7260, last=True)
    assert report is not None
    assert (report.lines["gate"]["person"].in_since_reset, report.lines["gate"]["person"].in_total) == (0, 1)
    assert report.reset_at == "2026-11-28T23:00:00.000000Z"


def test_zones_that_moved_and_rules_that_changed_say_so() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3))
    stream.update(tracks(1, 0.5, 0.7))
    moved = msgspec.structs.replace(
        SETTINGS,
        zones=msgspec.structs.replace(SETTINGS.zones, lines={}),
        rules={name: rule for name, rule in SETTINGS.rules.items() if name != "crosses"},
    )
    stream = Stream(SCOPE, moved, stream.state)
    assert rules(stream.update(tracks(2, 1.0, 0.7))) == [("crosses", "end")]
    report = stream.report(0.0, START_S + 1, last=True)
    assert report is not None
    assert report.changed
    assert report.lines["gate"]["person"].in_total == 1


def test_at_the_end_all_events_end() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3))
    stream.update(tracks(1, 0.5, 0.7))
    assert [(event.rule, event.reason) for event in stream.close("source-ended")] == [
        ("enters", "source-ended"), ("crosses", "source-ended"),
    ]  # fmt: skip


scenes = st.lists(
    st.lists(st.sampled_from([None, 0.3, 0.48, 0.51, 0.7]), min_size=3, max_size=3), min_size=1, max_size=30
)


def play(stream: Stream, played: Sequence[Sequence[float | None]], begin: int = 0) -> list[Outcome | CountsReport]:
    found: list[Outcome | CountsReport] = []
    for seq, scene in enumerate(played, begin):
        found += stream.update(tracks(seq, 0.5 * seq, *scene))
        if report := stream.report(0.5 * seq, START_S + 0.5 * seq):
            found.append(report)
    return found


@given(scenes, st.integers(0, 30), st.integers(0, 5))
def test_a_restart_at_any_moment_and_looks_that_come_again_change_nothing(
    played: list[list[float | None]], at: int, again: int
) -> None:
    settings = msgspec.structs.replace(SETTINGS, every_s=4.0)
    expected = play(Stream(SCOPE, settings), played)
    first = Stream(SCOPE, settings)
    found = play(first, played[:at])
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(first.state), type=StreamState)
    begin = max(0, min(at, len(played)) - again)
    assert found + play(Stream(SCOPE, settings, state), played[begin:], begin) == expected


@given(scenes)
def test_the_state_is_small(played: list[list[float | None]]) -> None:
    stream = Stream(SCOPE, SETTINGS)
    play(stream, played)
    assert len(msgspec.msgpack.encode(stream.state)) < 64_000


MOVED = Switches(states={"scene": frozenset({"moved"})})


def test_zones_and_lines_rest_while_the_camera_is_moved() -> None:
    settings = msgspec.structs.replace(
        SETTINGS,
        rules=SETTINGS.rules
        | {"tampered": RuleSettings(condition=HasState(of="scene", states=("moved",)), linger_s=0)},
    )
    stream = Stream(SCOPE, settings)
    assert stream.report(0.0, START_S) is None
    for seq in range(5):
        stream.update(tracks(seq, 0.1 * seq, 0.3, 0.8))
    events = [stream.update(tracks(seq, 0.1 * seq, 0.9, 0.2), MOVED) for seq in range(5, 105)]
    assert rules(events[0]) == [("tampered", "start")]
    assert not any(phase == "start" for event in events[1:] for _, phase in rules(event)), (
        "they moved in the picture only"
    )
    back = [event for seq in range(105, 120) for event in stream.update(tracks(seq, 0.1 * seq, 0.3, 0.8))]
    assert ("tampered", "end") in rules(back)
    report = stream.report(60.0, START_S + 60.0, last=True)
    assert report is not None
    assert report.blind["moved"] == pytest.approx(10.0)
    assert report.lines == {}
    assert report.zones["drive"]["person"].now == 1
    assert (report.zones["drive"]["person"].entered, report.zones["drive"]["person"].left) == (0, 0)


def test_who_crosses_after_it_is_back_is_counted() -> None:
    stream = Stream(SCOPE, SETTINGS)
    stream.update(tracks(0, 0.0, 0.3))
    stream.update(tracks(1, 0.5, 0.9), MOVED)
    for seq, y in enumerate((0.3, 0.3, 0.4, 0.7, 0.7), 2):
        stream.update(tracks(seq, 0.5 * seq, y))
    report = stream.report(0.0, START_S + 5, last=True)
    assert report is not None
    assert report.lines["gate"]["person"].in_ == 1


def test_of_what_somebody_did_while_it_was_moved_nothing_is_counted() -> None:
    stream = Stream(SCOPE, SETTINGS)
    for seq in range(3):
        stream.update(tracks(seq, 0.5 * seq, 0.3))
    stream.update(tracks(3, 1.5, 0.9), MOVED)
    for seq in range(4, 8):
        stream.update(tracks(seq, 0.5 * seq, 0.8))
    report = stream.report(0.0, START_S + 5, last=True)
    assert report is not None
    assert report.lines == {}, "paths begin again"
