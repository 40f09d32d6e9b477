"""Longer CPU slices for threads that compute (man 2 sched_setattr)."""

import ctypes
import os
import platform
import struct
from typing import NamedTuple

SLICE_NS = 20_000_000
"""Longer than most models take for a frame."""
_NUMBERS = {"x86_64": (315, 314), "aarch64": (275, 274)}
"""Numbers of the system calls sched_getattr and sched_setattr, for which Python has no functions."""
_LAYOUT = struct.Struct("<IIQiIQQQ")


class _Attributes(NamedTuple):
    """`struct sched_attr` in its first version; `runtime_ns` is the slice of a thread of the normal policy."""

    size: int
    policy: int
    flags: int
    nice: int
    priority: int
    runtime_ns: int
    deadline_ns: int
    period_ns: int


def use_long_slices() -> None:
    """Let this thread take its share of the CPU in long slices: threads with short work are scheduled first, and this
    one loses nothing. Works on Linux 6.12 and newer; before, or where it is forbidden, nothing changes.
    """
    attributes = _read(0)
    if attributes and attributes.policy == os.SCHED_OTHER:
        buffer = ctypes.create_string_buffer(_LAYOUT.pack(*attributes._replace(runtime_ns=SLICE_NS)))
        _call(1, 0, buffer, 0)


def slice_ns(thread: int = 0) -> int:
    """Slice of a thread by its number (0: the calling thread); 0 if the kernel does not report it."""
    attributes = _read(thread)
    return attributes.runtime_ns if attributes else 0


def _read(thread: int) -> _Attributes | None:
    buffer = ctypes.create_string_buffer(_LAYOUT.size)
    return _Attributes(*_LAYOUT.unpack(buffer)) if _call(0, thread, buffer, _LAYOUT.size, 0) else None


def _call(which: int, *arguments: object) -> bool:
    numbers = _NUMBERS.get(platform.machine())
    return numbers is not None and ctypes.CDLL(None).syscall(numbers[which], *arguments) == 0
