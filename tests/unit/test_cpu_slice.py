"""What the kernel is told of a thread that computes."""

import os
import threading

import pytest

from edge_daemon.runtime.cpu_slice import SLICE_NS, slice_ns, use_long_slices
from tests.machine import LINUX


def in_a_thread() -> tuple[int, int, int]:
    """The slice of a thread after its call, how nice it is then, and the slice of ours."""
    found: list[int] = []

    def run() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 3)
        use_long_slices()
        found.append(slice_ns())
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0], found[1], slice_ns(threading.get_native_id())


@pytest.mark.skipif(LINUX < (6, 12), reason="Linux before 6.12 has one slice for all")
def test_a_thread_computes_at_length_and_is_as_nice_as_before() -> None:
    length_ns, nice, ours_ns = in_a_thread()
    assert (length_ns, nice) == (SLICE_NS, 3)
    assert 0 < ours_ns < SLICE_NS, "and no other thread does"


def test_where_it_cannot_be_had_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert in_a_thread() == (0, 3, 0)
