"""Shared memory between a capture and the workers of its machine: pixels are written once, and read in place.

A pool is an anonymous memory file of equal slots. In front of the slots are flags, one for each worker and slot: the
capture sets a flag when it lends the slot, and the worker clears it when it is done. A slot without owner and flags is
free. A worker sets a flag of its own once it has mapped the memory; until then, and if there is no free slot or no
memory, it is sent bytes.
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
"""Largest number of workers that can read from a pool."""
CREATED, SEEN, FLAGS, HEADER = 0, READERS, 2 * READERS, max(4096, mmap.PAGESIZE)
"""Offsets of the creation time, of the flags of workers that have mapped the pool, of the slots' flags, of the slots.
"""
MOST_SLOTS = (HEADER - FLAGS) // READERS
LEAST_BYTES = 1 << 16
REST_S = 10.0
"""Time after which the memory of an unused pool is returned to the system."""
_DOWN = bytes(READERS)


def flag_of(slot: int, reader: int) -> int:
    """Offset of the flag that `reader` reads from a slot."""
    return FLAGS + slot * READERS + reader


@dataclass(eq=False)
class Slot:
    """Memory for the `length` bytes of one picture, reserved while this object exists or a flag is set."""

    pool: "Pool"
    number: int
    length: int

    @property
    def data(self) -> memoryview:
        """The slot's bytes."""
        start = self.pool.start_of(self.number)
        return self.pool.memory[start : start + self.length]

    def lend(self, reader: int) -> SharedBuffer:
        """The reference for a worker. It has no slot if the worker has not mapped the pool, or has this slot already,
        which it returns only once.
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
    """A number of slots of `size` bytes, which take no memory until they are used.

    Raises:
        OSError: the system has no memory for it.
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
        self._backed = [0] * slots  # bytes of each slot that have memory
        self._used_at = time.monotonic()

    def start_of(self, slot: int) -> int:
        """Offset of a slot."""
        return HEADER + slot * self._size

    def take(self, length: int) -> Slot | None:
        """A free slot for this number of bytes; None if there is none, or no memory."""
        number = next(filter(self._is_free, range(len(self._owners))), None)
        if number is None or not self._has_memory(number, length):
            return None
        slot = Slot(self, number, length)
        self._owners[number] = weakref.ref(slot)
        self._used_at = time.monotonic()
        return slot

    def forget(self, reader: int) -> None:
        """Clear the flags of a worker that is gone."""
        for flag in (SEEN + reader, *(flag_of(slot, reader) for slot in range(len(self._owners)))):
            self.memory[flag] = 0

    def rest(self, now: float) -> None:
        """Return the memory of a pool that has not been used for a while."""
        slots = range(len(self._owners))
        if now - self._used_at > REST_S and any(self._backed) and all(map(self._is_free, slots)):
            with contextlib.suppress(OSError):  # memory that cannot be returned is kept
                self._map.madvise(mmap.MADV_REMOVE, HEADER, len(slots) * self._size)
            self._backed = [0] * len(slots)

    def close(self) -> None:
        """Close the file; processes that have mapped it keep it."""
        os.close(self._fd)

    def _is_free(self, slot: int) -> bool:
        owner, flags = self._owners[slot], flag_of(slot, 0)
        return (owner is None or owner() is None) and self.memory[flags : flags + READERS] == _DOWN

    def _has_memory(self, slot: int, length: int) -> bool:
        """Allocate memory before writing to it: without memory, a write would kill this process."""
        if self._backed[slot] < length:
            try:
                os.posix_fallocate(self._fd, self.start_of(slot), length)
            except OSError:
                return False
            self._backed[slot] = length
        return True


class Pools:
    """A capture's pools, one for pictures of similar size, each with the same number of slots. Thread-safe."""

    def __init__(self, slots: int) -> None:
        self._slots = min(slots, MOST_SLOTS)
        self._pools: dict[int, Pool] = {}
        self._choosing = threading.Lock()
        self._readers: list[str] = []

    def put(self, arrays: Sequence[NDArray[np.uint8]]) -> Slot | None:
        """Copy arrays (uint8, any shape), one after the other, into shared memory; None if there is no room."""
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
        """The number of a newly connected worker, replacing an older one of its name; None if there are too many."""
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
        """Return the memory of pools that have not been used for a while."""
        with self._choosing:
            for pool in self._pools.values():
                pool.rest(now)

    def close(self) -> None:
        """Close all pools."""
        for pool in self._pools.values():
            pool.close()


class Mappings:
    """A worker's mappings of captures' pools."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, int], memoryview | None] = {}  # by name and time of creation
        self._gone: set[tuple[str, int]] = set()  # of captures that were gone when the last one was mapped

    def data(self, shared: SharedBuffer) -> memoryview:
        """The bytes, read-only; empty if the worker is only to map the pool, or cannot."""
        memory = self._memory(shared)
        if memory is None or shared.slot is None:
            return memoryview(b"")
        return memory[shared.start : shared.start + shared.length].toreadonly()

    def give_back(self, shared: SharedBuffer) -> None:
        """Clear the flag: the worker is done with the bytes."""
        memory = self._memory(shared)
        if memory is not None and shared.slot is not None:
            memory[flag_of(shared.slot, shared.reader)] = 0

    def _memory(self, shared: SharedBuffer) -> memoryview | None:
        key = shared.pool, shared.created_ns
        if key not in self._pools:
            self._drop_gone()
            self._pools[key] = memory = _mapped(shared)
            if memory is None:
                logger.warning("cannot map the shared memory of a capture, which sends its frames as bytes instead")
            else:
                memory[SEEN + shared.reader] = 1
        return self._pools[key]

    def _drop_gone(self) -> None:
        """Drop the pools that were gone the last time already: frames of those that went since may be on their way."""
        for key in self._gone:
            del self._pools[key]
        newest = dict(self._pools.keys())  # by name
        self._gone = {(name, at) for name, at in self._pools if newest[name] != at or not Path(name).exists()}


def _mapped(shared: SharedBuffer) -> memoryview | None:
    """The memory of a pool. Verified before it is written to: the name may refer to another file by now."""
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
