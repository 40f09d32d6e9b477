"""What a store has after a power cut, at any moment: it opens, is whole, and misses at most the alerts of the last 2 s.

`python -m tests.power_cut replay [--steps N]`: writes and syncs of a store are recorded, and made again on a disk that
drops all that was not synced, up to each of them; and on disks that had written some of it nevertheless.

`python -m tests.power_cut image [--instants N]`, as root: the recorder works on an ext4 file system in a file, which is
copied at many instants; each copy is mounted, and its store opened.

With `--no-sync`, syncs do nothing: the proof has to fail, and ends with 0 if it does.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from edge_daemon.runtime.state import make_folder, replace_file
from edge_daemon.settings import RecorderSettings, StorageSettings
from edge_daemon.sink.outbox import Outbox
from edge_daemon.store.check import check
from edge_daemon.store.entry import Entry
from edge_daemon.store.journal import Journal
from edge_daemon.store.media import path_of, settle
from edge_daemon.store.reader import Query, Reader
from edge_daemon.store.store import JOURNAL, MEDIA, Store
from tests.disk import Call, Disk, trace
from tests.integration.test_recorder import KEY, Process
from tests.unit.test_store import counts, event, track

MOST_LOST_S = 2.0
TICK_S, STEP_S = 1.0, 0.25
WALL_S = 1_795_903_200.0
DAY_STEPS = 80
"""Steps after which it is another day."""


def id_of(number: int) -> str:
    """The id of an event."""
    return str(UUID(int=(int(WALL_S * 1e3) << 80) | number))


def load(folder: Path, steps: int) -> None:
    """Work with a store as the recorder does, on a clock of its own; print what was stored, and the time."""
    chance, boot_s, wall_s, tick_s = random.Random(1), 0.0, WALL_S, 0.0
    store = Store(folder, wall_s=lambda: wall_s, boot_s=lambda: boot_s, boot="before")
    for step in range(steps):
        boot_s, wall_s = boot_s + STEP_S, wall_s + STEP_S + (86400 if step % DAY_STEPS == DAY_STEPS - 1 else 0)
        id = id_of(step)
        if chance.random() < 0.5:
            if chance.random() < 0.3:
                place = path_of(folder / MEDIA, "yard", id, "still")
                make_folder(place.parent)
                replace_file(place, b"still")
                place = path_of(folder / MEDIA, "yard", id, "clip")
                part = place.with_suffix(".part")
                part.write_bytes(b"clip" * 1000)
                settle(part, place)
                stored = store.add([event(step, id=id, still="/still", clip="/clip")])
            else:
                stored = store.add([event(step, id=id)])
            _say(f"stored {store.id} {stored[-1].position} {id}")
        store.add([counts(step % 59), track(step)])
        if step % DAY_STEPS == DAY_STEPS // 2 and store.index:
            gone = store.index.positions(id_of(chance.randrange(step)))
            for one in range(step // 2):
                gone += store.index.positions(id_of(one))
                _say(f"gone {id_of(one)}")
            store.drop(gone)
            list(store.compact())
        if step % DAY_STEPS == DAY_STEPS // 4 and store.index:
            _say(f"gone {id_of(step // 3)}")
            list(store.erase(store.index.positions(id_of(step // 3))))
        if boot_s - tick_s >= TICK_S:
            tick_s = boot_s
            store.tick()
        _say(f"clock {boot_s}")
    store.close()


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


class Alert(NamedTuple):
    """An alert that was stored: the store, the position in it, and the time."""

    store: str
    position: int
    at_s: float


def faults_of(folder: Path, alerts: dict[str, Alert], gone: set[str], now_s: float) -> Iterator[str]:
    """Sentences on what is wrong with a store that lost its power at a time."""
    if not folder.exists() and not _due(alerts, now_s):
        return
    store = Store(folder, wall_s=lambda: WALL_S + 1e6, boot_s=lambda: 1.0, boot="after")
    try:
        (new,) = store.add([event(1, id="after")])
    finally:
        store.close()
    if new.position <= max((one.position for one in alerts.values() if one.store == store.id), default=0):
        yield "positions are used again"
    journal = Journal(folder / JOURNAL)
    lines = [line for name in journal.files() for line in journal.read(name)]
    there = {line.about.subject for line in lines if isinstance(line, Entry)}
    missing = [one for one in _due(alerts, now_s) if one not in there and one not in gone]
    if missing:
        yield f"{len(missing)} alerts are missing, the newest is {now_s - alerts[missing[-1]].at_s:.2f} s old"
    yield from check(folder).faults
    for one in Reader(folder).events(Query(), 10_000):
        if one["clip"] and not path_of(folder / MEDIA, "yard", one["id"], "clip").exists():
            yield f"the clip of event {one['id']} is missing"


def _due(alerts: dict[str, Alert], now_s: float) -> list[str]:
    """The alerts that must be there."""
    return [id for id, one in alerts.items() if one.at_s <= now_s - MOST_LOST_S]


class Replay:
    """Cuts the power after each call that changes what is on the disk, just before the next such call: that is when
    most is missing.
    """

    def __init__(self, root: Path, *, syncs: bool) -> None:
        self._disk, self._root = Disk(root, syncs=syncs), root
        self._alerts: dict[str, Alert] = {}
        self._gone: set[str] = set()
        self._now_s = 0.0
        self._chance = random.Random(7)
        self.faults: Counter[str] = Counter()
        self.cuts = 0

    def run(self, calls: Sequence[Call], wear: int) -> None:
        """Cut the power at each change, and, of every `wear`th one, also with some of the unsynced data written."""
        for call in calls:
            if call.name == "write" and call.args[0] == "1":
                self._note(call.strings[0].decode())
                continue
            if call.name in ("fsync", "fdatasync"):
                self._cut()
            self._disk.apply(call)
            if call.name not in ("lseek", "close", "openat") and self._chance.random() < 1 / wear:
                self._cut(some=True)
        self._cut()

    def _note(self, text: str) -> None:
        match text.split():
            case ["stored", store, position, id]:
                self._alerts[id] = Alert(store, int(position), self._now_s)
            case ["gone", id]:
                self._gone.add(id)
            case ["clock", now_s]:
                self._now_s = float(now_s)

    def _cut(self, *, some: bool = False) -> None:
        self.cuts += 1
        with tempfile.TemporaryDirectory() as folder:
            share = self._chance.random()
            self._disk.write(Path(folder), (lambda: self._chance.random() < share) if some else (lambda: True))
            self.faults.update(faults_of(Path(folder) / "store", self._alerts, self._gone, self._now_s))


def replay(steps: int, *, syncs: Sequence[bool] = (True,), wear: int = 20) -> list[Replay]:
    """Record a store at work, and cut its power everywhere, on disks that sync or do not."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "disk"
        command = [sys.executable, "-m", "tests.power_cut", "load", str(root / "store"), "--steps", str(steps)]
        root.mkdir()
        calls = list(trace(command, Path(folder) / "trace"))
        disks = [Replay(root, syncs=does) for does in syncs]
        for disk in disks:
            disk.run(calls, wear)
        return disks


