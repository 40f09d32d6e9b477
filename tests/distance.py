"""Two network namespaces that are as far apart as a test wants: each packet arrives after a delay (as root).

python -m tests.distance MS A B     serve the way between the namespaces of the processes A and B
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

MTU = 1500
FAR, NEAR = "10.99.0.1", "10.99.0.2"
"""The addresses in the two namespaces."""
NEWNET, SETIFF, TUN_NO_PI = 0x40000000, 0x400454CA, 0x1001  # sched.h, if_tun.h
DEEP = 20_000
"""Packets on the way at most, as in a router's queue: more are lost."""


class Distance:
    """Two namespaces, and a process that carries packets between them, `round_trip_s` there and back. Run a command in
    one by putting `far` or `near` before it.
    """

    def __init__(self, round_trip_s: float) -> None:
        self._holders = [
            subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for one in self._holders:
            assert one.stdout
            one.stdout.readline()  # it is in there
        self.far, self.near = (["nsenter", "--net", f"--target={one.pid}", "--"] for one in self._holders)
        pids = [str(one.pid) for one in self._holders]
        command = [sys.executable, "-m", "tests.distance", str(1e3 * round_trip_s), *pids]
        self._carrier = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._carrier.stdout
        self._carrier.stdout.readline()
        for inside, own, other in ((self.far, FAR, NEAR), (self.near, NEAR, FAR)):
            for line in (
                f"addr add {own} peer {other} dev way",
                f"link set way mtu {MTU} txqueuelen {DEEP} up",
                "link set lo up",
            ):
                subprocess.run([*inside, "ip", *line.split()], check=True)

    def close(self) -> None:
        """Give them back, once those in there have ended."""
        for one in (self._carrier, *self._holders):
            one.kill()
            one.communicate()


def _tun(pid: int) -> int:
    """File descriptor of a new device `way` in the namespace of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, SETIFF, struct.pack("16sH22x", b"way", TUN_NO_PI))
    return device


def carry(one_way_s: float, ends: tuple[int, int]) -> None:
    """Carry packets between two devices, each after `one_way_s`, until this process is ended."""
    queues = {end: deque[tuple[float, bytes]]() for end in ends}  # by where they arrive
    poller = select.poll()
    for end in ends:
        poller.register(end, select.POLLIN)
    while True:
        due = min((queue[0][0] for queue in queues.values() if queue), default=None)
        ready = poller.poll(None if due is None else max(0.0, 1e3 * (due - time.monotonic())))
        now = time.monotonic()
        for end, _ in ready:
            queue = queues[ends[0] if end == ends[1] else ends[1]]
            with suppress(BlockingIOError):
                for _ in range(64):
                    packet = os.read(end, MTU)
                    if len(queue) < DEEP:
                        queue.append((now + one_way_s, packet))
        for end, queue in queues.items():
            while queue and queue[0][0] <= now:
                with suppress(OSError):  # it is not up, or its queue is full
                    os.write(end, queue.popleft()[1])


if __name__ == "__main__":
    both = _tun(int(sys.argv[2])), _tun(int(sys.argv[3]))
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # a network does not wait for other programs
    print(flush=True)
    carry(float(sys.argv[1]) / 2e3, both)
