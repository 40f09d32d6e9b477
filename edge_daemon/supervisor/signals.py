"""SIGTERM, SIGINT and SIGHUP, noted for a loop to act on."""

import logging
import os
import signal
from types import FrameType
from typing import Self

logger = logging.getLogger(__name__)
TERMINAL = "/dev/tty"


class Signals:
    """Counts the requests to stop while it is entered, and becomes readable with each signal.

    SIGHUP asks for a reload, unless it says that the terminal is gone at which the daemon was started. Where it was
    ignored from the start (nohup), it still is.
    """

    def __init__(self) -> None:
        self.count = 0
        self._hang_ups = False
        self._at_terminal = _has_terminal()
        self._wake, self._woken = os.pipe()
        for fd in (self._wake, self._woken):
            os.set_blocking(fd, False)

    def __enter__(self) -> Self:
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        self._fd_before = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._woken)

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._wake

    def read(self) -> None:
        """Be unreadable until the next."""
        os.read(self._wake, 64)

    def take_hang_up(self) -> bool:
        """Whether a reload was asked for since the last time."""
        taken, self._hang_ups = self._hang_ups, False
        return taken

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP and not (self._at_terminal and not _has_terminal()):
            self._hang_ups = True
            return
        self.count += 1
        if self.count == 1:
            logger.info("stopping (%s)", signal.Signals(number).name)


def _has_terminal() -> bool:
    """Whether this process has a terminal of its own."""
    try:
        os.close(os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
