"""SIGTERM and SIGINT, noted for a loop to act on."""

import logging
import os
import signal
from types import FrameType
from typing import Self

logger = logging.getLogger(__name__)


class Signals:
    """Counts the requests to stop while it is entered, and becomes readable with each."""

    def __init__(self) -> None:
        self.count = 0
        self._wake, self._woken = os.pipe()
        for fd in (self._wake, self._woken):
            os.set_blocking(fd, False)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
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

    def _note(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            logger.info("stopping (%s)", signal.Signals(number).name)