SIZE = 48 << 20


@contextlib.contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    """Mount a file with a file system."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(at)], check=True)


def snapshot(image: Path) -> tuple[float, bytes]:
    """The content of a file at a moment, and this: read until nothing changes meanwhile."""
    while True:
        at_s, first = time.monotonic(), image.read_bytes()
        if first == image.read_bytes():
            return at_s, first


class Feeder(threading.Thread):
    """Sends the recorder alerts and counts, and notes when it has stored them."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self.alerts, self.stopping = address, dict[str, Alert](), False

    def run(self) -> None:
        outbox, sent, number = Outbox(self._address), dict[int, str](), 0
        while not self.stopping:
            number += 1
            alert = number % 3 == 0
            outbox.add(KEY, event(number, id=id_of(number)) if alert else counts(number % 59), precious=alert)
            for record in outbox.take():
                sent[record.number] = id_of(number) if alert else ""
            list(outbox.exchange())
            for one in [one for one in sent if one <= outbox.kept]:
                if id := sent.pop(one):
                    self.alerts[id] = Alert("", 0, time.monotonic())
            time.sleep(0.02)
        outbox.close()


def image(instants: int, *, syncs: bool) -> Counter[str]:
    """Copy the file system of a recorder at work at many instants, and open the stores in the copies."""
    chance, found = random.Random(3), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        disk, copy = place / "disk.img", place / "copy.img"
        with disk.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
        with mounted(disk, place / "disk"):
            store = place / "disk" / "store"
            settings = RecorderSettings(
                bind=f"ipc://{folder}/recorder",
                storage=StorageSettings(folder=str(store), media=str(store / MEDIA), min_free_bytes=1),
            )
            if not syncs:
                os.fsync = os.fdatasync = lambda fd: None  # the recorder is forked
            recorder = Process(place, settings)
            feeder = Feeder(settings.bind)
            feeder.start()
            try:
                for number in range(instants):
                    time.sleep(chance.uniform(0.0, 0.4))
                    at_s, content = snapshot(disk)
                    copy.write_bytes(content)
                    with mounted(copy, place / "copy"):
                        alerts = dict(feeder.alerts)
                        found.update(faults_of(place / "copy" / "store", alerts, set(), at_s))
                    if number % 20 == 19:
                        print(f"{number + 1} instants, {len(feeder.alerts)} alerts, faults: {dict(found)}", flush=True)
            finally:
                feeder.stopping = True
                feeder.join()
                recorder.stop()
    return found


def main() -> int:
    """Cut the power."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["replay", "image", "load"])
    parser.add_argument("folder", nargs="?", type=Path, help="of `load`: where to write")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--instants", type=int, default=200)
    parser.add_argument("--no-sync", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    if options.what == "load":
        load(options.folder, options.steps)
        return 0
    if options.what == "replay":
        (replayed,) = replay(options.steps, syncs=[not options.no_sync])
        cuts, faults = replayed.cuts, replayed.faults
    else:
        cuts, faults = options.instants, image(options.instants, syncs=not options.no_sync)
    for sentence, times in faults.most_common(20):
        print(f"{times} x {sentence}")
    print(f"{cuts} power cuts in {time.monotonic() - began:.0f} s: {sum(faults.values())} faults")
    return bool(faults) is not options.no_sync


if __name__ == "__main__":
    sys.exit(main())
