"""The supervisor's client of the fork server, which starts processes."""

import contextlib
import ctypes
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, Self

from edge_daemon.errors import StartError
from edge_daemon.runtime import forkserver
from edge_daemon.runtime.forkserver import SpawnRequest
from edge_daemon.supervisor.kinds import KINDS
from edge_daemon.supervisor.kinds.kind import Kind

logger = logging.getLogger(__name__)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "ERROR",
}
"""Each process computes in the threads that its settings give it; libraries add none."""
ALLOCATOR = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
"""Large pages for glibc's allocations, if the system gives them on request: models and decoders are faster with them.
It is the last variable, because glibc moves it, and process titles overwrite the first ones.
"""
FIRST_S, PATIENCE_S = 60.0, 10.0
"""Time in which a fork server starts a process: the first, before which it imports everything, and each after that."""
EXIT_S = 0.5
"""Longest wait for the end of a fork server that was killed."""
PR_SET_CHILD_SUBREAPER = 36


class Spawner:
    """Starts processes as children of this one; a fork server that died is replaced.

    What the `kinds` import is shared by their processes, except where a kind is not `preloaded`.
    """

    def __init__(self, kinds: Iterable[Kind[Any]] = KINDS) -> None:
        self._modules = [kind.module for kind in kinds if kind.preloaded]
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become children of this process
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process of the fork server."""
        return self._process.pid

    def start(self, request: SpawnRequest, end: socket.socket) -> None:
        """Ask for a process with its `end` of the control channel, which reports when it has started.

        Raises:
            StartError: the process cannot be asked for.
        """
        try:
            forkserver.spawn(self._server, request, end)
        except BlockingIOError as error:
            raise StartError("the fork server does not take any more requests") from error
        except OSError as error:
            logger.warning("the fork server is gone (%s); restarting it", error.strerror)
            self.replace()
            forkserver.spawn(self._server, request, end)

    def replace(self) -> None:
        """Start another fork server. Processes that the previous one was to start are not started.

        Raises:
            StartError: it cannot be started.
        """
        self.close()
        try:
            self._begin()
        except OSError as error:
            raise StartError(f"cannot start the fork server: {error.strerror}") from error

    def _begin(self) -> None:
        self._server, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", "-m", "edge_daemon.runtime.forkserver"]
            command += [str(theirs.fileno()), *self._modules]
            environment = dict(os.environ) | ENVIRONMENT
            environment.setdefault(*ALLOCATOR)
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment
            )

    def close(self) -> None:
        """End the fork server; the processes that it started go on."""
        self._server.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver or a file system holds it
            self._process.wait(EXIT_S)
