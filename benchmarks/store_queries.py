"""How fast a large store answers: `python -m benchmarks.store_queries [--events 1000000] [--folder FOLDER]`.

Events of thirty days with a start and an end each, of 9 cameras, 5 rules, 6 classes and 4 zones, and the end of a track
each. Some have a clip and a still (`--media`), of a few bytes. Four of the cameras are recorded all the time: their
segments of ten seconds are hard links. A folder is kept, and used again if it has a store.
"""

import argparse
import random
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_daemon.messages.published import utc
from edge_daemon.settings import KeepSettings, StorageSettings
from edge_daemon.store import segments, timeline
from edge_daemon.store.check import check
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Query, Reader
from edge_daemon.store.retention import Retention
from edge_daemon.store.store import JOURNAL, MEDIA, Store
from edge_daemon.web.recordings import playlist

DAYS, BATCH = 30, 2000
SPAN_S = DAYS * 86400
START_S = 1_800_000_000.0
RECORDED, SEGMENT_S = ("camera-0", "camera-1", "camera-2", "camera-3"), 10
LINKS = 60_000
SEGMENT = b"".join(
    struct.pack(">I4s", 8 + size, kind) + bytes(size)
    for kind, size in ((b"ftyp", 28), (b"moov", 1200), (b"moof", 900), (b"mdat", 60_000))
)
"""The boxes of a segment."""


def id_of(number: int, of: int) -> str:
    """The id of an event: it has the time."""
    text = f"{int(1e3 * (START_S + SPAN_S * number / of)):012x}7000{0x8000000000000000 + number:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def event(number: int, of: int, phase: str) -> bytes:
    """A phase of an event, of which there are `of`. One camera has events of one rule only."""
    chance, at_s = random.Random(number), START_S + SPAN_S * number / of
    alone = number % 9 == 0
    message = {
        "v": 1,
        "type": "event",
        "phase": phase,
        "id": id_of(number, of),
        "rule": "rule-0" if alone else f"rule-{chance.randrange(5)}",
        "camera": camera_of(number),
        "model": "objects",
        "incident": "",
        "alert": chance.random() < 0.5,
        "at": utc(int((at_s + 5 * (phase == "end")) * 1e9)),
        "time_s": at_s,
        "epoch": 1,
        "seq": number,
        "tracks": [
            {
                "tracker_id": number,
                "class_name": f"class-{chance.randrange(6)}",
                "confidence": 0.9,
                "xyxy": [0, 0, 9, 9],
            }
        ],
        "facts": [{"type": "entered", "zone": f"zone-{chance.randrange(4)}", "tracker_id": number, "settled_s": 0.5}],
        "because": ["an object entered the zone and settled after 0.5 s", "no event of this rule for 3 h"],
    }
    return msgspec.json.encode(message)


def track(number: int, of: int) -> bytes:
    """The end of the track of an event."""
    at = utc(int((START_S + SPAN_S * number / of + 6) * 1e9))
    message = {
        "type": "track",
        "phase": "end",
        "camera": camera_of(number),
        "model": "objects",
        "epoch": 1,
        "tracker_id": number,
        "last_at": at,
        "path": [[number / 7 % 1, number / 11 % 1, 0.5] for _ in range(10)],
    }
    return msgspec.json.encode(message)


def camera_of(number: int) -> str:
    """The camera of an event."""
    return "camera-8" if number % 9 == 0 else f"camera-{random.Random(-number - 1).randrange(8)}"


