"""Why a track made no event of a rule, and by how much."""
# ruff: noqa: E501 - a case of a table is a line, however long its sentence

import msgspec
import pytest

from edge_daemon.messages.events import Event
from edge_daemon.rules.verdicts import Witness
from edge_daemon.settings import (
    Absent,
    Appears,
    Count,
    Covers,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    Leaves,
    RuleSettings,
    Speed,
    Stays,
    StreamRulesSettings,
    Taken,
    Then,
    ZoneSettings,
)
from edge_daemon.zones.look import Seen
from tests.unit.yard import INSIDE, OUTSIDE, ZONES, Yard, seen

PERSON = FilterSettings(classes=("person",))
ENTERS = RuleSettings(condition=Enters(zone="drive"), filter=PERSON)
SETTLING = ZoneSettings(points=((0.0, 0.5), (1.0, 0.5), (1.0, 0.95), (0.0, 0.95)), settle_s=2)
BIG = msgspec.structs.replace(SETTLING, filter=FilterSettings(min_size=0.5))


def reasons(
    rule: RuleSettings, *looks: list[Seen], zone: ZoneSettings | None = None, mode: str | None = None
) -> list[str]:
    """Why tracks made no event of a rule, from looks a second apart."""
    zones = msgspec.structs.replace(ZONES, zones={"drive": zone}) if zone else ZONES
    yard = Yard(zones, rule=rule)
    witness = Witness(StreamRulesSettings(zones=zones, rules={"rule": rule}))
    for time_s, found in enumerate(looks):
        outcomes = yard.look(time_s, *found, mode=mode)
        witness.look(yard.last, yard.rules.state, yard.rules.skipped)
        for event in outcomes:
            if isinstance(event, Event):
                witness.event(event.rule, {track.tracker_id: track for track in event.tracks})
    return [verdict.why for verdict in witness.verdicts()]


def walk(*places: float, name: str = "person") -> list[list[Seen]]:
    return [[seen(1, y, name)] for y in places]


def changed(rule: RuleSettings, **changes: object) -> RuleSettings:
    return msgspec.structs.replace(rule, **changes)


CROSSES = RuleSettings(condition=Crosses(line="gate", direction="out"))
THEN = RuleSettings(condition=Crosses(line="gate", then=Then(line="door", within_s=2)))


@pytest.mark.parametrize(
    ("rule", "looks", "why"),
    [
        (ENTERS, walk(OUTSIDE, INSIDE), None),
        (ENTERS, walk(INSIDE, INSIDE, name="car"), "car is not one of person"),
        (ENTERS, walk(0.3, 0.38, 0.3), "it came no nearer to drive than 0.12 of the picture's height"),
        (ENTERS, walk(0.3, 0.51, 0.3), "it was 0.010 deep in drive, 0.010 short of the margin 0.020"),
        (changed(ENTERS, filter=FilterSettings(min_size=0.25)), walk(OUTSIDE, INSIDE), "size 0.20 is not from 0.25 to 1.00"),
        (changed(ENTERS, filter=FilterSettings(confidence=0.95)), walk(OUTSIDE, INSIDE), "confidence 0.90 is below 0.95"),
        (changed(ENTERS, filter=FilterSettings(moves=3)), walk(0.3, 0.7, 0.7), "it moved by 2.00 of its size, less than 3.00"),
        (changed(ENTERS, during="06:00-22:00"), walk(OUTSIDE, INSIDE), "22:14 is not within 06:00-22:00"),
        (changed(ENTERS, modes=("away",)), walk(OUTSIDE, INSIDE), "the mode is home, not away"),
        (RuleSettings(condition=Stays(zone="drive", for_s=30)), walk(OUTSIDE, *[INSIDE] * 11), "it stayed for 10.5 s, 19.5 s short of 30 s"),
        (RuleSettings(condition=Covers(zone="drive", for_s=30)), walk(*[0.9] * 11), "its whole box was inside for 10.0 s, 20.0 s short of 30 s"),
        (RuleSettings(condition=Covers(zone="drive", for_s=30)), walk(*[0.6] * 3), "its whole box was never inside"),
        (RuleSettings(condition=Deposited(zone="drive", for_s=30)), walk(*[INSIDE] * 11), "it was at rest, without its owner, for 10.0 s, 20.0 s short of 30 s"),
        (RuleSettings(condition=Taken(zone="drive", for_s=5)), walk(*[INSIDE] * 11), "it was still there"),
        (RuleSettings(condition=Leaves(zone="drive")), walk(OUTSIDE, INSIDE), "it has not left, as far as it was seen"),
        (RuleSettings(condition=Appears(zone="drive")), walk(OUTSIDE, INSIDE), "it was seen outside before"),
        (CROSSES, walk(0.3, 0.6), "it crossed gate in, not out"),
        (CROSSES, walk(0.3, 0.4), "it came no nearer to gate than 0.10 of the picture's height"),
        (CROSSES, walk(0.3, 0.505, 0.3), "it crossed gate and came back, or ended, before it was beyond the margin"),
        (THEN, walk(0.3, 0.6, 0.7), "it crossed gate in, but not door within 2 s: it came no nearer to door than 0.10 of the picture's height"),
        (THEN, walk(0.3, 0.6, 0.7, 0.7, 0.9), "it crossed gate in, but not door within 2 s: it crossed door in, later or before"),
        (RuleSettings(condition=Count(zone="drive", above=3)), walk(INSIDE, INSIDE), "never more than 1 in drive"),
        (RuleSettings(condition=Count(zone="drive", above=0, for_s=10)), walk(*[INSIDE] * 4), "that lasted 3.0 s, 7.0 s short of 10 s"),
        (RuleSettings(condition=Absent(zone="drive", for_s=10)), walk(INSIDE, INSIDE), "never fewer than 1 in drive"),
        (RuleSettings(condition=HasState(of="camera", states=("down",))), walk(INSIDE), "results say nothing of the camera"),
    ],
)  # fmt: skip
def test_what_failed_and_by_how_much(rule: RuleSettings, looks: list[list[Seen]], why: str | None) -> None:
    assert reasons(rule, *looks, mode="home") == ([] if why is None else [why])


