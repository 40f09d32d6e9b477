"""The processes that decode uploads, as the web sees them."""

import asyncio
import contextlib
import fcntl
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
from starlette.concurrency import run_in_threadpool

from edge_daemon.errors import EdgeError
from edge_daemon.runtime.isolated import ENVIRONMENT
from edge_daemon.web.tasks import MAX_BYTES, READY, SEALS, Decoded, Refused, Task

COUNT = 2
"""Pictures decoded at once."""
START_S = 30.0
IDLE_S = 60.0
"""Time after which a process that is not needed ends."""
INHERITED = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""Environment variables of the process, none of them a secret."""
MISMATCH = "the picture was not decoded as it should be"
logger = logging.getLogger(__name__)


class RefusedError(EdgeError):
    """There is no picture, or it was not decoded: `status` is the HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Decoders:
    """Decodes uploads, a few at once, in processes that are started when they are needed."""

    def __init__(self, max_pixels: int, max_bytes: int, limit_s: float) -> None:
        self._max_pixels, self._max_bytes, self._limit_s = max_pixels, max_bytes, limit_s
        self._idle: asyncio.LifoQueue[_Decoder] = asyncio.LifoQueue()
        self._starting: set[asyncio.Task[None]] = set()
        self._count = self._waiting = 0
        """Processes that are there or starting, and bodies that wait for one."""

    async def decode(self, task: Task, body: bytes | bytearray) -> tuple[Decoded, memoryview]:
        """The picture in a body, and its pixels (BGR, uint8, height x width x 3).

        Raises:
            RefusedError: there is none, or it cannot be decoded, or not in time.
        """
        decoder = await self._take()
        try:
            return await run_in_threadpool(decoder.decode, task, body, self._limit_s)
        finally:
            self._put(decoder)

    def end_idle(self, now: float) -> None:
        """End processes that have not been needed for a while."""
        self._end(lambda decoder: now - decoder.used_at > IDLE_S)

    def close(self) -> None:
        """End all processes that are not at work; the others end with this one."""
        self._end(lambda _: True)

    def _end(self, is_over: Callable[["_Decoder"], bool]) -> None:
        idle = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for decoder in reversed(idle):
            if is_over(decoder):
                decoder.end()
                self._count -= 1
            else:
                self._idle.put_nowait(decoder)

    async def _take(self) -> "_Decoder":
        """A process that is idle; if none is, the first that becomes so: one of those at work, or a new one."""
        self._end(lambda decoder: not decoder.is_alive)
        self._waiting += 1
        try:
            self._start_another()
            return await self._idle.get()
        finally:
            self._waiting -= 1

    def _put(self, decoder: "_Decoder") -> None:
        if decoder.is_alive:
            self._idle.put_nowait(decoder)
        else:
            self._count -= 1
            self._start_another()

    def _start_another(self) -> None:
        """Start a process if those that are idle or starting are too few for the bodies that wait."""
        if self._waiting > self._idle.qsize() + len(self._starting) and self._count < COUNT:
            self._count += 1
            starting = asyncio.get_running_loop().create_task(self._start())
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        decoder = _Decoder(self._max_pixels, self._max_bytes)
        await run_in_threadpool(decoder.start)
        self._idle.put_nowait(decoder)  # also one that does not start: the next task on it is refused


class _Decoder:
    """One process. It ends with a task that it does not survive."""

    def __init__(self, max_pixels: int, max_bytes: int) -> None:
        self._limits = str(max_pixels), str(max_bytes)
        self._process: subprocess.Popen[bytes] | None = None
        self.used_at = 0.0

    @property
    def is_alive(self) -> bool:
        """True if it can be given a task."""
        return self._process is not None and self._process.poll() is None

    def decode(self, task: Task, body: bytes | bytearray, limit_s: float) -> tuple[Decoded, memoryview]:
        """As `Decoders.decode`, in this thread."""
        if not self.is_alive:
            raise RefusedError(503, "the process that decodes pictures does not start")
        self._socket.settimeout(limit_s)
        try:
            with os.fdopen(os.memfd_create("edge-daemon body"), "wb") as file:
                file.write(body)
                file.flush()
                socket.send_fds(self._socket, [msgspec.msgpack.encode(task)], [file.fileno()])
            data, fds, _, _ = socket.recv_fds(self._socket, MAX_BYTES, 1)
        except TimeoutError:
            self.end()
            raise RefusedError(413, f"the picture takes longer than {limit_s:g} s to decode") from None
        except OSError:
            data, fds = b"", []
        self.used_at = time.monotonic()
        if not data:
            raise self._died()
        try:
            reply = msgspec.msgpack.decode(data, type=Decoded | Refused)
        except msgspec.DecodeError:
            self.end()
            raise RefusedError(415, MISMATCH) from None
        if isinstance(reply, Refused):
            raise RefusedError(reply.status, reply.why)
        if not fds:
            self.end()
            raise RefusedError(415, MISMATCH)
        return reply, _mapped(fds[0], *(reply.scaled or (reply.width, reply.height)))

    def end(self) -> None:
        """End it at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._socket.close()

    def start(self) -> None:
        """Start it, and wait until it can decode; if it cannot, it is not alive."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", "-m", "edge_daemon.web.decoder", str(theirs.fileno()), *self._limits]
        nothing = subprocess.DEVNULL  # also for what libraries print about pictures
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | ENVIRONMENT
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=nothing, stdout=nothing, stderr=nothing, env=environment, pass_fds=[theirs.fileno()]
            )
        self.used_at = time.monotonic()
        self._socket.settimeout(START_S)
        with contextlib.suppress(OSError):
            if self._socket.recv(len(READY)) == READY:
                return
        self.end()
        logger.error("the process that decodes uploads does not start (exit code %d)", self._process.returncode)

    def _died(self) -> RefusedError:
        """Error for the sender of a task that the process did not survive."""
        self.end()
        assert self._process
        code = -self._process.returncode
        if code == signal.SIGXCPU:
            return RefusedError(413, "the picture takes too much time to decode")
        if code == signal.SIGKILL:  # by the system, which has no memory, or by a person
            return RefusedError(503, "the process that decodes pictures was killed; try again")
        how = signal.Signals(code).name if code > 0 else f"exit code {-code}"
        logger.warning("an upload brought down the process that decoded it (%s)", how)
        return RefusedError(415, f"the picture brought down the process that decoded it ({how})")


def _mapped(fd: int, width: int, height: int) -> memoryview:
    """The pixels in a memory file, which is closed.

    Raises:
        RefusedError: it is not what this process was sent to be read.
    """
    try:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) != SEALS or os.fstat(fd).st_size != width * height * 3:
            raise RefusedError(415, MISMATCH)
        return memoryview(mmap.mmap(fd, width * height * 3, mmap.MAP_PRIVATE, mmap.PROT_READ))
    finally:
        os.close(fd)
