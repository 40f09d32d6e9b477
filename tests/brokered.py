"""Holds deliveries to brokers and files to their promise, while everything that takes part is killed at random.

    python -m tests.brokered mqtt|nats|kafka|files [--seeds 20] [--seconds 30] [--rate 40]
    python -m tests.brokered nats --measure [--seconds 60] [--rate 500]

A sink's outbox has events of several cameras stored. Bridge and recorder are killed; the broker is killed, frozen, and
away for a while (those for Kafka and MQTT lose what they have acknowledged if they are killed, so they are ended
instead); the folder of the files is away. In the end each event that was stored is there, in order for each
camera, and none twice; in Kafka and MQTT only with the same id and content.

With --measure nothing is killed, but the receiver is away for half the time: CPU time, memory, and the time until the
receiver has everything.
"""

import argparse
import asyncio
import json
import logging
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psutil

from edge_daemon.delivery.settings import (
    AnyReceiver,
    BridgeSettings,
    FilesSettings,
    KafkaSettings,
    MqttSettings,
    NatsSettings,
)
from edge_daemon.messages.recording import Record
from edge_daemon.messages.status import BridgeReport
from edge_daemon.settings import RecorderSettings, StorageSettings
from edge_daemon.sink.outbox import Outbox
from edge_daemon.store.reader import Reader
from tests.brokers import KafkaBroker, NatsServer, add_stream, add_topic, consumed, held
from tests.mqtt_broker import Mosquitto, Watcher
from tests.spawned import Spawned
from tests.unit.test_store import event
from tests.waiting import eventually

RECORDER, BRIDGE = "edge_daemon.recorder.process", "edge_daemon.bridge.process"
CAMERAS = ("yard", "gate", "hall", "dock")
HIT_S, LAST_S, REST_S = 1.5, 120.0, 1.5
"""Mean time between two hits, time for the rest when all are well again, and until nothing more is on its way."""
WINDOW_S = 2.0
"""For this time the stream knows ids again: what comes later has to be recognised by the bridge."""


class Arrived(NamedTuple):
    """A message at its receiver."""

    id: str
    camera: str
    body: bytes


class End:
    """A receiver. Each of `hits` harms it; `heal` makes it well again."""

    doubles = False
    """True if it may have messages twice."""
    settings: AnyReceiver
    hits: dict[str, Callable[[], object]]

    def heal(self) -> None:
        raise NotImplementedError

    def arrived(self) -> list[Arrived]:
        """All messages, in order."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it."""


class Nats(End):
    def __init__(self, folder: Path) -> None:
        self.server = NatsServer(folder / "nats")
        self.server.start()
        asyncio.run(add_stream(self.server.url, duplicate_window=WINDOW_S))
        self.settings = NatsSettings(servers=(self.server.url,))
        self.hits = {"server killed": self._restart, "server away": self.server.kill, "frozen": self.server.freeze}

    def heal(self) -> None:
        if self.server.is_running:
            self.server.thaw()
        else:
            self.server.start()

    def arrived(self) -> list[Arrived]:
        found = asyncio.run(held(self.server.url))
        return [Arrived(one.id, one.body["camera"], json.dumps(one.body).encode()) for one in found]

    def stop(self) -> None:
        self.server.kill()

    def _restart(self) -> None:
        self.server.kill()
        self.server.start()


class Kafka(End):
    doubles = True

    def __init__(self, folder: Path) -> None:
        self.broker = KafkaBroker(folder / "kafka")
        self.broker.start()
        add_topic(self.broker.address, "edge", 3)
        self.settings = KafkaSettings(servers=(self.broker.address,), topic="edge")
        self.hits = {"broker away": lambda: self.broker.kill(signal.SIGTERM), "frozen": self.broker.freeze}

    def heal(self) -> None:
        if self.broker.is_running:
            self.broker.thaw()
        else:
            self.broker.start()

    def arrived(self) -> list[Arrived]:
        found = consumed(self.broker.address, "edge")
        return [Arrived(one.headers["id"], one.body["camera"], json.dumps(one.body).encode()) for one in found]

    def stop(self) -> None:
        self.broker.kill()


