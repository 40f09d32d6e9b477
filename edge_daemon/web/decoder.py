"""The process that decodes uploads: `python -m edge_daemon.web.decoder FD MAX_PIXELS MAX_BYTES`.

The web starts it when it is needed. Files of strangers are parsed here and nowhere else, within limits of memory and
time. If one ends this process, its sender receives an error, and another process takes its place.
"""

import contextlib
import ctypes
import fcntl
import math
import mmap
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import BinaryIO

import cv2
import msgspec
import numpy as np
import setproctitle

from edge_daemon.errors import EdgeError, PictureError, TooLargeError
from edge_daemon.imaging.colour import Pixels, rgb_to_bgr
from edge_daemon.imaging.pictures import PEAK_BYTES, check_size, read_reduced
from edge_daemon.messages.frames import Input
from edge_daemon.models.preprocess import Fit, reduction
from edge_daemon.web.encoded import EncodedError, picture_of_json
from edge_daemon.web.forms import NO_PICTURE, FormError, file_of_form
from edge_daemon.web.inference import ProtocolError, read
from edge_daemon.web.tasks import MAX_BYTES, READY, SEALS, Asked, Decoded, Refused, Task

CPU_S = 60
"""CPU time for one task: so this process ends even if the web, which has a deadline for it, is gone."""
NICE = 5
"""Niceness: cameras take precedence where CPU time is short."""
SPARE_BYTES = 256 << 20
"""Memory beside that of picture and body."""
BODIES = 10
"""Memory that a body takes, as a multiple of its size: numbers in JSON take that much."""
LARGE = 4_000_000
"""Pixels from which on the memory of a picture is returned to the system at once."""
LONGEST = 1000
"""Maximum number of characters of an error."""
STATUS = {FormError: 422, EncodedError: 422, ProtocolError: 400, TooLargeError: 413, PictureError: 415}


def decode(task: Task, body: memoryview) -> tuple[Decoded, Pixels]:
    """Find and decode the picture in a body; its pixels are BGR (uint8, height x width x 3).

    Raises:
        EdgeError: there is none, or it may not be decoded.
    """
    began, asked, count = time.perf_counter(), Asked(), None
    content: memoryview | bytes | bytearray | Pixels = body
    if task.kind == "form":
        content = file_of_form(task.content_type, bytes(body))
    elif task.kind == "json":
        content, count = picture_of_json(body, task.index)
    elif task.kind == "inference":
        asked, content = read(body, task.head_length)
    if not len(content):
        raise FormError(NO_PICTURE)
    if isinstance(content, np.ndarray):
        height, width = content.shape[:2]
        check_size(width, height, task.max_pixels)
        bgr = rgb_to_bgr(content)
    else:
        try:
            bgr, (height, width) = read_reduced(content, task.max_pixels, lambda size: _reduction(size, task.input))
        except PictureError as error:
            raise type(error)(f"images[{task.index}]: {error}" if count else str(error)) from error
    scaled = bgr.shape[1], bgr.shape[0]
    return Decoded(
        width=width,
        height=height,
        scaled=None if scaled == (width, height) else scaled,
        decode_ms=1e3 * (time.perf_counter() - began),
        asked=asked,
        count=count,
    ), bgr


def _reduction(size: tuple[int, int], input: Input | None) -> int:
    if input is None:
        return 1
    fit: Fit = "crop" if input.crop else "stretch" if input.stretch else "letterbox"
    return reduction(size, (input.height, input.width), fit, input.crop or 1.0)


def serve(web: socket.socket) -> None:
    """Decode for the web at the other end of a socket until it leaves."""
    web.send(READY)
    while True:
        data, fds, _, _ = socket.recv_fds(web, MAX_BYTES, 1)
        if not data:
            return
        reply, bgr = _reply(msgspec.msgpack.decode(data, type=Task), fds[0])
        encoded = msgspec.msgpack.encode(reply)
        if bgr is None:
            web.send(encoded)
            continue
        with _memory_file(bgr) as file:
            socket.send_fds(web, [encoded], [file.fileno()])
        is_large, bgr = bgr.size > 3 * LARGE, None
        if is_large:
            ctypes.CDLL(None).malloc_trim(0)


def _reply(task: Task, fd: int) -> tuple[Decoded | Refused, Pixels | None]:
    used_s = math.ceil(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + CPU_S, resource.RLIM_INFINITY))
    try:
        return decode(task, _mapped(fd))
    except EdgeError as error:
        return Refused(status=STATUS.get(type(error), 415), why=str(error)[:LONGEST]), None
    except MemoryError:
        return Refused(status=413, why="the picture takes too much memory to decode"), None
    except Exception as error:  # of a library, about a file that was made for it
        return Refused(status=415, why=f"the picture cannot be decoded: {error}"[:LONGEST]), None


def _mapped(fd: int) -> memoryview:
    """The content of a memory file, which is closed."""
    try:
        length = os.fstat(fd).st_size
        return memoryview(mmap.mmap(fd, length, mmap.MAP_PRIVATE, mmap.PROT_READ) if length else b"")
    finally:
        os.close(fd)


def _memory_file(bgr: Pixels) -> BinaryIO:
    """Pixels (uint8, any shape) in a memory file that cannot be changed any more."""
    file = os.fdopen(os.memfd_create("edge-daemon picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb")
    file.write(np.ascontiguousarray(bgr).data)
    file.flush()
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
    return file


def _limit_memory(max_pixels: int, max_bytes: int) -> None:
    """Limit the memory of this process to what pictures and bodies of these sizes take."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    limit = now + SPARE_BYTES + PEAK_BYTES * max_pixels + BODIES * max_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(fd: int, max_pixels: int, max_bytes: int) -> None:
    """Decode within the limits."""
    setproctitle.setproctitle("edge-daemon: decoder")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the web ends this process
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)
    os.nice(NICE)
    _limit_memory(max_pixels, max_bytes)
    with socket.socket(fileno=fd) as web, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(web)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
