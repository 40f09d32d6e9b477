"""Ranges of local time: `22:00-06:00`, `mon-fri 08:00-18:00, sat 10:00-14:00`, `sunset-sunrise`."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge_daemon.rules.sun import sun_times

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_TIME = r"\d\d:\d\d|sunrise|sunset"
_RANGE = re.compile(rf"(?:({_DAY})(?:-({_DAY}))? +)?({_TIME})-({_TIME})")
EXAMPLES = 'write "22:00-06:00", "mon-fri 08:00-18:00" or "sunset-sunrise"'


class Place(NamedTuple):
    """Where a box is: its time zone, and if they are known, latitude and longitude in degrees."""

    zone: ZoneInfo
    latitude: float | None = None
    longitude: float | None = None


class _Range(NamedTuple):
    days: frozenset[int]
    start: str
    end: str


class During:
    """Ranges of local time. A range that ends before it begins ends on the next day."""

    def __init__(self, text: str, place: Place) -> None:
        """Read the ranges.

        Raises:
            ValueError: they cannot be read; or sunrise and sunset need a place.
        """
        self.text = text
        self._place = place
        self._ranges = [_parse(part.strip()) for part in text.split(",")]
        if "sun" in re.sub(rf"\b({_DAY})\b", "", text) and (place.latitude is None or place.longitude is None):
            raise ValueError("sunrise and sunset need location: {latitude, longitude}")

    def find(self, moment: datetime) -> str | None:
        """The range in which a moment (with a time zone) lies, as it was written; None if it is in none.

        Ranges begin and end at moments. So a range in an hour that summer time repeats is there once, and a range in
        the hour that it skips is there an hour later by the clock.
        """
        today = moment.astimezone(self._place.zone).date()
        for wanted in self._ranges:
            for start, end in self._spans(wanted, today):
                if start <= moment < end:
                    return f"{wanted.start}-{wanted.end}"
        return None

    def _spans(self, wanted: _Range, today: date) -> Iterator[tuple[datetime, datetime]]:
        """Where a range lies that began today or yesterday."""
        for day in (today, today - timedelta(days=1)):
            start, end = self._moment(day, wanted.start), self._moment(day, wanted.end)
            if start and end and end <= start:
                end = self._moment(day + timedelta(days=1), wanted.end)
            if day.weekday() in wanted.days and start and end:
                yield start, end

    def _moment(self, day: date, text: str) -> datetime | None:
        if text in ("sunrise", "sunset"):
            times = sun_times(day, self._place.latitude or 0.0, self._place.longitude or 0.0)
            return times[text == "sunset"] if times else None
        hour, minute = int(text[:2]), int(text[3:])
        if hour == 24:
            day, hour = day + timedelta(days=1), 0
        return datetime.combine(day, time(hour, minute), self._place.zone).astimezone(UTC)


def _parse(text: str) -> _Range:
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is no range of time; {EXAMPLES}')
    first, last, start, end = match.groups()
    for moment in (start, end):
        if moment[0] != "s" and (int(moment[:2]), int(moment[3:])) not in _clock_times():
            raise ValueError(f"there is no {moment}; {EXAMPLES}")
    begin = DAYS.index(first) if first else 0
    count = (DAYS.index(last) - begin) % 7 + 1 if last else 1 if first else 7
    return _Range(frozenset((begin + k) % 7 for k in range(count)), start, end)


def _clock_times() -> frozenset[tuple[int, int]]:
    return frozenset({*((hour, minute) for hour in range(24) for minute in range(60)), (24, 0)})


def next_local(after: datetime, clock: str, zone: ZoneInfo) -> datetime:
    """The next moment at which it is `clock` (such as `00:00`) in a time zone, once a day, summer time or not."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        moment = datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
        if moment > after:
            return moment
        day += timedelta(days=1)
