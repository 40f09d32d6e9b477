"""The process that forks all others but the supervisor: `python -m edge_daemon.runtime.forkserver FD MODULE...`.

It has imported the modules that they need, so that they start at once and share that memory. It opens no ZeroMQ socket,
loads no model and starts no thread, so that a forked process inherits none.
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

from edge_daemon import log
from edge_daemon.runtime import process

MADV_DONTNEED = 4
MAX_BYTES = 4096
"""Maximum size of a request."""


class SpawnRequest(msgspec.Struct, frozen=True):
    """Start a process that serves with `module`; its end of the control channel is passed along with the request.

    Its title is shown by `ps` and in its log lines, which are about the `camera`, if any, and not below `level`;
    the last ones are kept in the file `kept`.
    """

    module: str
    title: str
    camera: str | None = None
    level: log.Level = "info"
    kept: str | None = None


def spawn(server: socket.socket, request: SpawnRequest, end: socket.socket) -> None:
    """Ask the fork server at the other end of `server` for a process. Does not wait: the process reports itself that it
    has started; if it cannot, its channel is closed.

    Raises:
        OSError: the fork server is gone, or (BlockingIOError) does not read.
    """
    socket.send_fds(server, [msgspec.msgpack.encode(request)], [end.fileno()], socket.MSG_DONTWAIT)


def serve(supervisor: socket.socket) -> None:
    """Start the processes that the supervisor asks for, until it is gone."""
    while True:
        data, fds, _, _ = socket.recv_fds(supervisor, MAX_BYTES, 1)
        if not data:
            return
        if fds:  # none at the limit of open files, which closes the channel
            _start(msgspec.msgpack.decode(data, type=SpawnRequest), fds[0], supervisor)
            os.close(fds[0])


def _start(request: SpawnRequest, end: int, supervisor: socket.socket) -> None:
    """Fork twice, so that the new process becomes a child of the supervisor."""
    try:
        between = os.fork()
    except OSError:
        return
    if between:
        os.waitpid(between, 0)
        return
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(1)
    supervisor.close()
    log.choose_level(request.level)
    log.keep_in(request.kept)
    process.leave(process.run(request.module, request.title, end, camera=request.camera))


def _drop_file_pages() -> None:
    """Return the pages of libraries that were only read to import them: the kernel can read the files again."""
    libc = ctypes.CDLL(None)
    for start, end in clean_mappings(Path("/proc/self/smaps").read_text()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def clean_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """Start and end of each file mapping without modified pages."""
    for mapping in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9].*\n((?:[A-Z].*\n)*)", smaps, re.MULTILINE):
        if re.search(r"^Anonymous: +0 kB", mapping[3], re.MULTILINE):
            yield int(mapping[1], 16), int(mapping[2], 16)


def main(fd: int, modules: list[str]) -> None:
    """Import the shared modules, then serve the supervisor at the other end of the socket `fd`."""
    setproctitle.setproctitle("edge-daemon: forkserver")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the supervisor ends this process
        signal.signal(number, signal.SIG_IGN)
    import cv2  # imported here, since the supervisor imports this module too

    cv2.setNumThreads(1)  # OpenCV would wait for threads that a fork does not copy
    for module in modules:
        with contextlib.suppress(ImportError):  # the process that needs it reports it
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a forked process then does not touch, and so copy, shared pages
    _drop_file_pages()
    with socket.socket(fileno=fd) as supervisor:
        serve(supervisor)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
