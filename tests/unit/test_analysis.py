"""From results to numbers of tracks, messages about tracks, counts and events; and the state that survives a death."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.analytics.analysis import Analysis, AnalysisState, Clock
from edge_daemon.analytics.confirmations import Answer, Confirmations
from edge_daemon.analytics.histories import MOST_POINTS
from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.findings import Detection, PictureClass
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import Result
from edge_daemon.messages.topics import Analytics
from edge_daemon.messages.tracks import Track
from edge_daemon.rules.rule import Question
from edge_daemon.rules.stream import Switches
from edge_daemon.settings import (
    AnalysisSettings,
    CameraZonesSettings,
    ConfirmSettings,
    Crosses,
    Enters,
    HasState,
    IgnoreSettings,
    LineSettings,
    RuleSettings,
    StreamRulesSettings,
    ZoneSettings,
)

START_S = datetime(2026, 11, 28, 22, 0, tzinfo=UTC).timestamp()
WIDTH, HEIGHT = 1600, 900
PLACES = CameraZonesSettings(
    zones={"right": ZoneSettings(points=((0.5, 0.0), (0.95, 0.0), (0.95, 1.0), (0.5, 1.0)))},
    lines={"gate": LineSettings(points=((0.5, 1.0), (0.5, 0.0)))},
)
RULES = StreamRulesSettings(
    zones=PLACES,
    rules={
        "enters": RuleSettings(condition=Enters(zone="right"), cooldown_s=1),
        "crosses": RuleSettings(condition=Crosses(line="gate", direction="in"), per="track"),
        "offline": RuleSettings(condition=HasState(of="camera", states=("down",), for_s=60)),
    },
)


def settings(rules: StreamRulesSettings = RULES, **more: Any) -> AnalysisSettings:
    return AnalysisSettings(camera="yard", model="objects", box="box", rules=rules, **more)


def person(x: float, y: float = 0.6, confidence: float = 0.9) -> Detection:
    """A person whose feet are at `x`, `y` (shares of the picture)."""
    left, bottom = x * WIDTH - 40, y * HEIGHT
    xyxy = (left, bottom - 200, left + 80, bottom)
    return Detection(xyxy=xyxy, confidence=confidence, class_id=0, class_name="person")


def result(seq: int, *found: Detection, step_s: float = 0.2, **more: Any) -> Result:
    time_s = seq * step_s
    at = datetime.fromtimestamp(START_S + time_s, UTC)
    unsure = [one for one in found if one.confidence < 0.4]
    return Result(
        camera="yard",
        model=more.pop("model", "objects"),
        epoch=1,
        seq=seq,
        captured_at=f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
        time_s=time_s,
        width=WIDTH,
        height=HEIGHT,
        detections=[one for one in found if one.confidence >= 0.4],
        unsure=unsure or msgspec.UNSET,
        dropped=more.pop("dropped", {}),
        timing_ms=Timing(),
        worker="objects-0",
        **more,
    )


def walk(analysis: Analysis, xs: list[float], first: int = 0) -> list[Analytics]:
    return [message for seq, x in enumerate(xs, first) for message in analysis.look(result(seq, person(x)))]


def path(start: float, end: float, steps: int) -> list[float]:
    return [start + (end - start) * step / (steps - 1) for step in range(steps)]


def clock(seconds: float, **more: Any) -> Clock:
    return Clock(seconds, START_S + seconds, **more)


def of(kind: type, messages: list[Analytics]) -> list[Any]:
    return [message for message in messages if isinstance(message, kind)]


def test_a_walk_gives_a_number_messages_of_the_track_counts_and_events() -> None:
    analysis = Analysis(settings())
    results = [result(seq, person(x)) for seq, x in enumerate(path(0.2, 0.7, 21))]
    messages = [message for one in results for message in analysis.look(one)]
    assert [one.detections[0].tracker_id for one in results] == [None] + [1] * 20
    tracks = of(Track, messages)
    assert [one.phase for one in tracks] == ["start", *["update"] * 3]
    assert (tracks[0].first_at, tracks[0].looks) == ("2026-11-28T22:00:00.000000Z", 2)
    assert [point[0] for point in tracks[0].path] == [0.0, 0.2], "it begins where it was found first"
    events = of(Event, messages)
    assert [(one.rule, one.phase) for one in events if one.phase == "start"] == [
        ("enters", "start"),
        ("crosses", "start"),
    ]
    assert {one.tracks[0].tracker_id for one in events} == {1}
    last = analysis.end(clock(5.0))
    (ended,) = of(Track, last)
    assert (ended.phase, ended.reason, ended.zones, ended.looks) == ("end", "stream-ended", ["right"], 21)
    assert (ended.path[0][1], ended.path[-1][1]) == (0.2, 0.7)
    assert {one.reason for one in of(Event, last)} == {"stream-ended"}
    (counts,) = of(CountsReport, last)
    assert counts.lines["gate"]["person"].in_ == 1
    assert (counts.zones["right"]["person"].entered, counts.zones["right"]["person"].now) == (1, 1)


def test_one_who_leaves_the_picture_and_one_who_is_lost_end() -> None:
    for start, end, reason in ((0.5, 0.985, "left"), (0.2, 0.4, "lost")):
        analysis = Analysis(settings())
        walk(analysis, path(start, end, 11))
        messages = [message for seq in range(11, 40) for message in analysis.look(result(seq))]
        (ended,) = of(Track, messages)
        assert (ended.phase, ended.reason) == ("end", reason)


def test_unsure_detections_keep_a_track_and_have_its_number() -> None:
    analysis = Analysis(settings())
    walk(analysis, path(0.2, 0.25, 5))
    faint = result(5, person(0.26, confidence=0.2))
    analysis.look(faint)
    assert faint.detections == []
    assert faint.unsure
    assert faint.unsure[0].tracker_id == 1


def test_those_who_begin_in_an_ignored_area_have_no_number() -> None:
    area = IgnoreSettings(points=((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0)))
    places = CameraZonesSettings(zones=PLACES.zones, lines=PLACES.lines, ignore=(area,))
    analysis = Analysis(settings(StreamRulesSettings(zones=places, rules=RULES.rules)))
    post = [result(seq, person(0.1), person(0.6)) for seq in range(10)]
    messages = [message for one in post for message in analysis.look(one)]
    assert [one.tracker_id for one in post[-1].detections] == [None, 2]
    assert {one.tracker_id for one in of(Track, messages)} == {2}


def test_the_end_of_one_track_and_the_start_of_the_next_one_are_one_object() -> None:
    analysis = Analysis(settings())
    walk(analysis, path(0.2, 0.3, 11))
    hidden = [message for seq in (11, 12, 13) for message in analysis.look(result(seq))]
    jumped = [message for seq in range(14, 20) for message in analysis.look(result(seq, person(0.42, 0.62)))]
    renamed = [one for one in of(Track, [*hidden, *jumped]) if one.phase == "rename"]
    numbers = {one.tracker_id for one in of(Track, jumped) if one.phase != "rename"}
    if numbers == {1}:  # the tracker itself found it again
        assert not renamed
    else:
        assert [(one.tracker_id, one.into) for one in renamed] == [(1, 2)]
        (ended,) = of(Track, analysis.end(clock(4.0)))
        assert (ended.tracker_id, ended.path[0][1]) == (2, 0.2)


def test_a_camera_that_is_down_is_an_event_and_its_counts_are_blind() -> None:
    analysis = Analysis(settings())
    walk(analysis, path(0.1, 0.2, 6))
    down = Switches(states={"camera": frozenset({"down"})})
    messages: list[Analytics] = []
    for second in range(2, 400):
        messages += analysis.pass_time(clock(second, away_s=second - 1.0, outage="timeout"), switches=down)
    assert [(one.rule, one.phase) for one in of(Event, messages)] == [("offline", "start")]
    reports = of(CountsReport, messages)
    assert len(reports) == 6
    assert reports[2].blind == {"timeout": 60.0}
    assert reports[2].duration_s == 60.0


def test_a_result_that_was_taken_in_before_changes_nothing() -> None:
    analysis = Analysis(settings())
    walk(analysis, path(0.2, 0.7, 21))
    before = msgspec.msgpack.encode(analysis.state.rules)
    assert of(Event, walk(analysis, [0.3, 0.4], first=3)) == []
    assert msgspec.msgpack.encode(analysis.state.rules) == before


def test_another_model_confirms_or_refuses() -> None:
    confirm = ConfirmSettings(model="is-person", classes=("yes",), within_s=2.0)
    rules = StreamRulesSettings(
        zones=PLACES, rules={"visitor": RuleSettings(condition=Enters(zone="right"), confirm=confirm)}
    )
    for name, starts in (("yes", [True]), ("no", []), (None, [None])):
        analysis = Analysis(settings(rules))
        messages = walk(analysis, path(0.2, 0.7, 21))
        assert of(Event, messages) == []
        if name:
            looked = msgspec.structs.replace(
                person(0.7), parent=0, classes=[PictureClass(class_id=0, class_name=name, confidence=0.9)]
            )
            second = result(20, looked, model="is-person", after="objects")
            messages = analysis.follow(second)
            assert second.detections[0].tracker_id == 1
        messages += walk(analysis, path(0.7, 0.71, 15), first=21)
        assert [one.confirmed for one in of(Event, messages) if one.phase == "start"] == starts


def test_all_tracks_have_to_be_refused_and_only_the_model_that_is_asked_answers() -> None:
    confirmations = Confirmations()
    confirmations.ask(Question("event", "rule", "is-person", (1, 2), 0.0, None))
    both = [msgspec.structs.replace(person(0.2 * number), tracker_id=number) for number in (1, 2)]
    confirmations.look(result(0, *both))

    def answers(model: str, parent: int, name: str) -> list[Answer]:
        classes = [PictureClass(class_id=0, class_name=name, confidence=0.9)]
        found = msgspec.structs.replace(person(0.2), parent=parent, classes=classes)
        second = result(0, found, model=model, after="objects")
        confirmations.number(second)
        return list(confirmations.answers(second))

    assert answers("another", 0, "person") == []
    assert answers("is-person", 0, "post") == []
    assert answers("is-person", 1, "post") == [Answer("event", confirmed=False)]
    assert answers("is-person", 0, "person") == [], "it is answered"


def test_a_path_is_thinned_out_and_continued() -> None:
    analysis = Analysis(settings())
    messages = walk(analysis, [0.3 + 0.02 * (seq % 2) for seq in range(300)])
    (ended,) = of(Track, analysis.end(clock(60.0)))
    assert len(ended.path) <= MOST_POINTS + 1
    assert [point[0] for point in ended.path] == sorted(point[0] for point in ended.path)
    sent = [point for one in of(Track, messages) for point in one.path]
    assert [point[0] for point in sent] == sorted(point[0] for point in sent), "no part of it is sent twice"


def test_without_tracks_rules_are_about_the_camera_alone() -> None:
    offline = StreamRulesSettings(track=False, rules={"offline": RULES.rules["offline"]})
    analysis = Analysis(settings(offline))
    assert walk(analysis, path(0.2, 0.7, 21)) == []
    down = Switches(states={"camera": frozenset({"down"})})
    messages = [
        m for s in range(5, 90) for m in analysis.pass_time(clock(s, away_s=s - 4.0, outage="refused"), switches=down)
    ]
    assert [(type(one), one.phase) for one in of(Event, messages)] == [(Event, "start")]


walkers = st.lists(
    st.tuples(
        st.floats(0.05, 0.95), st.floats(0.4, 0.9), st.floats(-0.03, 0.03), st.integers(0, 15), st.integers(5, 40)
    ),
    min_size=1,
    max_size=4,
)


@given(walkers=walkers, cut=st.integers(0, 40), gaps=st.sets(st.integers(0, 40), max_size=10))
def test_another_analysis_goes_on_from_the_state_as_if_nothing_had_happened(
    walkers: list[tuple[float, float, float, int, int]], cut: int, gaps: set[int]
) -> None:
    def look(seq: int) -> Result:
        found = [
            person(x + speed * (seq - begin), y)
            for x, y, speed, begin, length in walkers
            if begin <= seq < begin + length and 0 < x + speed * (seq - begin) < 1
        ]
        return result(seq, *found, dropped={"late": 1} if seq - 1 in gaps else {})

    undisturbed, disturbed = Analysis(settings()), Analysis(settings())
    for seq in range(41):
        if seq in gaps:
            continue
        if seq == cut:
            saved = msgspec.msgpack.encode(disturbed.state)
            disturbed = Analysis(settings(), msgspec.msgpack.decode(saved, type=AnalysisState))
        one, other = look(seq), look(seq)
        assert undisturbed.look(one) == disturbed.look(other)
        assert one == other
    assert undisturbed.end(clock(9.0)) == disturbed.end(clock(9.0))
