"""What is recorded all the time: `CAMERA/continuous/DAY/START-RUN-MILLISECONDS.mp4`, each a fragmented MP4 of some
seconds. A run goes on without a gap, with the same parameters, and by the same clock. `gaps.jsonl` has the gaps.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edge_daemon.messages.published import utc
from edge_daemon.store.entry import seconds_of

FOLDER, GAPS = "continuous", "gaps.jsonl"
ENDING, PART = ".mp4", ".part"
FAR_S = 4e9
"""Times after this one, or before 1970, are taken for it."""
IsHeld = Callable[[str, float, float], bool]
"""True if what a camera has in a range of time is to be kept."""
LONGEST_S = 3600.0
"""No segment is longer."""
MOMENT_S = 1e-3
"""The times in names of files are in milliseconds."""
NEAR_S = 1.0
"""Time between two segments that is no gap."""
DAYS = 128
"""Days whose spans are kept in memory."""
_NAME = re.compile(r"^(\d{8})T([01]\d|2[0-3])([0-5]\d)([0-5]\d\.\d{3})Z-(\d{6})-(\d{1,9})\.mp4$", re.MULTILINE)
_START = "%Y%m%dT%H%M%S.%f"


class Segment(NamedTuple):
    """A file: when it begins (in seconds since the Unix epoch), its run, and how long it is."""

    start_s: float
    run: int
    seconds: float
    path: Path

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.start_s + self.seconds


class Gap(NamedTuple):
    """Time in which nothing was recorded, and why."""

    start_s: float
    end_s: float
    reason: str


def name_of(start_s: float, run: int) -> str:
    """The first part of the name of a file."""
    return f"{_stamp(start_s)}-{run:06d}"


def _stamp(at_s: float) -> str:
    return f"{_moment(at_s):{_START}}"[:-3] + "Z"


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(round(max(0.0, min(at_s, FAR_S)), 3), UTC)


def path_of(media: Path, camera: str, start_s: float, run: int, seconds: float) -> Path:
    """Where a file lies when it is complete."""
    return day_of(media, camera, start_s) / f"{name_of(start_s, run)}-{round(1e3 * seconds)}{ENDING}"


def day_of(media: Path, camera: str, at_s: float) -> Path:
    """The folder of a day."""
    return media / camera / FOLDER / f"{_moment(at_s):%Y-%m-%d}"


def segment_at(path: Path) -> Segment | None:
    """A file by its name; None if that is not one of a segment."""
    return _named(path.name, path)


def _named(name: str, path: Path) -> Segment | None:
    found = _NAME.fullmatch(name)
    try:
        return Segment(_start_s(*found.groups()[:4]), int(found[5]), int(found[6]) / 1e3, path) if found else None
    except ValueError:
        return None


def _start_s(day: str, hours: str, minutes: str, seconds: str) -> float:
    """Seconds since the Unix epoch.

    Raises:
        ValueError: there is no such day.
    """
    return _midnight(day) + (3600 * int(hours) + 60 * int(minutes)) + float(seconds)


@lru_cache(64)
def _midnight(day: str) -> float:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()


def listed(media: Path, camera: str, since_s: float, until_s: float) -> list[Segment]:
    """The segments of a camera with something between two times, in order of their start."""
    there = _days_between(media, camera, since_s, until_s)
    found = [one for day in there for one in in_day(day, since_s - LONGEST_S, until_s)]
    return sorted(one for one in found if one.end_s > since_s and one.start_s < until_s)


def spans(media: Path, camera: str, since_s: float, until_s: float) -> list[tuple[float, float]]:
    """When something of a camera is recorded between two times: from and to, without those of gaps, in order."""
    found = list[tuple[float, float]]()
    for day in _days_between(media, camera, since_s, until_s):
        with suppress(FileNotFoundError):
            found += _spans(day, day.stat().st_mtime_ns)
    return [(start_s, end_s) for start_s, end_s in found if end_s > since_s and start_s < until_s]


def _days_between(media: Path, camera: str, since_s: float, until_s: float) -> list[Path]:
    """The folders of a camera in which there may be segments with something between two times, in order."""
    first, last = day_of(media, camera, since_s - LONGEST_S), day_of(media, camera, until_s - MOMENT_S)
    return [day for day in days(media, camera) if first <= day <= last]


@lru_cache(DAYS)
def _spans(day: Path, changed_ns: int) -> list[tuple[float, float]]:
    """The spans of a day whose folder was changed last at a time: days that are over are read once."""
    found, start_s, end_s = list[tuple[float, float]](), 0.0, 0.0
    try:
        midnight_s = _midnight(day.name.replace("-", ""))
    except ValueError:
        return found
    names = "\n".join(sorted(os.listdir(day)))  # noqa: PTH208 (there are thousands)
    for _, hours, minutes, seconds, _, length_ms in _NAME.findall(names):
        next_s = midnight_s + (3600 * int(hours) + 60 * int(minutes)) + float(seconds)
        if next_s - end_s >= NEAR_S:
            found += [(start_s, end_s)] if end_s else []
            start_s = next_s
        end_s = max(end_s, next_s + int(length_ms) / 1e3)
    return [*found, (start_s, end_s)] if end_s else found


def span(media: Path, camera: str) -> tuple[float, float] | None:
    """When what is recorded of a camera begins and ends; None if there is nothing."""
    there = days(media, camera)
    first = next((one for day in there for one in in_day(day)), None)
    last = next((found[-1] for day in reversed(there) if (found := list(in_day(day)))), None)
    return (first.start_s, last.end_s) if first and last else None


def gaps(media: Path, camera: str, since_s: float, until_s: float) -> list[Gap]:
    """The gaps of a camera between two times, in order."""
    found = []
    for day in days(media, camera):
        if day > day_of(media, camera, until_s):
            break
        with suppress(OSError):
            for line in (day / GAPS).read_text().splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a power cut may have torn it
                    one = json.loads(line)
                    found.append(Gap(seconds_of(one["from"]), seconds_of(one["to"]), str(one["reason"])))
    return sorted(one for one in found if one.end_s > since_s and one.start_s < until_s)


def note_gap(media: Path, camera: str, gap: Gap) -> None:
    """Write down a gap.

    Raises:
        OSError: it cannot be written.
    """
    day = day_of(media, camera, gap.start_s)
    day.mkdir(mode=0o700, parents=True, exist_ok=True)
    times = {"from": utc(round(gap.start_s * 1e9)), "to": utc(round(gap.end_s * 1e9))}
    with (day / GAPS).open("a") as file:
        file.write(json.dumps(times | {"reason": gap.reason}) + "\n")


def remove_oldest(media: Path, until_s: float, most: int, is_held: IsHeld = lambda *_: False) -> int:
    """Remove up to `most` of the oldest segments of all cameras that end before a time and are not held; return the
    bytes freed.

    Raises:
        OSError: a file cannot be removed.
    """
    old = sorted(one for camera in cameras(media) for one in _oldest(media, camera, most, until_s, is_held))
    return sum(_remove(segment) for segment in old[:most])


def erase(media: Path, camera: str, since_s: float, until_s: float) -> int:
    """Remove the segments of a camera with something between two times; return their number.

    Raises:
        OSError: a file cannot be removed.
    """
    found = listed(media, camera, since_s, until_s)
    for segment in found:
        _remove(segment)
    return len(found)


def _remove(segment: Segment) -> int:
    """Remove a file, and its folder if it was the last; return the bytes freed."""
    freed = segment.path.stat().st_size
    segment.path.unlink()
    if not any(in_day(segment.path.parent)) and not any(segment.path.parent.glob(f"*{PART}")):
        (segment.path.parent / GAPS).unlink(missing_ok=True)
        with suppress(OSError):
            segment.path.parent.rmdir()
    return freed


def cameras(media: Path) -> list[str]:
    """The cameras of which something is recorded."""
    return sorted(path.parent.name for path in media.glob(f"*/{FOLDER}"))


def days(media: Path, camera: str) -> list[Path]:
    """The folders of the days of a camera, in order."""
    return sorted((media / camera / FOLDER).glob("????-??-??"))


def in_day(day: Path, since_s: float = 0.0, until_s: float = float("inf")) -> Iterator[Segment]:
    """The segments in the folder of a day that begin between two times, in order."""
    first, last = _stamp(since_s), _stamp(until_s)
    with suppress(FileNotFoundError):
        for name in sorted(name for name in os.listdir(day) if first <= name < last):  # noqa: PTH208 (there are thousands)
            if one := _named(name, day / name):
                yield one


def _oldest(media: Path, camera: str, most: int, until_s: float, is_held: IsHeld) -> list[Segment]:
    """The oldest segments of a camera that end before a time and are not held, at least `most` if possible."""
    found: list[Segment] = []
    for day in days(media, camera):
        if day > day_of(media, camera, until_s):
            break
        there = (one for one in in_day(day, until_s=until_s) if one.end_s < until_s)
        found += islice((one for one in there if not is_held(camera, one.start_s, one.end_s)), most - len(found))
        if len(found) >= most:
            break
    return found
