"""Memory that a capture shares with the workers of its machine: pixels are put there once, and read where they lie.

A pool is a file without a name, only in memory, of equal slots. Before them lie flags, one for each worker and slot:
the capture raises it when it lends the slot, the worker lowers it when it is done. A slot that nobody owns, and no flag
is up for, is used again. A worker that has the memory before its eyes says so with a flag too, and is sent bytes until
then, as it is where there is no memory, or no free slot.
"""

import contextlib
import logging
import mmap
import os
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_daemon.messages.frames import SharedBuffer

logger = logging.getLogger(__name__)
NAME = "edge-daemon frames"
READERS = 64
"""Workers that may read from a pool."""
CREATED, SEEN, FLAGS, HEADER = 0, READERS, 2 * READERS, max(4096, mmap.PAGESIZE)
"""Where it says when the pool was made, where the flags of those who see it and of the slots are, where slots begin."""
MOST_SLOTS = (HEADER - FLAGS) // READERS
LEAST_BYTES = 1 << 16
REST_S = 10.0
"""What nobody has used for so long is given back to the system."""
_DOWN = bytes(READERS)


def flag_of(slot: int, reader: int) -> int:
    """Where the flag lies that says that `reader` reads from a slot."""
    return FLAGS + slot * READERS + reader


@dataclass(eq=False)
class Slot:
    """Room for the `length` bytes of one picture: nobody else's while this object is there, or a flag is up."""

    pool: "Pool"
    number: int
    length: int

    @property
    def data(self) -> memoryview:
        """What lies here."""
        start = self.pool.start_of(self.number)
        return self.pool.memory[start : start + self.length]

    def lend(self, reader: int) -> SharedBuffer:
        """What a worker has to know to read it; without the slot where it does not see the pool yet, or has been shared
        this slot already: it gives back but once.
        """
        pool, number, flag = self.pool, self.number, flag_of(self.number, reader)
        lends = bool(pool.memory[SEEN + reader]) and not pool.memory[flag]
        if lends:
            pool.memory[flag] = 1
        return SharedBuffer(
            pool=pool.name,
            created_ns=pool.created_ns,
            reader=reader,
            slot=number if lends else None,
            start=pool.start_of(number),
            length=self.length,
        )


class Pool:
    """So many slots of `size` bytes. They take no memory before they are used.

    Raises:
        OSError: the system gives no such memory.
    """

    def __init__(self, slots: int, size: int) -> None:
        self._size, self.created_ns = size, time.monotonic_ns()
        self._fd = os.memfd_create(NAME)
        self.name = f"/proc/{os.getpid()}/fd/{self._fd}"
        try:
            os.ftruncate(self._fd, HEADER + slots * size)
            os.posix_fallocate(self._fd, 0, HEADER)
            self._map = mmap.mmap(self._fd, 0)
        except OSError:
            os.close(self._fd)
            raise
        self.memory = memoryview(self._map)
        self.memory[CREATED : CREATED + 8] = self.created_ns.to_bytes(8, "little")
        self._owners: list[weakref.ref[Slot] | None] = [None] * slots
        self._backed = [0] * slots  # bytes of each that the system has given memory for
        self._used_at = time.monotonic()

    def start_of(self, slot: int) -> int:
        """Where a slot begins."""
        return HEADER + slot * self._size

    def take(self, length: int) -> Slot | None:
        """A free slot for so many bytes; None where there is none, or no memory."""
        number = next(filter(self._is_free, range(len(self._owners))), None)
        if number is None or not self._has_memory(number, length):
            return None
        slot = Slot(self, number, length)
        self._owners[number] = weakref.ref(slot)
        self._used_at = time.monotonic()
        return slot

    def forget(self, reader: int) -> None:
        """A worker is gone, and reads nothing any more."""
        for flag in (SEEN + reader, *(flag_of(slot, reader) for slot in range(len(self._owners)))):
            self.memory[flag] = 0

    def rest(self, now: float) -> None:
        """Give the memory of a pool back that has not been used for a while."""
        slots = range(len(self._owners))
        if now - self._used_at > REST_S and any(self._backed) and all(map(self._is_free, slots)):
            with contextlib.suppress(OSError):  # what cannot be given back is kept
                self._map.madvise(mmap.MADV_REMOVE, HEADER, len(slots) * self._size)
            self._backed = [0] * len(slots)

    def close(self) -> None:
        """Let go of it; whoever sees it still does."""
        os.close(self._fd)

    def _is_free(self, slot: int) -> bool:
        owner, flags = self._owners[slot], flag_of(slot, 0)
        return (owner is None or owner() is None) and self.memory[flags : flags + READERS] == _DOWN

    def _has_memory(self, slot: int, length: int) -> bool:
        """Memory is asked for before it is written to: where there is none, writing would kill us."""
        if self._backed[slot] < length:
            try:
                os.posix_fallocate(self._fd, self.start_of(slot), length)
            except OSError:
                return False
            self._backed[slot] = length
        return True


