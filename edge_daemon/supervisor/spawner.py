"""The supervisor's client of the fork server, which starts processes."""

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
PATIENCE_S = 30.0
"""Time limit of an answer; the first one comes when everything is imported."""
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

    def start(self, request: SpawnRequest, end: socket.socket) -> int:
        """Start a process with its `end` of the control channel; return its pid.

        Raises:
            StartError: the process cannot be started.
        """
        try:
            return forkserver.spawn(self._server, request, end)
        except StartError as error:
            logger.warning("%s; restarting it", error)
            self._begin_again()
        try:
            return forkserver.spawn(self._server, request, end)
        except StartError:
            self._begin_again()  # a late answer would count as that to the next request
            raise

    def _begin_again(self) -> None:
        self.close()
        try:
            self._begin()
        except OSError as error:
            raise StartError(f"cannot start the fork server: {error.strerror}") from error

    def _begin(self) -> None:
        self._server, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.settimeout(PATIENCE_S)
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
        self._process.wait()
