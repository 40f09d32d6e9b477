"""Shared memory: what is shared stays what it is until it is given back, and frames go another way if it fails."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from edge_daemon.messages.frames import SharedBuffer
from edge_daemon.transport.shared_memory import HEADER, LEAST_BYTES, MOST_SLOTS, READERS, REST_S, Mappings, Pools, Slot

Plane = NDArray[np.uint8]
SLOTS = 3
WORKERS = ("m-0", "m-1")
READER = """
import sys, msgspec
from edge_daemon.transport.shared_memory import Mappings
from edge_daemon.messages.frames import SharedBuffer
loans = Mappings()
for line in sys.stdin:
    print(len(loans.data(msgspec.json.decode(line, type=SharedBuffer))), flush=True)
"""


def coming(pools: Pools) -> int:
    """The number of a worker that comes."""
    reader = pools.reader("m-0")
    assert reader is not None
    return reader


def put(pools: Pools, arrays: list[Plane]) -> Slot:
    """A slot with these, which is to be had."""
    slot = pools.put(arrays)
    assert slot
    return slot


def seen(slot: Slot, reader: int, loans: Mappings) -> SharedBuffer:
    """What a worker is shared that has seen the pool by now."""
    shared = slot.lend(reader)
    loans.data(shared)
    return slot.lend(reader) if shared.slot is None else shared


class Sharing(RuleBasedStateMachine):
    """A capture that puts pictures and lets go of them, workers that read, give back, and die."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = Pools(SLOTS)
        self.owned: list[tuple[Slot, bytes]] = []
        self.numbers = {worker: self.pools.reader(worker) for worker in WORKERS}
        self.loans = {worker: Mappings() for worker in WORKERS}
        self.shared: list[tuple[str, SharedBuffer, bytes]] = []

    def teardown(self) -> None:
        self.pools.close()

    @rule(data=st.binary(min_size=1, max_size=40), large=st.booleans())
    def put(self, data: bytes, large: bool) -> None:
        data = data * (1 + large * LEAST_BYTES)
        pieces = [np.frombuffer(data, np.uint8)[: len(data) // 2], np.frombuffer(data, np.uint8)[len(data) // 2 :]]
        slot = self.pools.put(pieces)
        in_use = len(self.owned) + len(self.shared)
        assert slot or in_use >= SLOTS, f"no slot, though only {in_use} can be in use"
        if slot:
            self.owned.append((slot, data))

    @precondition(lambda self: self.owned)
    @rule(which=st.integers(0, 99), worker=st.sampled_from(WORKERS))
    def lend(self, which: int, worker: str) -> None:
        slot, data = self.owned[which % len(self.owned)]
        number = self.numbers[worker]
        assert number is not None
        shared = slot.lend(number)
        if shared.slot is None:
            assert not self.loans[worker].data(shared), "bytes that are not shared are not to be read"
        else:
            assert all((worker, shared) != (other, before) for other, before, _ in self.shared), (
                "it is given back but once"
            )
            self.shared.append((worker, shared, data))

    @precondition(lambda self: self.owned)
    @rule(which=st.integers(0, 99))
    def let_go(self, which: int) -> None:
        del self.owned[which % len(self.owned)]

    @precondition(lambda self: self.shared)
    @rule(which=st.integers(0, 99))
    def give_back(self, which: int) -> None:
        worker, shared, _ = self.shared.pop(which % len(self.shared))
        self.loans[worker].give_back(shared)

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        self.shared = [one for one in self.shared if one[0] != worker]
        self.loans[worker] = Mappings()
        self.numbers[worker] = self.pools.reader(worker)

    @rule(later_s=st.sampled_from([0.0, 2 * REST_S]))
    def rest(self, later_s: float) -> None:
        self.pools.rest(time.monotonic() + later_s)

    @invariant()
    def all_is_what_it_was(self) -> None:
        for slot, data in self.owned:
            assert slot.data == data
        for worker, shared, data in self.shared:
            assert self.loans[worker].data(shared) == data


TestSharing = Sharing.TestCase
TestSharing.settings = settings(stateful_step_count=40)


def a_picture(value: int = 1) -> list[Plane]:
    return [np.full((40, 50), value, np.uint8)]


def test_what_is_put_is_read_where_it_lies_and_cannot_be_changed_there() -> None:
    pools, loans = Pools(SLOTS), Mappings()
    reader = coming(pools)
    slot = put(pools, a_picture(7))
    data = loans.data(seen(slot, reader, loans))
    assert data == bytes([7]) * 2000
    assert data.readonly
    slot.data[0] = 9
    assert data[0] == 9, "it is the same memory"
    pools.close()


def test_a_worker_that_is_killed_holds_nothing_once_the_next_has_come() -> None:
    pools = Pools(1)
    reader = coming(pools)
    slot = put(pools, a_picture())
    with subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin
        assert worker.stdout
        for size in (b"0\n", b"2000\n"):
            worker.stdin.write(msgspec.json.encode(slot.lend(reader)) + b"\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == size
        worker.send_signal(signal.SIGKILL)
    del slot
    assert pools.put(a_picture()) is None, "nobody has said that it does not read"
    assert pools.reader("m-0") == reader
    slot = put(pools, a_picture())
    assert slot.lend(reader).slot is None, "the new one has not seen the pool"
    pools.close()


def test_a_name_that_is_another_files_by_now_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = tmp_path / "edge-daemon frames"
    other.write_bytes(bytes(2 * HEADER))
    pools = Pools(1)
    slot = put(pools, a_picture())
    real = slot.lend(0)
    wrong = [
        msgspec.structs.replace(real, pool=str(other)),
        msgspec.structs.replace(real, created_ns=real.created_ns + 1),
        msgspec.structs.replace(real, pool="/proc/self/fd/999999"),
    ]
    for shared in wrong:
        shared = msgspec.structs.replace(shared, slot=0)
        loans = Mappings()
        assert not loans.data(shared)
        loans.give_back(shared)
        assert not loans.data(shared)
    assert caplog.text.count("cannot map the shared memory") == len(wrong), "said once each"
    assert other.read_bytes() == bytes(2 * HEADER)
    assert slot.lend(0).slot is None, "nobody has seen it"
    pools.close()


def test_another_pool_of_the_same_name_is_not_taken_for_the_one_before() -> None:
    loans, names = Mappings(), set()
    for value in (1, 2):
        pools = Pools(1)
        shared = seen(put(pools, a_picture(value)), coming(pools), loans)
        names.add(shared.pool)
        assert loans.data(shared)[0] == value
        pools.close()
    assert len(names) == 1, "the system gives a file's number to the next one"


def test_a_frame_of_a_capture_that_is_gone_is_read_after_the_first_of_the_next_capture() -> None:
    mappings, lent = Mappings(), []
    for value in range(4):
        pools = Pools(1)
        lent.append(seen(put(pools, a_picture(value)), coming(pools), mappings))
        assert mappings.data(lent[-1])[0] == value
        pools.close()
        assert all(mappings.data(before)[0] == value - 1 for before in lent[-2:-1]), "it was on its way"
    assert not mappings.data(lent[0]), "it is not kept for ever"


def test_where_there_is_no_memory_there_is_no_slot() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    pools = Pools(4)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER + LEAST_BYTES // 2, hard))  # of files in memory too
    try:
        assert pools.put(a_picture()) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert pools.put(a_picture()), "as soon as there is some, there is one"
    pools.close()


def test_memory_is_given_back_when_nobody_uses_it() -> None:
    pools, loans = Pools(4), Mappings()
    reader = coming(pools)
    slot = put(pools, [np.ones(10 * LEAST_BYTES, np.uint8)])
    shared = seen(slot, reader, loans)
    file = Path(shared.pool)

    def taken() -> int:
        return 512 * file.stat().st_blocks

    assert taken() > 10 * LEAST_BYTES
    later = time.monotonic() + 2 * REST_S
    pools.rest(later)
    del slot
    pools.rest(later)
    assert taken() > 10 * LEAST_BYTES, "it is still read"
    loans.give_back(shared)
    pools.rest(later)
    assert taken() == HEADER
    again = put(pools, [np.full(10 * LEAST_BYTES, 3, np.uint8)])
    assert loans.data(again.lend(reader)) == bytes([3]) * 10 * LEAST_BYTES
    pools.close()


def test_only_so_many_workers_and_slots() -> None:
    pools = Pools(10 * MOST_SLOTS)
    numbers = [pools.reader(f"m-{number}") for number in range(READERS + 1)]
    assert numbers == [*range(READERS), None]
    slots = [pools.put(a_picture(number)) for number in range(MOST_SLOTS + 1)]
    assert slots[-1] is None
    loans = Mappings()
    for number, slot in enumerate(slots[:-1]):
        assert slot
        assert loans.data(seen(slot, READERS - 1, loans))[0] == number
    pools.close()
