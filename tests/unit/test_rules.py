"""Rules, by their definitions: when an event begins, what belongs to it, when it ends, and why."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.events import Event
from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.rules.rule import Outcome, Question
from edge_daemon.rules.rules import Rules, RulesState
from edge_daemon.settings import (
    Absent,
    Appears,
    ConfirmSettings,
    Count,
    Covers,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    Leaves,
    RuleSettings,
    Stays,
    Taken,
    Then,
)
from tests.unit.yard import INSIDE, OUTSIDE, SCOPE, ZONES, Yard, only, phases, seen

ENTERS = RuleSettings(condition=Enters(zone="drive"), filter=FilterSettings(classes=("person",)))


def test_an_event_says_who_what_where_when_and_why() -> None:
    yard = Yard(visitor=msgspec.structs.replace(ENTERS, during="22:00-06:00"))
    yard.look(2.5, seen(17, 0.45))
    assert yard.look(2.6, seen(17, 0.505)) == []
    event = only(yard.look(3.12, seen(17, 0.53)))
    assert (event.phase, event.rule, event.camera, event.model, event.alert) == (
        "start", "visitor", "yard", "objects", True,
    )  # fmt: skip
    assert (event.at, event.time_s, event.epoch, event.incident) == ("2026-11-28T21:14:03.120000Z", 3.12, 7, event.id)
    assert event.because == [
        "person 17 entered drive at 22:14:02.5 and settled after 0.5 s",
        "22:14 is within 22:00-06:00",
    ]
    assert event.facts[0]["type"] == "entered"
    assert event.facts[0]["settled_s"] == pytest.approx(0.529, abs=1e-3)
    (track,) = event.tracks
    assert (track.tracker_id, track.class_name) == (17, "person")
    assert track.xyxy == pytest.approx((720, 297, 880, 477))


def test_nothing_begins_out_of_hours_in_another_mode_while_it_is_off_or_for_another_class() -> None:
    assert Yard(rule=msgspec.structs.replace(ENTERS, during="06:00-22:00")).enter(1) == []
    assert Yard(rule=msgspec.structs.replace(ENTERS, modes=("away",))).enter(1) == []
    assert Yard(rule=ENTERS).enter(1, name="cat") == []
    yard = Yard(rule=msgspec.structs.replace(ENTERS, modes=("away",)))
    yard.look(1, seen(1, OUTSIDE), mode="away")
    assert phases(yard.look(1.2, seen(1, INSIDE), mode="away")) == ["start"]
    yard.look(1, seen(2, OUTSIDE), off=["rule"])
    assert yard.look(1.2, seen(2, INSIDE), off=["rule"]) == []


def test_a_quiet_rule_makes_no_alert() -> None:
    assert not only(Yard(rule=msgspec.structs.replace(ENTERS, quiet=True)).enter(1)).alert


def test_an_event_about_a_state_ends_when_it_was_false_for_a_time_looked_at() -> None:
    yard = Yard(rule=ENTERS)
    yard.enter(0)
    assert yard.look(60, seen(1, INSIDE)) == []
    assert yard.look(61, seen(1, OUTSIDE)) == []
    assert yard.look(64, seen(1, OUTSIDE)) == []
    assert yard.look(300, seen(1, OUTSIDE), looked_s=64.9) == []  # nobody looked
    assert phases(yard.look(301, seen(1, OUTSIDE), looked_s=65.9)) == ["end"]


def test_an_outage_ends_no_event() -> None:
    yard = Yard(rule=ENTERS)
    yard.enter(0)
    assert yard.rules.update(yard.view(500, looked_s=1)) == []
    assert yard.look(501, seen(1, INSIDE), looked_s=2) == []


def test_who_comes_while_an_event_is_open_belongs_to_it_and_updates_are_a_second_apart() -> None:
    yard = Yard(rule=ENTERS)
    start = only(yard.enter(0))
    yard.look(0.3, seen(1, INSIDE), seen(2, OUTSIDE))
    assert yard.look(0.5, seen(1, INSIDE), seen(2, INSIDE)) == []
    update = only(yard.look(1.3, seen(1, INSIDE), seen(2, INSIDE)))
    assert (update.phase, update.id, len(update.facts)) == ("update", start.id, 2)
    assert [track.tracker_id for track in update.tracks] == [1, 2]
    assert yard.look(9, seen(1, INSIDE), seen(2, INSIDE)) == []


def test_events_of_each_track_where_a_rule_asks_for_them_share_the_incident() -> None:
    yard = Yard(rule=msgspec.structs.replace(ENTERS, per="track"))
    first, second = only(yard.enter(0)), only(yard.enter(0.3, 2))
    assert first.id != second.id
    assert first.incident == second.incident == first.id


def test_events_that_do_not_overlap_are_two_incidents() -> None:
    yard = Yard(rule=msgspec.structs.replace(ENTERS, cooldown_s=1))
    first = only(yard.enter(0))
    assert yard.look(5, ended={1: "left"}) == []
    assert phases(yard.look(5.2)) == ["end"]
    assert only(yard.enter(30, 2)).incident != first.incident


def test_what_falls_into_the_cool_down_is_counted_in_the_next_event() -> None:
    yard = Yard(rule=ENTERS)
    yard.enter(0)
    yard.look(1, ended={1: "left"})
    assert phases(yard.look(10)) == ["end"]
    assert yard.enter(20, 2) == []
    yard.look(21, ended={2: "left"})
    event = only(yard.enter(41, 3))
    assert (event.phase, event.suppressed) == ("start", 1)
    assert event.because[-1] == "no event of this rule for 31.2 s"


def test_a_state_that_lasts_longer_than_the_cool_down_makes_an_event_then() -> None:
    yard = Yard(rule=RuleSettings(condition=Stays(zone="drive", for_s=5)))
    yard.enter(0)
    assert phases(yard.look(6, seen(1, INSIDE))) == ["start"]
    yard.look(7, ended={1: "left"})
    assert phases(yard.look(12)) == ["end"]
    yard.enter(20, 2)
    assert yard.look(30, seen(2, INSIDE)) == yard.look(31, seen(2, INSIDE)) == []
    event = only(yard.look(42, seen(2, INSIDE)))
    assert (event.phase, event.suppressed) == ("start", 1)


def test_a_long_event_is_cut_into_parts_of_one_incident() -> None:
    yard = Yard(rule=ENTERS)
    first = only(yard.enter(0))
    end, start = yard.look(601, seen(1, INSIDE))
    assert isinstance(end, Event)
    assert isinstance(start, Event)
    assert (end.phase, end.id, end.reason) == ("end", first.id, "long")
    assert (start.phase, start.part, start.incident) == ("start", 2, first.incident)
    assert start.id != first.id
    assert yard.look(602, seen(1, INSIDE)) == []


# The conditions


def test_who_is_first_seen_inside_enters_and_appears() -> None:
    yard = Yard(enters=ENTERS, appears=RuleSettings(condition=Appears(zone="drive")))
    events = yard.look(0, seen(1, INSIDE))
    assert phases(events) == ["start", "start"]
    assert only(events[:1]).because[0] == "person 1 was first seen in drive at 22:14:00.0, not certain"


def test_who_is_seen_outside_first_does_not_appear() -> None:
    assert Yard(appears=RuleSettings(condition=Appears(zone="drive"))).enter(0) == []


@pytest.mark.parametrize(("direction", "made"), [("in", 1), ("out", 0), (None, 1)])
def test_an_event_about_a_crossing_ends_with_the_track_or_after_ten_seconds(direction: str | None, made: int) -> None:
    crosses = msgspec.convert({"kind": "crosses", "line": "gate", "direction": direction}, Crosses)
    yard = Yard(rule=RuleSettings(condition=crosses))
    assert len(yard.enter(0)) == made
    if made:
        assert yard.look(10, seen(1, INSIDE)) == []
        assert phases(yard.look(10.3, seen(1, INSIDE))) == ["end"]
        yard = Yard(rule=RuleSettings(condition=crosses))
        yard.enter(0)
        assert phases(yard.look(2, ended={1: "left"})) == ["end"]


def test_a_crossing_that_is_uncertain_makes_no_event() -> None:
    yard = Yard(rule=RuleSettings(condition=Crosses(line="gate")))
    yard.look(0, seen(1, OUTSIDE))
    assert yard.look(9, seen(1, INSIDE), looked_s=1) == []


def test_leaving_is_claimed_only_of_who_was_seen_to_leave() -> None:
    leaves = RuleSettings(condition=Leaves(zone="drive"))
    yard = Yard(rule=leaves)
    yard.enter(0)
    assert phases(yard.look(1, seen(1, OUTSIDE))) == ["start"]
    for reason, made in (("lost", []), ("left", ["start", "end"])):
        yard = Yard(rule=leaves)
        yard.enter(0)
        assert phases(yard.look(1, ended={1: msgspec.convert(reason, TrackEnd)})) == made


def test_staying_is_time_looked_at_up_to_when_the_track_was_last_seen() -> None:
    yard = Yard(rule=RuleSettings(condition=Stays(zone="drive", for_s=30)))
    yard.enter(0)
    assert yard.look(29, seen(1, INSIDE)) == []
    assert yard.look(40) == []  # not found
    assert yard.look(100, seen(1, INSIDE), looked_s=30) == []
    event = only(yard.look(100.5, seen(1, INSIDE), looked_s=30.5))
    assert event.because == ["person 1 has been in drive for 30.4 s"]


def test_above_three_is_four_or_more_for_a_time() -> None:
    yard = Yard(rule=RuleSettings(condition=Count(zone="drive", above=3, for_s=10)))
    three = [seen(number, INSIDE, x=number / 6) for number in (1, 2, 3)]
    four = [*three, seen(4, INSIDE, x=4 / 6)]
    assert [yard.look(t, *three) for t in (0, 20)] == [[], []]
    assert [yard.look(t, *four) for t in (21, 30)] == [[], []]
    event = only(yard.look(31, *four))
    assert (event.facts[0]["count"], len(event.tracks)) == (4, 4)


def test_absent_counts_only_time_looked_at() -> None:
    yard = Yard(
        rule=RuleSettings(condition=Absent(zone="drive", for_s=300), filter=FilterSettings(classes=("person",)))
    )
    assert yard.look(0, seen(9, INSIDE, "car")) == []
    assert yard.look(1000, seen(9, INSIDE, "car"), looked_s=299) == []
    assert phases(yard.look(1001, seen(9, INSIDE, "car"), looked_s=300)) == ["start"]
    yard.look(1002, seen(1, OUTSIDE), looked_s=301)
    yard.look(1003, seen(1, INSIDE), looked_s=302)
    assert phases(yard.look(1009, seen(1, INSIDE), looked_s=308)) == ["end"]


BAG = RuleSettings(condition=Deposited(zone="drive", for_s=60), filter=FilterSettings(classes=("backpack",)))


def test_an_object_that_is_at_rest_was_left_until_it_is_taken() -> None:
    yard = Yard(bag=BAG)
    yard.look(0, seen(1, INSIDE, "backpack"))
    yard.look(30, seen(1, INSIDE + 0.15, "backpack"))  # carried on
    assert yard.look(61, seen(1, INSIDE + 0.15, "backpack")) == []
    assert phases(yard.look(90, seen(1, INSIDE + 0.15, "backpack"))) == ["start"]
    assert yard.look(94, seen(1, INSIDE - 0.1, "backpack")) == []
    assert phases(yard.look(95, seen(1, INSIDE - 0.1, "backpack"))) == ["end"]


def test_an_object_that_stays_is_furniture() -> None:
    yard = Yard(bag=BAG)
    found = [yard.look(t, seen(1, INSIDE, "backpack")) for t in range(0, 4000, 20)]
    events = [event for outcomes in found for event in outcomes if isinstance(event, Event)]
    assert [event.phase for event in events] == ["start", *["end", "start"] * 2, "end"]
    assert events[-1].time_s == pytest.approx(1800, abs=41)
    assert len({event.incident for event in events}) == 1


TAKEN = RuleSettings(condition=Taken(zone="drive", for_s=60), filter=FilterSettings(classes=("bicycle",)))


@pytest.mark.parametrize("way", ["moved", "left", "lost"])
def test_an_object_is_taken_when_it_moves_or_is_gone_after_a_time_at_rest(way: str) -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, seen(1, INSIDE, "bicycle"))
    assert yard.look(61, seen(1, INSIDE, "bicycle")) == []
    if way == "lost":
        yard.look(64, ended={1: "lost"})
        events = [event for k in range(20) for event in yard.look(64 + k / 3)]
    else:
        events = yard.look(70, seen(1, {"moved": INSIDE + 0.15, "left": OUTSIDE}[way], "bicycle"))
    event = events[0]
    assert isinstance(event, Event)
    assert event.because == ["bicycle 1 is gone from where it was in drive for 61.0 s"]
    assert phases(events) == (["start", "end"] if way == "lost" else ["start"])


def test_an_object_that_was_there_for_a_moment_is_not_taken() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, seen(1, INSIDE, "bicycle"))
    yard.look(59, seen(1, INSIDE, "bicycle"))
    assert yard.look(61, seen(1, INSIDE + 0.15, "bicycle")) == yard.look(70, ended={1: "lost"}) == []


def test_an_object_that_is_not_found_for_a_while_is_not_taken() -> None:
    yard = Yard(taken=TAKEN)
    yard.look(0, seen(1, INSIDE, "bicycle"))
    yard.look(61, seen(1, INSIDE, "bicycle"))
    assert yard.look(62) == yard.look(63, seen(1, INSIDE, "bicycle")) == []


def test_states_of_the_camera_count_any_time() -> None:
    yard = Yard(offline=RuleSettings(condition=HasState(of="camera", states=("down", "frozen"), for_s=60), linger_s=0))
    down = {"camera": frozenset({"down"})}
    assert yard.rules.update(yard.view(0, 0, states=down)) == []
    event = only(yard.rules.update(yard.view(60, 0, states=down)))
    assert event.because == ["the camera is down for 60.0 s"]
    assert phases(yard.rules.update(yard.view(61, 1))) == ["end"]


# Confirmation


CONFIRMED = msgspec.structs.replace(ENTERS, confirm=ConfirmSettings(model="is-person", within_s=2))


def ask(yard: Yard) -> Question:
    (question,) = yard.enter(0)
    assert isinstance(question, Question)
    assert (question.model, question.tracks) == ("is-person", (1,))
    return question


def test_a_model_that_confirms_lets_an_event_begin() -> None:
    yard = Yard(rule=CONFIRMED)
    question = ask(yard)
    event = only(yard.rules.answer(question.event, True, yard.last))
    assert (event.phase, event.id, event.confirmed) == ("start", question.event, True)


def test_an_event_that_is_not_confirmed_is_rejected_and_counted() -> None:
    yard = Yard(rule=CONFIRMED)
    assert yard.rules.answer(ask(yard).event, False, yard.last) == []
    assert yard.look(20, seen(1, INSIDE)) == []
    assert yard.rules.state.rules["rule"].state.rejected == 1


def test_a_state_that_was_not_confirmed_is_asked_about_again_once_it_has_ended() -> None:
    yard = Yard(rule=msgspec.structs.replace(CONFIRMED, condition=Stays(zone="drive", for_s=1)))
    yard.enter(0)
    (question,) = yard.look(2, seen(1, INSIDE))
    assert isinstance(question, Question)
    assert yard.rules.answer(question.event, False, yard.last) == []
    assert yard.look(3, seen(1, INSIDE)) == []
    assert yard.rules.state.rules["rule"].state.refused == {1}
    assert yard.look(4, seen(1, OUTSIDE)) == yard.look(5, seen(1, INSIDE)) == []
    assert phases(yard.look(7, seen(1, INSIDE))) == ["question"]


def test_an_answer_that_is_late_is_not_waited_for() -> None:
    yard = Yard(rule=CONFIRMED)
    question = ask(yard)
    assert yard.look(1, seen(1, INSIDE)) == []
    event = only(yard.look(2.3, seen(1, INSIDE)))
    assert (event.phase, event.confirmed) == ("start", None)
    assert yard.rules.answer(question.event, False, yard.last) == []


def test_without_a_limit_the_answer_is_waited_for() -> None:
    yard = Yard(rule=msgspec.structs.replace(CONFIRMED, confirm=ConfirmSettings(model="is-person", within_s=None)))
    question = ask(yard)
    assert yard.look(900, seen(1, INSIDE)) == []
    assert phases(yard.rules.answer(question.event, True, yard.last)) == ["start"]


# State and reload


def copied(state: RulesState) -> RulesState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=RulesState)


def test_a_rule_that_changed_ends_its_events_and_others_go_on() -> None:
    yard = Yard(one=ENTERS, two=ENTERS, gone=ENTERS)
    yard.enter(0)
    yard.rules = Rules(SCOPE, {"one": ENTERS, "two": msgspec.structs.replace(ENTERS, quiet=True)}, yard.rules.state)
    ended = yard.rules.resume(yard.view(1))
    assert [(event.rule, event.phase, event.reason) for event in ended if isinstance(event, Event)] == [
        ("two", "end", "rule-changed"),
        ("gone", "end", "rule-changed"),
    ]
    assert yard.rules.resume(yard.view(1)) == []
    yard.look(2, ended={1: "left"})
    assert only(yard.look(8)).rule == "one"


def test_a_rule_that_changed_begins_without_a_cool_down() -> None:
    yard = Yard(rule=ENTERS)
    yard.enter(0)
    yard.look(1, ended={1: "left"})
    assert phases(yard.look(7)) == ["end"]
    yard.rules = Rules(SCOPE, {"rule": msgspec.structs.replace(ENTERS, quiet=True)}, copied(yard.rules.state))
    assert phases(yard.enter(8, 2)) == ["start"]


EVERY = {
    "enters": msgspec.structs.replace(ENTERS, cooldown_s=2, per="track"),
    "stays": RuleSettings(condition=Stays(zone="drive", for_s=1), cooldown_s=0),
    "count": RuleSettings(condition=Count(zone="drive", above=1), linger_s=1),
    "absent": RuleSettings(condition=Absent(zone="drive", for_s=2)),
    "crosses": RuleSettings(condition=Crosses(line="gate"), cooldown_s=1),
    "taken": RuleSettings(condition=Taken(zone="drive", for_s=1)),
    "then": RuleSettings(condition=Crosses(line="gate", then=Then(line="door", within_s=2)), cooldown_s=0),
    "covers": RuleSettings(condition=Covers(zone="drive", for_s=0.5), cooldown_s=0),
    "moves": msgspec.structs.replace(ENTERS, filter=FilterSettings(moves=0.5), cooldown_s=0),
    "bag": RuleSettings(condition=Deposited(zone="drive", for_s=2, furniture_s=5)),
}
places = st.lists(
    st.lists(st.sampled_from([None, OUTSIDE, 0.48, 0.51, INSIDE, 0.9]), min_size=3, max_size=3), max_size=40
)


def street(yard: Yard, scenes: Sequence[Sequence[float | None]], begin: int = 0) -> list[Outcome]:
    found = []
    for k, scene in enumerate(scenes, begin):
        tracks = [seen(number, y, x=number / 5) for number, y in enumerate(scene, 1) if y is not None]
        found += yard.look(0.5 * k, *tracks)
    return found


@given(places, st.integers(0, 40))
def test_rules_go_on_alike_from_a_state_that_was_written_and_read(scenes: list[list[float | None]], at: int) -> None:
    whole, parted = Yard(ZONES, **EVERY), Yard(ZONES, **EVERY)
    expected = street(whole, scenes)
    found = street(parted, scenes[:at])
    parted.rules = Rules(SCOPE, EVERY, copied(parted.rules.state), ZONES.zones)
    assert parted.rules.resume(parted.last) == []
    assert found + street(parted, scenes[at:], at) == expected


@given(places)
def test_each_event_starts_once_and_ends_once_with_cool_downs_between_and_incidents_that_overlap(
    scenes: list[list[float | None]],
) -> None:
    yard = Yard(ZONES, **EVERY)
    events = [event for event in street(yard, scenes) if isinstance(event, Event)]
    events += [event for event in yard.rules.close(yard.view(100), "source-ended") if isinstance(event, Event)]
    open_now: dict[str, Event] = {}
    ended: dict[str, float] = {}
    started: set[str] = set()
    for event in events:
        if event.phase == "start":
            assert event.id not in started
            started.add(event.id)
            if EVERY[event.rule].per == "camera":
                assert event.time_s - ended.get(event.rule, -1e9) >= EVERY[event.rule].cooldown_s
            assert not open_now or event.incident in {other.incident for other in open_now.values()}
            open_now[event.id] = event
        else:
            assert event.id in open_now
        if event.phase == "end":
            del open_now[event.id]
            ended[event.rule] = event.time_s
        assert len(event.because) == len(event.facts) > 0
    assert open_now == {}
