"""The supervisor's end of the fork server: processes are asked for here."""

import ctypes
import logging
import os
import socket
import subprocess
import sys
from typing import Self

from edge_daemon import forkserver
from edge_daemon.errors import StartError

logger = logging.getLogger(__name__)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "ERROR",
}
"""Each process computes in the threads it was given, and no library adds its own."""
ALLOCATOR = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
"""Large pages for what glibc allocates, where the system gives them on request: models and decoders gain by it. This
has to come last: glibc moves it elsewhere, and titles of processes are written where the first variables were.
"""
PATIENCE_S = 30.0
"""For the first answer, which comes once all is imported."""
PR_SET_CHILD_SUBREAPER = 36


class Forks:
    """Starts processes, which are this one's children then; a fork server that died is replaced."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # whose parent ends is ours
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, role: str, name: str, end: socket.socket) -> int:
        """Start a process with its `end` of its line to us; its pid.

        Raises:
            StartError: that does not work.
        """
        order = forkserver.Order(role, name)
        try:
            return forkserver.ask(self._line, order, end)
        except StartError as error:
            logger.warning("%s; it is started again", error)
            self._begin_again()
        try:
            return forkserver.ask(self._line, order, end)
        except StartError:
            self._begin_again()  # an answer that comes late would be taken for that to the next order
            raise

    def _begin_again(self) -> None:
        self.close()
        try:
            self._begin()
        except OSError as error:
            raise StartError(f"cannot start the fork server: {error.strerror}") from error

    def _begin(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(PATIENCE_S)
        with theirs:
            command = [sys.executable, "-P", "-m", "edge_daemon.forkserver", str(theirs.fileno())]
            environment = dict(os.environ) | ENVIRONMENT
            environment.setdefault(*ALLOCATOR)
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment
            )

    def close(self) -> None:
        """Start nothing more; what was started goes on."""
        self._line.close()
        self._process.kill()
        self._process.wait()