class Mqtt(End):
    doubles = True

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder / "mosquitto")
        self.broker.start()
        self._watcher = Watcher(self.broker.port)
        self.settings = MqttSettings(servers=(self.broker.url,))
        self.hits = {"broker away": lambda: self.broker.kill(signal.SIGTERM), "frozen": self.broker.freeze}

    def heal(self) -> None:
        if self.broker.is_running:
            self.broker.thaw()
        else:
            self.broker.start()

    def arrived(self) -> list[Arrived]:
        eventually(lambda: time.monotonic() - self._watcher.seen[-1].at_s > REST_S, LAST_S, what="rest")
        found = [one for one in self._watcher.seen if "/event/" in one.topic]
        return [Arrived("{id}/{phase}".format(**one.json), one.json["camera"], one.payload) for one in found]

    def stop(self) -> None:
        self._watcher.close()
        self.broker.kill()


class Files(End):
    def __init__(self, folder: Path) -> None:
        self._folder, self._away = folder / "lines", folder / "away"
        self._folder.mkdir()
        path = str(self._folder / "events.jsonl")
        self.settings = FilesSettings(path=path, size_bytes=50_000, age_s=None, keep=10_000)
        self.hits = {"folder away": lambda: self._folder.rename(self._away)}

    def heal(self) -> None:
        if self._away.exists():
            self._away.rename(self._folder)

    def arrived(self) -> list[Arrived]:
        older = sorted(self._folder.glob("events-*.jsonl"))
        last = [path for path in [self._folder / "events.jsonl"] if path.exists()]
        lines = [line for path in [*older, *last] for line in path.read_bytes().splitlines()]
        data = [json.loads(line) for line in lines]
        return [
            Arrived(f"{one['id']}/{one['phase']}", one["camera"], line) for one, line in zip(data, lines, strict=True)
        ]


ENDS: dict[str, Callable[[Path], End]] = {"nats": Nats, "kafka": Kafka, "files": Files, "mqtt": Mqtt}


class Outcome(NamedTuple):
    """What a run came to."""

    stored: int
    doubled: int
    hits: Counter[str]
    back_s: float


