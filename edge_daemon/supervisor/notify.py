"""Notifications for the service manager (sd_notify(3)), if there is one."""

import logging
import os
import socket
import time
from collections.abc import Sequence

from edge_daemon.supervisor.watchdog import Watchdog, Watched, status_line

logger = logging.getLogger(__name__)


def notify(*states: str) -> None:
    """Send states like `READY=1` to the service manager."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.send("\n".join(states).encode())
    except OSError as error:
        logger.warning("cannot notify systemd (%s): %s", ", ".join(states), error.strerror)


class ServiceStatus:
    """Sends the service manager the state in words, and feeds its watchdog."""

    def __init__(self) -> None:
        self._timeout_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        self._watchdog, self._fed_at, self._starving = Watchdog(), time.monotonic(), False
        self._line = ""

    def update(self, processes: Sequence[Watched]) -> None:
        """Look at the processes; called about once a second."""
        if (line := status_line(processes)) != self._line:
            self._line = line
            notify(f"STATUS={line}")
        if self._timeout_s:
            self._feed(processes, time.monotonic())

    def _feed(self, processes: Sequence[Watched], now: float) -> None:
        if self._watchdog.feed(processes, now):
            self._fed_at, self._starving = now, False
            notify("WATCHDOG=1")
        elif not self._starving and now - self._fed_at > self._timeout_s / 2:
            self._starving = True
            logger.error(
                "no frame has come through for %.0f s; after %.0f s systemd restarts the service",
                now - self._fed_at,
                self._timeout_s,
            )
