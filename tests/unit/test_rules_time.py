"""Ranges of local time, sunrise and sunset, resets, and ids of events."""

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.rules.during import During, Place, next_local
from edge_daemon.rules.event_id import Origin, event_id
from edge_daemon.rules.sun import sun_times

BERLIN = ZoneInfo("Europe/Berlin")
PLACE = Place(BERLIN, 52.5, 13.4)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("ranges", "inside", "outside"),
    [
        ("22:00-06:00", ["2026-11-28T22:14", "2026-11-29T05:59"], ["2026-11-28T21:59", "2026-11-29T06:00"]),
        ("mon-fri 08:00-18:00", ["2026-11-27T08:00"], ["2026-11-28T12:00", "2026-11-27T18:00"]),
        ("fri-mon 22:00-06:00", ["2026-11-29T23:00", "2026-12-01T05:00"], ["2026-12-01T23:00", "2026-11-27T05:00"]),
        ("mon 08:00-09:00, sun 10:00-24:00", ["2026-11-29T23:59", "2026-11-30T08:30"], ["2026-11-30T00:00"]),
        ("00:00-00:00", ["2026-11-29T00:00", "2026-11-29T23:59"], []),
        ("sunset-sunrise", ["2026-06-21T23:00", "2026-06-22T04:00"], ["2026-06-21T21:00", "2026-06-21T12:00"]),
    ],
)
def test_ranges_of_days_and_hours(ranges: str, inside: list[str], outside: list[str]) -> None:
    during = During(ranges, PLACE)
    assert all(during.find(at(moment)) for moment in inside)
    assert not any(during.find(at(moment)) for moment in outside)


def test_a_range_in_the_hour_that_summer_time_repeats_counts_once() -> None:
    during = During("02:15-02:45", PLACE)
    assert during.find(at("2026-10-25T02:30"))
    assert during.find(at("2026-10-25T02:30", fold=1)) is None


def test_a_range_in_the_hour_that_summer_time_skips_still_starts() -> None:
    minutes = [at("2026-03-29T00:00").astimezone(UTC) + timedelta(minutes=k) for k in range(24 * 60)]
    assert sum(During("02:15-02:45", PLACE).find(moment) is not None for moment in minutes) == 30


@given(moments)
def test_a_moment_is_in_a_range_or_in_the_rest_of_the_day(moment: datetime) -> None:
    night, day = During("22:00-06:00", PLACE), During("06:00-22:00", PLACE)
    assert (night.find(moment) is None) != (day.find(moment) is None)


@pytest.mark.parametrize("wrong", ["", "22-6", "25:00-26:00", "08:60-09:00", "24:01-01:00", "someday 08:00-09:00"])
def test_what_is_no_range_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is no range of time|there is no"):
        During(wrong, PLACE)


def test_the_sun_needs_a_place() -> None:
    with pytest.raises(ValueError, match="location"):
        During("sunset-sunrise", Place(BERLIN))
    assert During("sun 08:00-09:00", Place(BERLIN)).find(at("2026-11-29T08:30"))


@pytest.mark.parametrize(
    ("day", "latitude", "longitude", "rise", "fall"),
    [  # from published tables, in UTC
        (date(2026, 6, 21), 52.5, 13.4, "02:43", "19:33"),
        (date(2026, 12, 21), 52.5, 13.4, "07:15", "14:54"),
        (date(2026, 3, 20), 0.0, 0.0, "06:04", "18:11"),
    ],
)
def test_sunrise_and_sunset(day: date, latitude: float, longitude: float, rise: str, fall: str) -> None:
    times = sun_times(day, latitude, longitude)
    assert times is not None
    for found, clock in zip(times, (rise, fall), strict=True):
        expected = datetime.fromisoformat(f"{day}T{clock}Z")
        assert abs(found - expected) < timedelta(minutes=3)


def test_a_range_is_empty_where_the_sun_does_not_set() -> None:
    assert sun_times(date(2026, 6, 21), 70.0, 20.0) is None
    assert During("sunset-sunrise", Place(BERLIN, 70.0, 20.0)).find(at("2026-06-21T23:00")) is None


@given(moments, st.sampled_from(["00:00", "02:30", "23:59"]))
def test_a_reset_comes_once_a_day(moment: datetime, clock: str) -> None:
    following = next_local(moment, clock, BERLIN)
    assert timedelta(0) < following - moment <= timedelta(hours=25)
    again = next_local(following, clock, BERLIN)
    assert timedelta(hours=23) <= again - following <= timedelta(hours=25)


ORIGIN = Origin("box", "yard", "objects", "visitor", 1764367000, 88123, 17)


def test_an_event_has_the_same_id_in_a_replay_and_another_for_everything_else() -> None:
    number = event_id(1764368043.12, ORIGIN)
    assert number == event_id(1764368043.12, ORIGIN)
    names = [
        ORIGIN._replace(box="x"),
        ORIGIN._replace(camera="x"),
        ORIGIN._replace(model="x"),
        ORIGIN._replace(rule="x"),
    ]
    others = [*names, ORIGIN._replace(epoch=1), ORIGIN._replace(seq=1), ORIGIN._replace(tracker_id=1)]
    others.append(ORIGIN._replace(part=2))
    assert len({number, *(event_id(1764368043.12, other) for other in others)}) == 9


@given(st.floats(0, 2**38), st.integers(0))
def test_ids_are_of_version_7_and_sorted_by_time(start_s: float, seq: int) -> None:
    number = uuid.UUID(event_id(start_s, ORIGIN._replace(seq=seq)))
    assert number.version == 7
    assert number.variant == uuid.RFC_4122
    assert number.int >> 80 == int(start_s * 1000)
