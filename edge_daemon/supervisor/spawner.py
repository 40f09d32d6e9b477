"""The supervisor's client of the fork server, which starts processes."""

import ctypes
import logging
import os
import socket
import subprocess
import sys
from typing import Self

from edge_daemon.errors import StartError
from edge_daemon.runtime import forkserver

logger = logging.getLogger(__name__)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "ERROR",
}
"""Each process computes in the threads that it is given, and no library adds its own."""
ALLOCATOR = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
"""Large pages for glibc's allocations, where the system gives them on request: models and decoders gain by it. This has
to come last: glibc moves the variable, and process titles are written where the first variables were.
"""
PATIENCE_S = 30.0
"""Time limit of an answer; the first one comes once everything is imported."""
PR_SET_CHILD_SUBREAPER = 36


class Spawner:
    """Starts processes as children of this one; a fork server that died is replaced."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(
            PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0
        )  # processes whose parent ends become children of this one
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, role: str, name: str, end: socket.socket) -> int:
        """Start a process with its `end` of the control channel; return its pid.

        Raises:
            StartError: the process cannot be started.
        """
        request = forkserver.SpawnRequest(role, name)
        try:
            return forkserver.spawn(self._server, request, end)
        except StartError as error:
            logger.warning("%s; restarting it", error)
            self._begin_again()
        try:
            return forkserver.spawn(self._server, request, end)
        except StartError:
            self._begin_again()  # a late answer would be taken for that to the next request
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
            command = [sys.executable, "-P", "-m", "edge_daemon.runtime.forkserver", str(theirs.fileno())]
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
