"""`edge-daemon top`: how a running daemon stands, as any subscriber can see it."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from edge_daemon.cli.door import Door
from edge_daemon.cli.tables import camera_table, process_table
from edge_daemon.client import Status, Subscriber
from edge_daemon.errors import RequestError

PATIENCE_S = 5.0
"""How long the first word of a daemon may take."""
LOOK_S = 0.2
"""How often keys are read and the time is told anew."""
QUIET_S = 2.5
"""A status comes every second."""


def once(door: Door, *, as_json: bool) -> None:
    """Print how the daemon stands now.

    Raises:
        RequestError: there is no word from it.
    """
    with _statuses(door, PATIENCE_S) as subscriber:
        try:
            status = subscriber.receive()
        except TimeoutError as error:
            raise _silence(door) from error
    assert isinstance(status, Status)
    if as_json:
        print(msgspec.json.encode(status).decode())
    else:
        console = Console(highlight=False)
        console.print(picture(door.address, status, 0.0, console.width))


def watch(door: Door) -> None:
    """Show how the daemon stands, until q or Ctrl-C."""
    console, status, heard = Console(highlight=False), None, time.monotonic()
    with _statuses(door, LOOK_S) as subscriber, _keys() as keys, Live(console=console, screen=True) as live:
        while "q" not in keys():
            with suppress(TimeoutError):
                status, heard = subscriber.receive(), time.monotonic()
            assert status is None or isinstance(status, Status)
            live.update(picture(door.address, status, time.monotonic() - heard, console.width), refresh=True)


def watch_json(door: Door) -> None:
    """Print how the daemon stands every second, a JSON object a line, until Ctrl-C."""
    with _statuses(door, None) as subscriber:
        for status in subscriber:
            print(msgspec.json.encode(status).decode(), flush=True)


def picture(address: str, status: Status | None, silent_s: float, width: int) -> Group:
    """All of it, for a terminal of `width` columns, `silent_s` after the last word."""
    quiet = Text(f"no word from {address} for {silent_s:.0f} s", style="bold red") if silent_s > QUIET_S else None
    if status is None:
        return Group(quiet or Text(f"waiting for a word from {address}"))
    states = [camera["state"] for camera in status.cameras.values()]
    cpu = sum(process["cpu"] for process in status.processes)
    memory = sum(process["memory_bytes"] for process in status.processes)
    up = f"{states.count('up')} of {len(states)} camera{'s'[: len(states) != 1]} up"
    head = Text(f"{status.at[:19].replace('T', ' ')}  {up}, CPU {cpu:.0%}, memory {memory / 1e6:.0f} MB")
    cameras = camera_table(status.cameras, width=width)
    return Group(quiet or head, Text(), cameras, Text(), process_table(status.processes, width=width))


def _statuses(door: Door, timeout_s: float | None) -> Subscriber:
    return door.subscriber(results=False, status=True, timeout_s=timeout_s, newest=True)


def _silence(door: Door) -> RequestError:
    return RequestError(f"no word from {door.address} within {PATIENCE_S:g} s; {door.hint}")


@contextmanager
def _keys() -> Iterator["_Keys"]:
    """What is typed, at once and without its showing up."""
    if not sys.stdin.isatty():
        yield _Keys(None)
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield _Keys(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


class _Keys:
    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def __call__(self) -> str:
        """What was typed since the last time."""
        if self._fd is None or not select.select([self._fd], [], [], 0)[0]:
            return ""
        return os.read(self._fd, 64).decode(errors="replace")