class Pools:
    """A capture's pools of so many slots each, one for pictures of about one size; for all threads."""

    def __init__(self, slots: int) -> None:
        self._slots = min(slots, MOST_SLOTS)
        self._pools: dict[int, Pool] = {}
        self._choosing = threading.Lock()
        self._readers: list[str] = []

    def put(self, arrays: Sequence[NDArray[np.uint8]]) -> Slot | None:
        """Copy arrays (uint8, any shape), one after the other, into memory that workers can read; None for lack of room."""
        length = sum(array.size for array in arrays)
        slot = self._take(length)
        if slot:
            target, at = np.frombuffer(slot.data, np.uint8), 0
            for array in arrays:
                target[at : at + array.size].reshape(array.shape)[...] = array
                at += array.size
        return slot

    def _take(self, length: int) -> Slot | None:
        size = max(LEAST_BYTES, 1 << (length - 1).bit_length())
        with self._choosing, contextlib.suppress(OSError):
            if size not in self._pools:
                self._pools[size] = Pool(self._slots, size)
            return self._pools[size].take(length)
        return None

    def reader(self, worker: str) -> int | None:
        """The number of a worker that has come, in place of any that had its name; None where there are too many."""
        if worker not in self._readers:
            if len(self._readers) == READERS:
                return None
            self._readers.append(worker)
        reader = self._readers.index(worker)
        with self._choosing:
            for pool in self._pools.values():
                pool.forget(reader)
        return reader

    def rest(self, now: float) -> None:
        """Give memory back that has not been used for a while."""
        with self._choosing:
            for pool in self._pools.values():
                pool.rest(now)

    def close(self) -> None:
        """Let go of all."""
        for pool in self._pools.values():
            pool.close()


class Mappings:
    """What captures lend a worker."""

    def __init__(self) -> None:
        self._pools: dict[str, tuple[int, memoryview | None]] = {}

    def data(self, shared: SharedBuffer) -> memoryview:
        """The bytes, read-only; none where only the pool is to be looked at, or it cannot be seen."""
        memory = self._memory(shared)
        if memory is None or shared.slot is None:
            return memoryview(b"")
        return memory[shared.start : shared.start + shared.length].toreadonly()

    def give_back(self, shared: SharedBuffer) -> None:
        """The worker is done with them."""
        memory = self._memory(shared)
        if memory is not None and shared.slot is not None:
            memory[flag_of(shared.slot, shared.reader)] = 0

    def _memory(self, shared: SharedBuffer) -> memoryview | None:
        created_ns, memory = self._pools.get(shared.pool, (None, None))
        if created_ns != shared.created_ns:
            memory = _mapped(shared)
            self._pools = {name: seen for name, seen in self._pools.items() if Path(name).exists()}
            self._pools[shared.pool] = shared.created_ns, memory
            if memory is None:
                logger.warning("cannot share memory with a capture, which has to send its frames instead")
            else:
                memory[SEEN + shared.reader] = 1
        return memory


def _mapped(shared: SharedBuffer) -> memoryview | None:
    """A pool's memory. That it is one is seen before it is written to: the name may be another file's by now."""
    with contextlib.suppress(OSError, ValueError):
        fd = os.open(shared.pool, os.O_RDWR | os.O_CLOEXEC)
        try:
            if NAME in str(Path(f"/proc/self/fd/{fd}").readlink()):
                memory = memoryview(mmap.mmap(fd, 0))
                if memory[CREATED : CREATED + 8] == shared.created_ns.to_bytes(8, "little"):
                    return memory
        finally:
            os.close(fd)
    return None
