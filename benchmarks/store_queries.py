"""How fast a large store answers: `python -m benchmarks.store_queries [--events 1000000] [--queries 200]`.

Events of thirty days with a start and an end each, of 8 cameras, 5 rules, 6 classes and 4 zones.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_daemon.messages.published import utc
from edge_daemon.store.reader import Query, Reader
from edge_daemon.store.store import Store

DAYS, BATCH = 30, 2000
START_S = 1_800_000_000.0


def event(number: int, of: int, phase: str) -> bytes:
    """A phase of one of so many events."""
    chance, at_s = random.Random(number), START_S + DAYS * 86400 * number / of
    message = {
        "v": 1,
        "type": "event",
        "phase": phase,
        "id": f"01a22455-0000-7000-8000-{number:012x}",
        "rule": f"rule-{chance.randrange(5)}",
        "camera": f"camera-{chance.randrange(8)}",
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


def p99_ms(query: Callable[[random.Random], object], times: int) -> str:
    """Median and 99th percentile of a query's time."""
    took = []
    for number in range(times):
        began = time.perf_counter()
        query(random.Random(number))
        took.append(1e3 * (time.perf_counter() - began))
    took.sort()
    return f"{took[len(took) // 2]:.1f} ms, p99 {took[int(0.99 * (len(took) - 1))]:.1f} ms"


def main() -> None:
    """Make the store, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, began = Store(Path(folder)), time.perf_counter()
        for first in range(0, options.events, BATCH):
            numbers = range(first, min(first + BATCH, options.events))
            store.add(event(number, options.events, phase) for number in numbers for phase in ("start", "end"))
        took = time.perf_counter() - began
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        rate = 2 * options.events / took
        print(f"{options.events} events stored in {took:.0f} s, {rate:.0f} messages/s, {size / 1e6:.0f} MB")
        reader, span = Reader(Path(folder)), DAYS * 86400

        def at(chance: random.Random) -> float:
            return START_S + span * chance.random()

        queries: dict[str, Callable[[random.Random], object]] = {
            "newest": lambda _: reader.events(Query(), 48),
            "older page": lambda c: reader.events(Query(), 48, c.randrange(2 * options.events)),
            "of a camera": lambda c: reader.events(Query([f"camera:camera-{c.randrange(8)}"]), 48),
            "camera and class": lambda c: reader.events(
                Query(["camera:camera-1", f"class:class-{c.randrange(6)}"]), 48
            ),
            "four words and a day": lambda c: reader.events(
                Query(["zone:zone-1", "rule:rule-2", "camera:camera-3", "class:class-4"], at(c), START_S + span), 48
            ),
            "a class that is not there": lambda _: reader.events(Query(["class:unicorn"]), 48),
            "what has changed": lambda c: reader.changed(Query(), c.randrange(2 * options.events), 48),
            "one event": lambda c: reader.event(f"01a22455-0000-7000-8000-{c.randrange(options.events):012x}"),
            "cursor": lambda _: reader.position(),
        }
        for name, query in queries.items():
            print(f"{name}: {p99_ms(query, options.queries)}")
        began = time.perf_counter()
        store.add([event(0, options.events, "start"), event(options.events, options.events, "start")])
        print(f"a message more: {1e3 * (time.perf_counter() - began):.1f} ms")
        began = time.perf_counter()
        store.close()
        Store(Path(folder)).close()
        print(f"opened again: {time.perf_counter() - began:.2f} s")
        store, began = Store(Path(folder)), time.perf_counter()
        store.rebuild()
        print(f"index made again: {time.perf_counter() - began:.0f} s")
        store.close()


if __name__ == "__main__":
    main()
