"""Holds deliveries to their promise, while everything that takes part is killed at random.

    python -m tests.deliveries webhook|mqtt|nats|kafka|files ... [--seeds 20] [--seconds 30] [--rate 40]

A sink's outbox has events of several cameras stored. Bridge and recorder are killed; a web server refuses, is slow,
hangs up, rejects some messages, and asks to wait; a broker is killed, frozen, and away for a while (those for Kafka and
MQTT lose what they have acknowledged if they are killed, so they are ended instead); the folder of the files is away.
In the end each event that was stored is there or a dead letter, in order for each camera, and what came twice had the
same id and content; NATS and files have nothing twice.
"""

import argparse
import json
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.messages.recording import Record
from edge_daemon.messages.status import BridgeReport
from edge_daemon.settings import RecorderSettings, StorageSettings
from edge_daemon.sink.outbox import Outbox
from edge_daemon.store.cursor import CursorFile
from edge_daemon.store.reader import Reader
from tests.ends import ENDS, End
from tests.spawned import Spawned
from tests.unit.test_store import event
from tests.waiting import eventually

RECORDER, BRIDGE = "edge_daemon.recorder.process", "edge_daemon.bridge.process"
CAMERAS = ("yard", "gate", "hall", "dock")
HIT_S, LAST_S = 1.5, 120.0
"""Mean time between two hits, and time for the rest when all are well again."""


class Outcome(NamedTuple):
    """What a run came to."""

    stored: int
    doubled: int
    dead: int


class Line:
    """A receiver with its bridge, which has the name of its kind."""

    def __init__(self, folder: Path, kind: str, storage: StorageSettings, recorder: str, batch: int) -> None:
        self.kind, self._store = kind, Path(storage.folder)
        self.end: End = ENDS[kind](folder)
        settings = BridgeSettings(
            name=kind,
            kind=kind,
            receiver=self.end.settings,
            since="beginning",
            batch=batch,
            storage=storage,
            recorder=recorder,
            box="box",
        )
        self.bridge = Spawned(BRIDGE, settings, BridgeReport)

    @property
    def report(self) -> BridgeReport:
        """The bridge's last report."""
        assert isinstance(self.bridge.report, BridgeReport)
        return self.bridge.report

    def checked(self, made: int) -> Outcome:
        """What arrived of the events that were made, whose number is known.

        Raises:
            AssertionError: a promise was broken.
        """
        reader, end = Reader(self._store), self.end
        entries = [(position, json.loads(body)) for position, _, body in reader.entries(0, made + 1000)]
        ids = ["{id}/{phase}".format(**one) if end.by_event else f"{reader.id}:{position}" for position, one in entries]
        stored = dict(zip(ids, [one for _, one in entries], strict=True))
        assert len(stored) == made, f"{len(stored)} of {made} stored"
        found = end.arrived()
        for one in found:
            assert json.loads(one.body) == stored[one.id], f"{one.id} is not what was stored"
        first = dict.fromkeys(one.id for one in found)
        dead = {letter.id for letter in CursorFile(self._store, self.kind).dead()} - set(first)
        assert set(first) | dead == set(stored), f"not delivered: {sorted(set(stored) - set(first) - dead)[:5]}"
        doubled = len(found) - len(first)
        assert end.doubles or not doubled, f"{doubled} came twice"
        for camera in CAMERAS:
            wanted = [id for id in ids if stored[id]["camera"] == camera and id in first]
            came = [id for id in first if stored[id]["camera"] == camera]
            assert came == wanted, f"those of {camera} overtook each other"
        return Outcome(len(stored), doubled, len(dead))

    def stop(self) -> None:
        """End both."""
        self.bridge.stop()
        self.end.stop()


class Site:
    """A store with its recorder, and bridges to receivers of some kinds."""

    def __init__(self, folder: Path, kinds: Sequence[str], seed: int, batch: int) -> None:
        self.chance = random.Random(seed)
        storage = StorageSettings(folder=str(folder / "store"), media=str(folder / "media"))
        address = f"ipc://{folder}/recorder"
        self.recorder = Spawned(RECORDER, RecorderSettings(bind=address, storage=storage, receivers=tuple(kinds)))
        self.lines = [Line(folder, kind, storage, address, batch) for kind in kinds]
        self.outbox, self.made, self._reader = Outbox(address), 0, Reader(folder / "store")
        self._camera = ""
        self.taken: list[Record] = []
        self.hits: Counter[str] = Counter()

    def make(self, number: int) -> None:
        """Have events stored."""
        for _ in range(number):
            id, phase = str(UUID(int=self.made // 2)), ("start", "end")[self.made % 2]
            if phase == "start":
                self._camera = self.chance.choice(CAMERAS)
            about = event(self.made % 60, phase, id=id, camera=self._camera)
            self.outbox.add((self._camera, "m"), about, precious=True)
            self.made += 1
        self.taken = self.outbox.take()

    def hit(self, line: Line) -> None:
        """Kill a process, or harm the receiver."""
        what = self.chance.choice(("bridge", "recorder", "fine", *line.end.hits))
        self.hits[what] += 1
        match what:
            case "bridge":
                line.bridge.kill()
                line.bridge.start()
            case "recorder":
                self.recorder.kill()
                self.recorder.start()
            case "fine":
                line.end.heal()
            case _:
                line.end.heal()
                line.end.hits[what]()

    def step(self) -> None:
        """Exchange messages with the recorder."""
        list(self.outbox.exchange())
        self.recorder.read()
        for line in self.lines:
            line.bridge.read()

    def is_delivered(self) -> bool:
        """True once all cursors have reached the end of the store."""
        self.step()
        if not self.outbox.is_empty:
            return False
        last = self._reader.position()  # more than were made, if a recorder has left positions out
        return all(line.report.position == last and not line.report.waiting for line in self.lines)

    def stop(self) -> None:
        """End everything."""
        self.outbox.close()
        for line in self.lines:
            line.stop()
        self.recorder.stop()


def run(kind: str, seed: int, seconds: float, rate: float) -> str:
    """One run: what it came to, in words.

    Raises:
        AssertionError: a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="deliveries-") as folder:
        site = Site(Path(folder), [kind], seed, batch=1 if seed % 2 else 20)
        (line,) = site.lines
        try:
            end_s, hit_s, made_s = time.monotonic() + seconds, time.monotonic() + HIT_S, time.monotonic()
            while (now := time.monotonic()) < end_s:
                if now >= made_s:
                    site.make(max(1, round(rate / 20)))
                    made_s += 0.05
                if now >= hit_s:
                    site.hit(line)
                    hit_s = now + site.chance.expovariate(1 / HIT_S)
                site.step()
                time.sleep(0.005)
            line.end.heal()
            back_s = time.monotonic()
            eventually(site.is_delivered, LAST_S, what="all deliveries")
            back_s = time.monotonic() - back_s
            found = line.checked(site.made)
        finally:
            site.stop()
    hits = ", ".join(f"{name} {count}" for name, count in sorted(site.hits.items()))
    counts = f"{found.stored} events, {found.doubled} of them twice, {found.dead} dead letters"
    return f"{counts}, all {back_s:.1f} s later ({hits})"


def main() -> None:
    """Run some seeds of each kind, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=sorted(ENDS), metavar="KIND", help=", ".join(ENDS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=40.0, help="events a second")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for seed in range(given.first, given.first + given.seeds):
        for kind in given.kinds:
            print(f"{kind}, seed {seed}: {run(kind, seed, given.seconds, given.rate)}", flush=True)


if __name__ == "__main__":
    main()
