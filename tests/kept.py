"""Kills and stops processes of a daemon that records, fills its disk and frees it, and holds the store to its promises.

    python -m tests.kept [--seeds 20] [--first 0] [--seconds 40]

A camera with events, clips and continuous recording; a hit every two seconds, and the disk of the store (a small tmpfs,
so it needs root) is full for a third of the time. Then no event may be in the store twice or missing, by what the sink
has written to another disk; journal, index and folder have to agree; each clip and segment has to decode without an
error from its first frame on, and an event without a clip needs a line in the log.
"""

import argparse
import os
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import av

from edge_daemon.store.check import check
from edge_daemon.store.entry import Entry, seconds_of
from edge_daemon.store.journal import Journal
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Query, Reader, StoreAway
from edge_daemon.store.store import JOURNAL, MEDIA
from tests.acceptance.harness import Daemon, running
from tests.chaos import Chaos
from tests.evidence import KINDS, street, write

CONFIG = """
cameras:
  yard:
    source: '{source}'
    loop: true
    fps: 5
    zones: {{left: {{points: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}}}
models: {{person: {{path: builtin:person}}}}
record: {{before: 1s, after: 1s, continuous: true}}
rules: {{visitor: {{enters: left, cooldown: 1s, per: track}}}}
storage: {{path: '{store}', min_free: 1MB, max_size: 10GB}}
"""
SIZE, EVERY_S, WAIT_S = "64m", 2.0, 90.0
PATIENCE_S = 40.0
"""Time after the end of an event in which its clip may be made."""
FULL_S, FREE_S = (2.0, 5.0), (4.0, 10.0)
SECONDS, FPS = 60, 15


class Found(NamedTuple):
    """What a run has left."""

    hits: int
    fills: int
    events: int
    clips: int
    reasoned: int
    segments: int


