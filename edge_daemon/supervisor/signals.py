"""Records SIGTERM, SIGINT and SIGHUP for a loop to act on."""

import logging
import math
import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

logger = logging.getLogger(__name__)
TERMINAL = "/dev/tty"
SAME_S = 0.3
"""Requests to stop within this time are one: some programs, such as timeout(1), signal a process and then its group."""


class Signals:
    """Counts the requests to stop while it is entered, and becomes readable with each signal.

    SIGHUP asks for a reload, except where it is sent because the daemon's terminal was closed. Where it was ignored at
    the start (nohup), it stays ignored.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock, self._counted_at = clock, -math.inf
        self._hang_ups = False
        self._at_terminal = _has_terminal()
        self._reader, self._writer = os.pipe()
        for fd in (self._reader, self._writer):
            os.set_blocking(fd, False)

    def __enter__(self) -> Self:
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        self._fd_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """File descriptor that is readable when a signal has arrived."""
        return self._reader

    def read(self) -> None:
        """Make it unreadable until the next signal."""
        os.read(self._reader, 64)

    def take_hang_up(self) -> bool:
        """True if a reload was asked for since the last call."""
        taken, self._hang_ups = self._hang_ups, False
        return taken

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP and not (self._at_terminal and not _has_terminal()):
            self._hang_ups = True
            return
        now = self._clock()
        if now - self._counted_at < SAME_S:
            return
        self.count, self._counted_at = self.count + 1, now
        if self.count == 1:
            logger.info("stopping (%s)", signal.Signals(number).name)


def _has_terminal() -> bool:
    """True if this process has a controlling terminal."""
    try:
        os.close(os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
