"""The process that all others but the supervisor are forked from: `python -m edge_daemon.forkserver FD`.

It has imported what they need, so that they start at once and share that memory. It opens no socket of ZeroMQ's, loads
no model and starts no thread: what is forked from it begins clean.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import setproctitle

from edge_daemon import child
from edge_daemon.errors import StartError
from edge_daemon.link import MAX_BYTES

SHARED = ("dispatcher", "sink", "capture", "worker")
"""The roles whose imports are shared. What the web needs besides, only it does."""

MADV_DONTNEED = 4


class Order(msgspec.Struct, frozen=True):
    """Start a process; its end of its line to the supervisor comes with the message."""

    role: str
    name: str


def ask(line: socket.socket, order: Order, end: socket.socket) -> int:
    """Have the fork server at the other end of `line` start a process; its pid.

    Raises:
        StartError: it cannot, or it is gone.
    """
    try:
        socket.send_fds(line, [msgspec.msgpack.encode(order)], [end.fileno()])
        pid = line.recv(MAX_BYTES)
    except OSError as error:
        raise StartError(f"cannot start a process: the fork server does not answer ({error})") from error
    if not pid:
        raise StartError("cannot start a process: the fork server cannot fork; is there memory, and room for one?")
    return int(pid)


def serve(line: socket.socket) -> None:
    """Start what is asked for until nobody is left to ask."""
    while True:
        data, fds, _, _ = socket.recv_fds(line, MAX_BYTES, 1)
        if not data:
            return
        line.send(_start(msgspec.msgpack.decode(data, type=Order), fds[0], line))
        os.close(fds[0])


def _start(order: Order, end: int, line: socket.socket) -> bytes:
    """The pid of a new process. What forks it ends at once, so that it becomes the supervisor's own."""
    told, tell = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(told)
        os.close(tell)
        return b""
    if not between:
        try:
            if os.fork():
                os._exit(0)
        except OSError:
            os._exit(1)
        os.write(tell, str(os.getpid()).encode())
        os.close(told)
        os.close(tell)
        line.close()
        child.leave(child.run(order.role, order.name, end))
    os.waitpid(between, 0)
    os.close(tell)
    with os.fdopen(told, "rb") as pid:
        return pid.read()


def _forget_files() -> None:
    """Let go of the pages of libraries that were only read to import them: files can be read again."""
    libc = ctypes.CDLL(None)
    for start, end in untouched(Path("/proc/self/smaps").read_text()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def untouched(smaps: str) -> Iterator[tuple[int, int]]:
    """Where the mappings of files lie of which no page was written to."""
    for mapping in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9].*\n((?:[A-Z].*\n)*)", smaps, re.MULTILINE):
        if re.search(r"^Anonymous: +0 kB", mapping[3], re.MULTILINE):
            yield int(mapping[1], 16), int(mapping[2], 16)


def main() -> None:
    """Import what is shared, then serve."""
    setproctitle.setproctitle("edge-daemon: forkserver")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the supervisor ends us
        signal.signal(number, signal.SIG_IGN)
    import cv2  # here, for the supervisor imports this module too

    cv2.setNumThreads(1)  # OpenCV's threads would not be there after a fork, and waited for
    for role in SHARED:
        with contextlib.suppress(ImportError):  # the process that needs it will say so
            importlib.import_module(child.module(role))
    gc.collect()
    gc.freeze()  # collecting does not touch, and so copy, what is shared
    _forget_files()
    with socket.socket(fileno=int(sys.argv[1])) as line:
        serve(line)


if __name__ == "__main__":
    main()
