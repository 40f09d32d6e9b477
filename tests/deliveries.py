"""Kills bridges, recorders and receivers at random, and holds the deliveries to their promise.

    python -m tests.deliveries [--seeds 20] [--seconds 30] [--rate 40]

A sink's outbox has events of several cameras stored. The receiver is killed, refuses, is slow, rejects some messages,
and asks to wait; bridge and recorder are killed meanwhile. In the end each message that was stored has been accepted,
in order for each camera, and what was accepted again had the same id and content.
"""

import argparse
import json
import logging
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from edge_daemon.delivery.settings import BridgeSettings, WebhookSettings
from edge_daemon.messages.recording import Record
from edge_daemon.settings import RecorderSettings, StorageSettings
from edge_daemon.sink.outbox import Outbox
from edge_daemon.store.reader import Reader
from tests.receiving import Answering, HttpReceiver, Received
from tests.spawned import Spawned
from tests.unit.test_store import event
from tests.waiting import eventually

RECORDER, BRIDGE = "edge_daemon.recorder.process", "edge_daemon.bridge.process"
CAMERAS = ("yard", "gate", "hall")
HIT_S, LAST_S = 1.0, 90.0
"""Mean time between two hits, and time for the rest when all are well again."""
MOODS = ("fine", "fine", "refuses", "slow", "busy", "hangs up", "dead", "rejects")


class Outcome(NamedTuple):
    """What a run came to."""

    stored: int
    repeated: int
    hits: Counter[str]
    back_s: float


class Hook:
    """A receiver with moods."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self.mood = chance, "fine"
        self.receiver = HttpReceiver(self._judge)
        self.receiver.start()

    def change(self, mood: str) -> None:
        if (mood == "dead") != (self.mood == "dead"):
            (self.receiver.stop if mood == "dead" else self.receiver.start)()
        self.mood = mood

    def _judge(self, request: Received) -> Answering:
        match self.mood:
            case "refuses":
                return Answering(503)
            case "slow":
                time.sleep(self._chance.random() * 0.3)
            case "busy":
                return Answering(429, {"Retry-After": "1"})
            case "hangs up":
                raise ConnectionError("hangs up")
            case "rejects" if self._chance.random() < 0.2:
                return Answering(422)
        return Answering()


class Site:
    """A store with its recorder, and a bridge to a hook."""

    def __init__(self, folder: Path, seed: int, batch: int) -> None:
        self.chance = random.Random(seed)
        self.hook = Hook(self.chance)
        storage = StorageSettings(folder=str(folder / "store"), media=str(folder / "media"))
        address = f"ipc://{folder}/recorder"
        self._recording = RecorderSettings(bind=address, storage=storage, receivers=("hook",))
        webhook = WebhookSettings(url=self.hook.receiver.url, private=True)
        self._delivering = BridgeSettings(
            name="hook", receiver=webhook, since="beginning", batch=batch, storage=storage, recorder=address, box="box"
        )
        self.store = Path(storage.folder)
        self.recorder = Spawned(RECORDER, self._recording)
        self.bridge = Spawned(BRIDGE, self._delivering)
        self.outbox, self.made = Outbox(address), 0
        self.hits: Counter[str] = Counter()

    def make(self, number: int) -> None:
        """Have events stored."""
        for _ in range(number):
            camera = self.chance.choice(CAMERAS)
            id, phase = str(UUID(int=self.made // 2)), ("start", "end")[self.made % 2]
            self.outbox.add((camera, "m"), event(self.made % 60, phase, id=id, camera=camera), precious=True)
            self.made += 1
        self.taken: list[Record] = self.outbox.take()

    def hit(self) -> None:
        """Kill a process, or change the mood of the receiver."""
        what = self.chance.choice(("bridge", "recorder", *MOODS))
        self.hits[what] += 1
        match what:
            case "bridge":
                self.bridge.kill()
                self.bridge = Spawned(BRIDGE, self._delivering)
            case "recorder":
                self.recorder.kill()
                self.recorder = Spawned(RECORDER, self._recording)
            case mood:
                self.hook.change(mood)

    def step(self) -> None:
        """Exchange messages with the recorder."""
        list(self.outbox.exchange())
        self.bridge.read()
        self.recorder.read()

    def stop(self) -> None:
        """End everything."""
        self.outbox.close()
        self.bridge.stop()
        self.recorder.stop()
        self.hook.receiver.stop()


def run(seed: int, seconds: float, rate: float, batch: int) -> Outcome:
    """One run.

    Raises:
        AssertionError: a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="deliveries-") as folder:
        site = Site(Path(folder), seed, batch)
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
            site.hook.change("fine")
            back_s = time.monotonic()

            def done() -> bool:
                site.step()
                return site.outbox.is_empty and len(_accepted(site)) + len(_dead(site)) >= site.made

            eventually(done, LAST_S, what="all deliveries")
            back_s = time.monotonic() - back_s
            return _checked(site, back_s)
        finally:
            site.stop()


def _messages(site: Site) -> list[tuple[str, bytes]]:
    """Ids and contents of what was accepted, message by message."""
    found = list[tuple[str, bytes]]()
    for request in list(site.hook.receiver.accepted):
        if "ce-id" in request.headers:
            found.append((request.headers["ce-id"], request.body))
        else:
            found += [(one["id"], json.dumps(one["data"]).encode()) for one in request.json]
    return found


def _accepted(site: Site) -> set[str]:
    return {id for id, _ in _messages(site)}


def _dead(site: Site) -> set[str]:
    from edge_daemon.store.cursor import CursorFile

    return {letter.id for letter in CursorFile(site.store, "hook").dead()} - _accepted(site)


def _checked(site: Site, back_s: float) -> Outcome:
    reader = Reader(site.store)
    stored = {f"{reader.id}:{position}": json.loads(body) for position, _, body in reader.entries(0, site.made + 1000)}
    assert len(stored) == site.made, f"{len(stored)} of {site.made} stored"
    messages = _messages(site)
    contents: dict[str, bytes] = {}
    for id, body in messages:
        assert contents.setdefault(id, body) == body, f"{id} came with another content"
        assert json.loads(body) == stored[id], f"{id} is not what was stored"
    dead = _dead(site)
    assert set(contents) | dead == set(stored), f"not delivered: {sorted(set(stored) - set(contents))[:5]}"
    for camera in CAMERAS:
        order = [int(id.rpartition(":")[2]) for id in contents if stored[id]["camera"] == camera]
        assert order == sorted(order), f"messages of {camera} overtook each other"
    return Outcome(len(stored), len(messages) - len(contents), site.hits, back_s)


def main() -> None:
    """Run some seeds, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=40.0, help="events a second")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for seed in range(given.first, given.first + given.seeds):
        found = run(seed, given.seconds, given.rate, batch=1 if seed % 2 else 20)
        hits = ", ".join(f"{name} {count}" for name, count in sorted(found.hits.items()))
        words = f"{found.stored} messages delivered, {found.repeated} of them again, all {found.back_s:.1f} s later"
        print(f"seed {seed}: {words} ({hits})", flush=True)


if __name__ == "__main__":
    main()
