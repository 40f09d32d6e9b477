"""What systemd is told (sd_notify(3)); nothing happens where nobody asked."""

import logging
import os
import socket
import time
from typing import Any

from edge_daemon.runtime.control import ProcessStatus
from edge_daemon.supervisor.watchdog import Watchdog, status_line

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
        logger.warning("cannot tell systemd (%s): %s", ", ".join(states), error.strerror)


class ServiceStatus:
    """Tells the service manager how things stand, and feeds its watchdog."""

    def __init__(self) -> None:
        self._patience_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        self._watchdog, self._fed_at, self._hungry = Watchdog(), time.monotonic(), False
        self._said = ""

    def tell(self, cameras: dict[str, Any], processes: list[ProcessStatus]) -> None:
        """Take in how things stand; called about once a second."""
        if (now_said := status_line(cameras, processes)) != self._said:
            self._said = now_said
            notify(f"STATUS={now_said}")
        if self._patience_s:
            self._feed(cameras, processes, time.monotonic())

    def _feed(self, cameras: dict[str, Any], processes: list[ProcessStatus], now: float) -> None:
        if self._watchdog.feed(cameras, processes, now):
            self._fed_at, self._hungry = now, False
            notify("WATCHDOG=1")
        elif not self._hungry and now - self._fed_at > self._patience_s / 2:
            self._hungry = True
            logger.error(
                "no frame has come through for %.0f s; after %.0f s systemd starts the service again",
                now - self._fed_at,
                self._patience_s,
            )