def fill(folder: Path, events: int, media: int) -> None:
    """Make the store, a day after the other."""
    now_s, began = START_S, time.perf_counter()
    store = Store(folder, wall_s=lambda: now_s, boot_s=lambda: now_s - START_S + 1.0)
    for first in range(0, events, BATCH):
        now_s = START_S + SPAN_S * first / events
        numbers = range(first, min(first + BATCH, events))
        bodies = [(event(n, events, "start"), event(n, events, "end"), track(n, events)) for n in numbers]
        store.add(one for three in bodies for one in three)
        store.tick()
        for number in numbers:
            if number % (events // media if media else events + 1) == 0:
                for medium in ("clip", "still", "small"):
                    path = path_of(folder / MEDIA, camera_of(number), id_of(number, events), medium)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(b"media")
    took = time.perf_counter() - began
    print(f"{events} events stored in {took:.0f} s, {3 * events / took:.0f} messages/s", flush=True)
    store.close()


def record(folder: Path) -> None:
    """Make the segments of all days, with a gap every six hours."""
    began, made, like = time.perf_counter(), 0, folder / "segment"
    for camera in RECORDED:
        for start_s in range(int(START_S), int(START_S + SPAN_S), SEGMENT_S):
            if start_s % 21600 < SEGMENT_S:
                segments.note_gap(folder / MEDIA, camera, segments.Gap(start_s, start_s + SEGMENT_S, "a test"))
                continue
            path = segments.path_of(folder / MEDIA, camera, start_s, 1, SEGMENT_S)
            if made % LINKS == 0:  # of one file there may be 65,000
                like.unlink(missing_ok=True)
                like.write_bytes(SEGMENT)
            if start_s % 86400 < 2 * SEGMENT_S or start_s == int(START_S):
                path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(like)
            made += 1
    print(f"{made} segments made in {time.perf_counter() - began:.0f} s", flush=True)


def p99_ms(query: Callable[[random.Random], object], times: int) -> str:
    """Median and 99th percentile of a query's time, and that of its CPU time, which other programs add less to."""
    took, used = [], []
    for number in range(times):
        began, cpu = time.perf_counter(), time.process_time()
        query(random.Random(number))
        took.append(1e3 * (time.perf_counter() - began))
        used.append(1e3 * (time.process_time() - cpu))
    took.sort()
    used.sort()
    last = int(0.99 * (times - 1))
    return f"{took[times // 2]:.1f} ms, p99 {took[last]:.1f} ms ({used[last]:.1f} ms of CPU)"


def ask(folder: Path, events: int, times: int) -> None:
    """Measure queries."""
    reader = Reader(folder)

    def at(chance: random.Random) -> float:
        return START_S + SPAN_S * chance.random()

    def words(*found: str) -> Query:
        return Query(found)

    queries: dict[str, Callable[[random.Random], object]] = {
        "newest": lambda _: reader.events(Query(), 48),
        "older page": lambda c: reader.events(Query(), 48, c.randrange(3 * events)),
        "of a camera": lambda c: reader.events(words(f"camera:camera-{c.randrange(8)}"), 48),
        "camera and class": lambda c: reader.events(words("camera:camera-1", f"class:class-{c.randrange(6)}"), 48),
        "four words and a time": lambda c: reader.events(
            Query(["zone:zone-1", "rule:rule-2", "camera:camera-3", "class:class-4"], at(c), START_S + SPAN_S), 48
        ),
        "a class that is not there": lambda _: reader.events(words("class:unicorn"), 48),
        "camera and rule that never met": lambda _: reader.events(words("camera:camera-8", "rule:rule-1"), 48),
        "what has changed": lambda c: reader.changed(Query(), c.randrange(3 * events), 48),
        "one event": lambda c: reader.event(id_of(c.randrange(events), events)),
        "timeline of 30 days, by hour": lambda _: reader.timeline([], START_S, START_S + SPAN_S, 3600),
        "timeline of a day, by 10 minutes": lambda c: reader.timeline([], since := at(c), since + 86400, 600),
        "words that match a text": lambda _: reader.matching("class-3 camera"),
        "cursor": lambda _: reader.position(),
    }
    media = folder / MEDIA

    def recorded(long_s: float, chance: random.Random) -> tuple[Path, str, float, float]:
        since_s = START_S + 3600 * int((SPAN_S - long_s) / 3600 * chance.random())
        return media, chance.choice(RECORDED), since_s, since_s + long_s

    def bar(long_s: float, step_s: float, chance: random.Random) -> object:
        _, camera, since_s, until_s = recorded(long_s, chance)
        begun = reader.timeline([camera], since_s, until_s, step_s)
        return timeline.of(segments.spans(media, camera, since_s, until_s), begun, since_s, until_s, step_s)

    queries |= {
        "recordings of an hour": lambda c: segments.listed(*recorded(3600, c)),
        "gaps of a day": lambda c: segments.gaps(*recorded(86400, c)),
        "playlist of an hour": lambda c: list(playlist(segments.listed(*recorded(3600, c)))),
        "timeline of a camera's hour, by 10 seconds": lambda c: bar(3600, 10, c),
        "timeline of a camera's day, by minutes": lambda c: bar(86400, 60, c),
        "timeline of a camera's 30 days, by hour": lambda c: bar(SPAN_S, 3600, c),
    }
    for name, query in queries.items():
        print(f"{name}: {p99_ms(query, times)}", flush=True)


def look_after(folder: Path, events: int) -> None:
    """Measure starts, retention, rebuild and check."""
    now_s = START_S + SPAN_S
    settings = StorageSettings(folder=str(folder), media=str(folder / MEDIA), min_free_bytes=1, max_bytes=1 << 50)
    began = time.perf_counter()
    store = Store(folder, wall_s=lambda: now_s, boot_s=lambda: now_s - START_S + 1.0)
    print(f"opened again: {time.perf_counter() - began:.2f} s", flush=True)
    began = time.perf_counter()
    store.add([event(events, events, "start")])
    print(f"a message more: {1e3 * (time.perf_counter() - began):.1f} ms")
    keep = KeepSettings(**dict.fromkeys(("alerts", "events", "tracks", "continuous"), (DAYS - 1) * 86400.0))
    limits = msgspec.structs.replace(settings, keep=keep)
    retention, steps, size = Retention(store, lambda: now_s, lambda: True), list[float](), events
    while len(steps) < 2 or steps[-1] > 0.002 or retention.is_busy:
        began = time.perf_counter()
        retention.step(limits)
        steps.append(time.perf_counter() - began)
        now_s += 1.0
    gone = size - sum(bucket.events for bucket in Reader(folder).timeline([], 0, 2e9, 86400 * 30))
    steps.sort()
    print(
        f"retention: {gone} events and as many tracks in {len(steps)} steps of a second, "
        f"{gone / len(steps) / (events / SPAN_S):.0f} times the rate; "
        f"a step takes {1e3 * steps[len(steps) // 2]:.0f} ms, p99 {1e3 * steps[int(0.99 * (len(steps) - 1))]:.0f} ms, "
        f"at most {1e3 * steps[-1]:.0f} ms",
        flush=True,
    )
    began = time.perf_counter()
    store.rebuild()
    print(f"index made again: {time.perf_counter() - began:.0f} s", flush=True)
    store.close()
    began = time.perf_counter()
    faults = check(folder).faults
    print(f"checked in {time.perf_counter() - began:.0f} s: {faults or 'whole'}")


def main() -> None:
    """Make the store, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--media", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place) / "store"
        if not (folder / JOURNAL).exists():
            fill(folder, options.events, options.media)
        sizes = {path.suffix: 0 for path in folder.rglob("*") if path.suffix in (".jsonl", ".db")}
        for path in folder.rglob("*"):
            if path.suffix in sizes:
                sizes[path.suffix] += path.stat().st_size
        if not (folder / MEDIA / RECORDED[0] / segments.FOLDER).exists():
            record(folder)
        print(", ".join(f"{suffix}: {size / 1e6:.0f} MB" for suffix, size in sizes.items()))
        ask(folder, options.events, options.queries)
        look_after(folder, options.events)


if __name__ == "__main__":
    main()