def test_the_time_to_settle_and_the_filter_of_a_zone() -> None:
    assert reasons(ENTERS, *walk(0.3, 0.51, 0.51, 0.3), zone=SETTLING) == [
        "it was 0.010 deep in drive, 0.010 short of the margin 0.020, and there for 1.0 s, 1.0 s short of 2 s to settle"
    ]
    assert reasons(ENTERS, *walk(0.3, 0.7, 0.7), zone=BIG) == [
        "drive does not let it through: size 0.20 is not from 0.50 to 1.00"
    ]


def test_speed() -> None:
    road = msgspec.structs.replace(SETTLING, lengths=(40.0, 9.0, 40.0, 9.0))
    rule = RuleSettings(condition=Speed(zone="drive", above=50))
    (why,) = reasons(rule, *([seen(1, INSIDE, x=0.1 + 0.1 * t)] for t in range(5)), zone=road)
    assert why == "it was no faster than 14 km/h, 36 short of 50"


def test_what_fell_into_the_cool_down() -> None:
    looks = [
        [seen(1, OUTSIDE)],
        [seen(1, INSIDE)],
        *[[seen(1, OUTSIDE)]] * 8,
        [seen(2, OUTSIDE, x=0.9)],
        [seen(2, INSIDE, x=0.9)],
    ]
    assert reasons(ENTERS, *looks) == ["it was 25.0 s before the end of the cool-down"]


def test_a_track_that_made_an_event_needs_no_verdict_under_another_number() -> None:
    assert reasons(ENTERS, *walk(OUTSIDE, *[INSIDE] * 5), *[[seen(2, INSIDE)]] * 3) == []


def test_a_zone_and_a_line_may_have_one_name() -> None:
    zones = msgspec.structs.replace(ZONES, lines={"drive": ZONES.lines["door"]})
    rules = {"zone": ENTERS, "line": RuleSettings(condition=Crosses(line="drive"))}
    yard, witness = Yard(zones, **rules), Witness(StreamRulesSettings(zones=zones, rules=rules))
    for time_s, y in enumerate((0.3, 0.38, 0.3)):
        yard.look(time_s, seen(1, y))
        witness.look(yard.last, yard.rules.state, yard.rules.skipped)
    assert [one.why for one in witness.verdicts()] == [
        "it came no nearer to drive than 0.12 of the picture's height",
        "it came no nearer to drive than 0.42 of the picture's height",
    ]