@contextmanager
def disk(parent: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Filler:
    """Fills a disk and frees it, at times that a seed gives."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._file, self._random, self.times = folder / "filler", random.Random(-seed - 1), 0
        self._next_s = time.monotonic() + self._random.uniform(*FREE_S)

    def step(self) -> None:
        """Do what is due by now."""
        if time.monotonic() < self._next_s:
            return
        is_full = self._file.exists()
        if is_full:
            self.end()
        else:
            self.times += 1
            with suppress(OSError), self._file.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))
        self._next_s = time.monotonic() + self._random.uniform(*(FREE_S if is_full else FULL_S))

    def end(self) -> None:
        """Free the disk."""
        self._file.unlink(missing_ok=True)


def run(parent: Path, source: Path, seed: int, seconds: float) -> Found:
    """A disturbed run; what it has left is checked.

    Raises:
        AssertionError: a promise is broken.
    """
    with tempfile.TemporaryDirectory(dir=parent) as name, disk(parent) as place:
        folder, store = Path(name), place / "store"
        with running(folder, CONFIG.format(source=source, store=store), "--events", "events.jsonl") as daemon:
            chaos, filler = Chaos(daemon, seed, every_s=EVERY_S), Filler(place, seed)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                chaos.step()
                filler.step()
                time.sleep(0.02)
            chaos.end()
            filler.end()
            known = set(_begun(daemon))
            deadline = time.monotonic() + WAIT_S
            while left := _unsettled(store, known):
                assert time.monotonic() < deadline, f"not settled: {left}; {_phases(daemon, left)}"
                time.sleep(0.5)
            assert daemon.stop() == 0, "it did not stop well"
            clips, reasoned = _clips(store, daemon.log, known)
            events = _stored(store, daemon)
            return Found(len(chaos.hits), filler.times, events, clips, reasoned, _segments(store))


def _begun(daemon: Daemon) -> Counter[str]:
    """How often the sink has written that each event began."""
    return Counter(one["id"] for one in daemon.events() if one["type"] == "event" and one["phase"] == "start")


def _phases(daemon: Daemon, left: list[str]) -> list[str]:
    """The messages about these events that the sink has written."""
    about = {one.split()[0] for one in left}
    return [f"{one['id']} {one['phase']} at {one['at']}" for one in daemon.events() if one.get("id") in about]


def _unsettled(store: Path, known: set[str]) -> list[str]:
    """What is waited for: events that are not stored, go on, or may get their clip."""
    try:
        there = {one["id"]: one for one in _events(store)}
    except StoreAway as error:
        return [str(error)]
    left = [f"{id} is not stored" for id in known - there.keys()]
    for event in (there[id] for id in known & there.keys()):
        if event["open"]:
            left.append(f"{event['id']} goes on")
        elif not event["clip"] and time.time() - seconds_of(event["ended_at"]) < PATIENCE_S:
            left.append(f"{event['id']} may get a clip")
    return left


def _events(store: Path) -> list[dict[str, Any]]:
    return Reader(store).events(Query(), 100_000)


def _stored(store: Path, daemon: Daemon) -> int:
    """Compare the store with what the sink has written; return the number of events."""
    faults = check(store).faults
    assert not faults, f"the store: {faults}"
    journal = Journal(store / JOURNAL)
    bodies = [one for name in journal.files() for one in journal.read(name) if isinstance(one, Entry)]
    phases = Counter((one.about.subject, one.about.phase) for one in bodies if one.about.kind == "event")
    twice = [key for key, count in phases.items() if count > 1 and key[1] != "update"]
    assert not twice, f"stored twice: {twice}"
    begun = _begun(daemon)
    assert max(begun.values(), default=0) == 1, "written twice"
    stored = {id for id, phase in phases if phase == "start"}
    assert set(begun) == stored, f"missing: {set(begun) - stored}, more: {stored - set(begun)}"
    return len(stored)


def _clips(store: Path, log: str, known: set[str]) -> tuple[int, int]:
    """Decode all clips; return their number, and how many of the known events have none for a reason that the log has;
    for others it was too late.
    """
    there = {one["id"]: one for one in _events(store)}
    clips = reasoned = 0
    for id, event in there.items():
        if event["clip"]:
            _decode(path_of(store / MEDIA, "yard", id, "clip"))
            clips += 1
        elif id in known:
            assert re.search(f"no clip of event {id}", log), f"event {id} has no clip, and the log does not say why"
            reasoned += 1
    left = {path.name[:36] for path in (store / MEDIA).glob("yard/????-??-??/*")}
    assert left <= set(there), f"files of no event: {left - set(there)}"
    return clips, reasoned


def _segments(store: Path) -> int:
    """Decode all that is recorded all the time; return the number of segments."""
    found = list((store / MEDIA).glob("yard/continuous/*/*"))
    left = [one for one in found if one.suffix == ".part"]
    assert not left, f"not finished: {left}"
    segments = [one for one in found if one.suffix == ".mp4"]
    for one in segments:
        _decode(one)
    return len(segments)


def _decode(path: Path) -> None:
    with av.open(str(path), options={"err_detect": "explode"}) as file:
        frames = [frame for frame in file.decode(video=0) if not frame.is_corrupt]
    assert frames, f"{path} shows nothing"


def main() -> None:
    """Run all seeds and print what they have left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=40.0)
    asked = parser.parse_args()
    (kind,) = [one for one in KINDS if one.name == "h264 with B-frames"]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="k") as where:
        source = write(kind, Path(where), street(SECONDS / 2), SECONDS * FPS)
        for seed in range(asked.first, asked.first + asked.seeds):
            try:
                found = run(Path(where), source, seed, asked.seconds)
                print(f"seed {seed}: {found}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"seed {seed}: FAILED: {str(error)[:2000]}", flush=True)
    print(f"{failed} of {asked.seeds} seeds failed")
    os._exit(bool(failed))


if __name__ == "__main__":
    main()