class Site:
    """A store with its recorder, and a bridge to a receiver."""

    def __init__(self, folder: Path, kind: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.end = ENDS[kind](folder)
        storage = StorageSettings(folder=str(folder / "store"), media=str(folder / "media"))
        address = f"ipc://{folder}/recorder"
        self._recording = RecorderSettings(bind=address, storage=storage, receivers=("hub",))
        self._delivering = BridgeSettings(
            name="hub", receiver=self.end.settings, since="beginning", storage=storage, recorder=address, box="box"
        )
        self.store = Path(storage.folder)
        self.recorder = Spawned(RECORDER, self._recording)
        self.bridge = Spawned(BRIDGE, self._delivering, BridgeReport)
        self.outbox, self.made = Outbox(address), 0
        self.taken: list[Record] = []
        self.hits: Counter[str] = Counter()

    @property
    def report(self) -> BridgeReport:
        """The bridge's last report."""
        assert isinstance(self.bridge.report, BridgeReport)
        return self.bridge.report

    def make(self, number: int) -> None:
        """Have events stored."""
        for _ in range(number):
            camera = self.chance.choice(CAMERAS)
            id, phase = str(UUID(int=self.made // 2)), ("start", "end")[self.made % 2]
            self.outbox.add((camera, "m"), event(self.made % 60, phase, id=id, camera=camera), precious=True)
            self.made += 1
        self.taken = self.outbox.take()

    def hit(self) -> None:
        """Kill a process, or harm the receiver."""
        what = self.chance.choice(("bridge", "recorder", "fine", *self.end.hits))
        self.hits[what] += 1
        match what:
            case "bridge":
                self.bridge.kill()
                self.bridge.start()
            case "recorder":
                self.recorder.kill()
                self.recorder.start()
            case "fine":
                self.end.heal()
            case _:
                self.end.heal()
                self.end.hits[what]()

    def step(self) -> None:
        """Exchange messages with the recorder."""
        list(self.outbox.exchange())
        self.bridge.read()
        self.recorder.read()

    def delivered(self) -> bool:
        """True once the cursor has reached the end of the store."""
        self.step()
        return self.outbox.is_empty and self.report.position == self.made and not self.report.waiting

    def stop(self) -> None:
        """End everything."""
        self.outbox.close()
        self.bridge.stop()
        self.recorder.stop()
        self.end.stop()


def run(kind: str, seed: int, seconds: float, rate: float) -> Outcome:
    """One run.

    Raises:
        AssertionError: a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="brokered-") as folder:
        site = Site(Path(folder), kind, seed)
        try:
            end_s, hit_s, made_s = time.monotonic() + seconds, time.monotonic() + HIT_S, time.monotonic()
            while (now := time.monotonic()) < end_s:
                if now >= made_s:
                    site.make(max(1, round(rate / 20)))
                    made_s += 0.05
                if now >= hit_s:
                    site.hit()
                    hit_s = now + site.chance.expovariate(1 / HIT_S)
                site.step()
                time.sleep(0.005)
            site.end.heal()
            back_s = time.monotonic()
            eventually(site.delivered, LAST_S, what="all deliveries")
            return _checked(site, time.monotonic() - back_s)
        finally:
            site.stop()


def _checked(site: Site, back_s: float) -> Outcome:
    reader = Reader(site.store)
    entries = [(position, json.loads(body)) for position, _, body in reader.entries(0, site.made + 1000)]
    by_event = isinstance(site.end, Files | Mqtt)
    ids = [f"{one['id']}/{one['phase']}" if by_event else f"{reader.id}:{position}" for position, one in entries]
    stored = dict(zip(ids, [one for _, one in entries], strict=True))
    assert len(stored) == site.made, f"{len(stored)} of {site.made} stored"
    found = site.end.arrived()
    for one in found:
        assert json.loads(one.body) == stored[one.id], f"{one.id} is not what was stored"
    first = list(dict.fromkeys(one.id for one in found))
    assert set(first) == set(stored), f"not delivered: {sorted(set(stored) - set(first))[:5]}"
    doubled = len(found) - len(first)
    assert site.end.doubles or not doubled, f"{doubled} came twice"
    for camera in CAMERAS:
        wanted = [id for id in ids if stored[id]["camera"] == camera]
        assert [id for id in first if stored[id]["camera"] == camera] == wanted, (
            f"those of {camera} overtook each other"
        )
    return Outcome(len(stored), doubled, site.hits, back_s)


def measure(kind: str, seconds: float, rate: float) -> None:
    """Print what a steady rate and an outage cost."""
    with tempfile.TemporaryDirectory(prefix="brokered-") as folder:
        site = Site(Path(folder), kind, 0)
        process = psutil.Process(site.bridge.pid)
        try:
            for name, away in (("there", False), ("away", True), ("there again", False)):
                if away:
                    next(one for of, one in site.end.hits.items() if "away" in of)()
                elif name != "there":
                    site.end.heal()
                before, most, began_s, made = sum(process.cpu_times()[:2]), 0.0, time.monotonic(), site.made
                lag_s = None
                while (now := time.monotonic()) < began_s + (seconds / 2 if away else seconds):
                    due = round((now - began_s) * rate) - (site.made - made)
                    if due > 0:
                        site.make(due)
                    site.step()
                    lag = site.made - site.report.position
                    most = max(most, lag)
                    if lag_s is None and lag < rate:
                        lag_s = now - began_s
                    time.sleep(0.01)
                cpu = sum(process.cpu_times()[:2]) - before
                pss = process.memory_full_info().pss / 1e6
                print(
                    f"{kind}, {name}: {(site.made - made) / (now - began_s):.0f} events/s,"
                    f" {1e6 * cpu / max(1, site.made - made):.0f} us of CPU each, {pss:.1f} MB,"
                    f" at most {most:.0f} behind{f', less than 1 s behind after {lag_s:.1f} s' if lag_s else ''}",
                    flush=True,
                )
            back_s = time.monotonic()
            eventually(site.delivered, LAST_S, what="all deliveries")
            found = _checked(site, time.monotonic() - back_s)
            print(f"{kind}: {found.stored} events, {found.doubled} twice, all {found.back_s:.1f} s later")
        finally:
            site.stop()


def main() -> None:
    """Run some seeds, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(ENDS))
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=40.0, help="events a second")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if given.measure:
        measure(given.kind, given.seconds, given.rate)
        return
    for seed in range(given.first, given.first + given.seeds):
        found = run(given.kind, seed, given.seconds, given.rate)
        hits = ", ".join(f"{name} {count}" for name, count in sorted(found.hits.items()))
        words = f"{found.stored} events, {found.doubled} of them twice, all {found.back_s:.1f} s later"
        print(f"{given.kind}, seed {seed}: {words} ({hits})", flush=True)


if __name__ == "__main__":
    main()
