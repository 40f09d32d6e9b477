"""The recorder and the sink's outbox, each in a thread or process that may vanish."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.messages.recording import Record
from edge_daemon.recorder.process import serve
from edge_daemon.runtime.control import Control, Heartbeat, ProcessChannel, Ready, Stop, encoded_start
from edge_daemon.settings import RecorderSettings, StorageSettings
from edge_daemon.sink.checkpoint import Checkpoint
from edge_daemon.sink.outbox import MOST_BYTES, WINDOW, Outbox
from edge_daemon.store.check import check
from edge_daemon.store.store import Store
from tests.unit.test_store import bodies, counts, event
from tests.waiting import eventually

KEY, WAIT_S = ("yard", "m"), 10.0


class Process:
    """A recorder in a process of its own."""

    def __init__(self, folder: Path, settings: RecorderSettings) -> None:
        self.folder, self.settings, self.states = folder, settings, list[str]()
        self.start()

    def start(self) -> None:
        self._channel = ProcessChannel()
        self.pid = os.fork()
        if not self.pid:
            theirs = self._channel.theirs.detach()
            self._channel.close()
            try:
                serve(Control(theirs))
            finally:
                os._exit(0)
        self._channel.theirs.close()
        self._channel.start(encoded_start(self.settings))
        eventually(lambda: any(isinstance(one, Ready) for one in self._reports()), WAIT_S)

    def state(self) -> str:
        self.states += [one.state for one in self._reports() if isinstance(one, Heartbeat)]
        return self.states[-1] if self.states else ""

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._channel.close()

    def stop(self) -> None:
        self._channel.send(Stop())
        os.waitpid(self.pid, 0)
        self._channel.close()

    def _reports(self) -> list[Any]:
        return self._channel.receive() or []


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Process]:
    store = StorageSettings(folder=str(tmp_path / "store"), media=str(tmp_path / "media"))
    process = Process(tmp_path, RecorderSettings(bind=f"ipc://{tmp_path}/recorder", storage=store))
    yield process
    process.stop()


def deliver(outbox: Outbox) -> None:
    """Exchange messages until the recorder has all."""

    def step() -> bool:
        list(outbox.exchange())
        return outbox.is_empty

    eventually(step, WAIT_S)


def test_records_of_a_state_are_stored_in_order(recorder: Process) -> None:
    outbox = Outbox(recorder.settings.bind)
    for number in range(3 * WINDOW):
        outbox.add(KEY, counts(0).replace(b"22:00", b"%02d:%02d" % divmod(number, 60)), precious=False)
    outbox.add(("other", "m"), event(1), precious=True)
    list(outbox.exchange())
    assert outbox.is_empty  # nothing was taken into a state yet
    outbox.take([KEY])
    deliver(outbox)
    assert outbox.kept == 3 * WINDOW
    outbox.take()
    deliver(outbox)
    outbox.close()
    stored = bodies(recorder.folder / "store")
    assert len(stored) == 3 * WINDOW + 1
    assert stored[3 * WINDOW + 1] == event(1)


@pytest.mark.parametrize("seed", range(3))
def test_deaths_of_recorder_and_sink_lose_and_double_nothing(recorder: Process, seed: int) -> None:
    chance, made = random.Random(seed), 0
    path = recorder.folder / "checkpoint"
    checkpoint, outbox = Checkpoint(path), Outbox(recorder.settings.bind)
    for _ in range(60):
        for _ in range(chance.randrange(12)):
            outbox.add(KEY, event(made, id=f"number {made}"), precious=True)
            made += 1
        checkpoint.note([], {KEY: b"%d" % made}, [], outbox.take([KEY]), outbox.kept)
        for _ in range(chance.randrange(3)):
            list(outbox.exchange())
        if chance.random() < 0.1:
            deliver(outbox)
        if chance.random() < 0.1:
            recorder.kill()
            recorder.start()
        if chance.random() < 0.2:  # the sink: what was added since its last state, it makes again
            for number in range(chance.randrange(3)):
                outbox.add(KEY, event(number, id=f"number {made + number}"), precious=True)
            list(outbox.exchange())
            outbox.close()
            checkpoint.close()
            checkpoint = Checkpoint(path)
            assert checkpoint.analyses[KEY] == b"%d" % made
            outbox = Outbox(recorder.settings.bind, checkpoint.records, checkpoint.last_record)
    deliver(outbox)
    outbox.close()
    checkpoint.close()
    stored = bodies(recorder.folder / "store")
    assert [json.loads(body)["id"] for body in stored.values()] == [f"number {n}" for n in range(made)]
    assert check(recorder.folder / "store").faults == []


def test_the_sink_never_waits_for_a_recorder_that_does_not_read(recorder: Process) -> None:
    outbox = Outbox(recorder.settings.bind)
    eventually(lambda: list(outbox.exchange()) is not None and outbox._peer.connected, WAIT_S)
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        slow = 0
        for number in range(2000):
            outbox.add(KEY, event(number, id=f"number {number}", because=["x" * 900]), precious=number % 2 == 0)
            outbox.take([KEY])
            began = time.perf_counter()
            list(outbox.exchange())
            slow += time.perf_counter() - began > 0.15
        assert slow <= 3  # waiting for a peer takes 0.2 s each time; a busy machine may do so once in a while
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    deliver(outbox)
    outbox.close()
    assert len(bodies(recorder.folder / "store")) == 2000


def test_a_recorder_that_is_away_for_long_costs_what_is_least_precious(tmp_path: Path) -> None:
    outbox = Outbox(f"ipc://{tmp_path}/nobody")
    alert, other = b"a" * 10_000, b"o" * 10_000
    outbox.add(KEY, alert, precious=True)
    for _ in range(MOST_BYTES // len(other) + 10):
        outbox.add(KEY, other, precious=False)
    kept = outbox.take([KEY])
    assert kept[0] == Record(number=1, body=alert, precious=True)
    assert outbox.lost >= 10
    assert outbox._records[0].body == alert
    assert sum(len(one.body) for one in outbox._records) <= MOST_BYTES
    outbox.close()


def test_a_store_that_cannot_be_written_is_reported_and_comes_back(recorder: Process) -> None:
    folder = recorder.folder / "store"
    outbox = Outbox(recorder.settings.bind)
    outbox.add(KEY, event(1), precious=True)
    outbox.take()
    deliver(outbox)
    recorder.kill()
    shutil.rmtree(folder)
    folder.touch()  # no folder can be made there
    recorder.start()
    outbox.add(KEY, event(2), precious=True)
    outbox.take()

    def step() -> bool:
        list(outbox.exchange())
        return recorder.state().startswith("cannot write the store")

    eventually(step, WAIT_S)
    assert not outbox.is_empty
    folder.unlink()
    deliver(outbox)
    eventually(lambda: recorder.state() == "up", WAIT_S)
    outbox.close()
    assert list(bodies(folder).values()) == [event(2)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs leave to mount a file system")
def test_a_disk_that_is_full_read_only_or_away_loses_nothing_when_it_is_back(tmp_path: Path) -> None:
    image, at, made = tmp_path / "disk.img", tmp_path / "disk", 0
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    at.mkdir()

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(at)], check=True)

    try:
        mount("-o", "loop", str(image))
    except subprocess.CalledProcessError:
        pytest.skip("needs leave to mount a file system")
    folder = at / "store"
    storage = StorageSettings(folder=str(folder), media=str(at / "media"), min_free_bytes=1)
    process = Process(tmp_path, RecorderSettings(bind=f"ipc://{tmp_path}/recorder", storage=storage))
    outbox = Outbox(process.settings.bind)

    def add() -> None:
        nonlocal made
        outbox.add(KEY, event(made, id=f"number {made}", because=["x" * 5000]), precious=True)
        outbox.take()
        made += 1

    def broken() -> bool:
        if outbox.is_empty:
            add()
        list(outbox.exchange())
        return process.state().startswith("cannot write the store")

    try:
        add()
        deliver(outbox)
        with (at / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        eventually(broken, WAIT_S, what="a full disk")
        (at / "filler").unlink()
        deliver(outbox)
        process.kill()  # while a file is open, a disk does not become read-only
        mount("-o", "remount,ro")
        process.start()
        eventually(broken, WAIT_S, what="a disk that cannot be written")
        mount("-o", "remount,rw")
        deliver(outbox)
        subprocess.run(["umount", "--lazy", str(at)], check=True)
        eventually(broken, WAIT_S, what="a disk that is away")
        assert not folder.exists(), "nothing is written below the place where the disk was"
        mount("-o", "loop", str(image))
        deliver(outbox)
        eventually(lambda: process.state() == "up", WAIT_S)
        process.stop()
        stored = bodies(folder)
        assert [json.loads(body)["id"] for body in stored.values()] == [f"number {n}" for n in range(made)]
        assert check(folder).faults == []
    finally:
        outbox.close()
        subprocess.run(["umount", "--lazy", str(at)], check=False)


def test_a_store_of_a_running_recorder_is_not_written_by_others(recorder: Process) -> None:
    eventually(lambda: recorder.state() == "up", WAIT_S)
    with pytest.raises(BlockingIOError):
        Store(recorder.folder / "store")
