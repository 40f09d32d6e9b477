"""`edge-daemon top`: the status of a running daemon, as every subscriber receives it."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from edge_daemon.cli.sentences import trouble_of, trouble_of_receiver
from edge_daemon.cli.tables import Order, camera_table, plain, process_table
from edge_daemon.cli.target import Target
from edge_daemon.client import Subscriber
from edge_daemon.errors import RequestError
from edge_daemon.messages.status import Status

PATIENCE_S = 5.0
"""Time limit of the first status."""
LOOK_S = 0.2
"""Interval at which keys are read and the screen is drawn."""
FEW = 12
"""Number of processes up to which they are shown without being asked for."""
KEYS = "q quit   d details   s state first   n name   f fps   l latency   x lost   j/k scroll"
ORDERS: dict[str, Order] = {"s": "state", "n": "name", "f": "fps", "l": "latency", "x": "lost"}
QUIET_S = 2.5
"""Age of the last status from which on the daemon counts as silent; there is one every second."""


def once(target: Target, *, as_json: bool) -> None:
    """Print the status of the daemon.

    Raises:
        RequestError: it publishes none in time.
    """
    with _statuses(target, PATIENCE_S) as subscriber:
        try:
            status = subscriber.receive()
        except TimeoutError as error:
            raise _silence(target) from error
    assert isinstance(status, Status)
    if as_json:
        print(msgspec.json.encode(status).decode())
    else:
        console = Console(highlight=False)
        console.print(picture(target.address, status, 0.0, console.width, View(details=True)))


def watch(target: Target) -> None:
    """Show the status of the daemon, until q or Ctrl-C."""
    console, status, received_at, view = Console(highlight=False), None, time.monotonic(), View()
    with _statuses(target, LOOK_S) as subscriber, _keys() as keys, Live(console=console, screen=True) as live:
        while "q" not in (typed := keys()):
            view.typed(typed)
            with suppress(TimeoutError):
                status, received_at = subscriber.receive(), time.monotonic()
            assert status is None or isinstance(status, Status)
            shown = picture(target.address, status, time.monotonic() - received_at, console.width, view)
            live.update(view.visible(console, Group(shown, Text(), Text(KEYS, style="dim"))), refresh=True)


def watch_json(target: Target) -> None:
    """Print the status every second, a JSON object per line, until Ctrl-C."""
    with _statuses(target, None) as subscriber:
        for status in subscriber:
            print(msgspec.json.encode(status).decode(), flush=True)


class View:
    """The part of the status that is on the screen, and its order, as chosen by keys."""

    def __init__(self, *, details: bool = False) -> None:
        self.order: Order = "state"
        self.details = details
        self._top = 0

    def typed(self, keys: str) -> None:
        """Follow the keys that were typed."""
        for key in keys:
            self.order = ORDERS.get(key, self.order)
            self.details ^= key == "d"
            self._top = max(0, self._top + {"j": 1, "k": -1, " ": 10, "b": -10}.get(key, 0))

    def visible(self, console: Console, shown: Group) -> Group:
        """The lines that fit the terminal, from the chosen one on; the last line stays."""
        lines = console.render_lines(shown, pad=False)
        *body, last = lines
        room = console.height - 1
        self._top = min(self._top, max(0, len(body) - room))
        part = body[self._top : self._top + room]
        return Group(*(Text.assemble(*((s.text, s.style or "") for s in line)) for line in [*part, last]))


def picture(address: str, status: Status | None, silent_s: float, width: int, view: View | None = None) -> Group:
    """The status for a terminal of `width` columns, `silent_s` after it was received. Processes and the reasons for
    dropped frames are shown if `view` has details, or if there are few cameras.
    """
    quiet = Text(f"no status from {address} for {silent_s:.0f} s", style="bold red") if silent_s > QUIET_S else None
    if status is None:
        return Group(quiet or Text(f"waiting for a status from {address}"))
    view = view or View()
    states = [camera.state for camera in status.cameras.values()]
    cpu = sum(process.cpu for process in status.processes)
    memory = sum(process.memory_bytes for process in status.processes)
    up = f"{states.count('up')} of {len(states)} camera{'s'[: len(states) != 1]} up"
    head = Text(f"{status.at[:19].replace('T', ' ')}  {up}, CPU {cpu:.0%}, memory {memory / 1e6:.0f} MB")
    cameras = camera_table(status.cameras, width=width, order=view.order, reasons=view.details)
    shown: list[RenderableType] = [quiet or head, Text(), cameras]
    if view.details or len(status.processes) <= FEW:
        shown += [plain(line) for name, camera in status.cameras.items() if (line := trouble_of(name, camera))]
        shown += [plain(line) for process in status.processes if (line := trouble_of_receiver(process))]
        shown += [Text(), process_table(status.processes, width=width)]
    return Group(*shown)


def _statuses(target: Target, timeout_s: float | None) -> Subscriber:
    return target.subscriber(results=False, status=True, timeout_s=timeout_s, newest=True)


def _silence(target: Target) -> RequestError:
    return RequestError(f"no status from {target.address} within {PATIENCE_S:g} s; {target.hint}")


@contextmanager
def _keys() -> Iterator["_Keys"]:
    """Read keys as they are typed, without echo."""
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
        """The keys typed since the last call."""
        if self._fd is None or not select.select([self._fd], [], [], 0)[0]:
            return ""
        return os.read(self._fd, 64).decode(errors="replace")
