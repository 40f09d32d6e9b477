"""The line between a process and its supervisor: settings and orders go down, news comes up.

It is a pair of connected sockets that the child inherits, so it needs no address, nobody else can reach it, and each
end learns at once when the other is gone: a child whose supervisor was killed stops by itself.
"""

import socket
import time
from typing import Any, TypeVar

import msgspec

from edge_daemon.errors import EdgeError, ExitCode, StartError

MAX_BYTES = 1 << 20
BEAT_S = 1.0
"""How often a process reports, and so shows that its loop still turns."""
HANG_S = 60.0
"""After how long without a word a process is taken to hang, where nothing else is said."""

UNWRITTEN = "cannot write results"
"""The state of a sink whose disk is full; lossless sources wait for it."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told first: its settings, and that it is ended when it is not heard for `hang_s`."""

    settings: msgspec.Raw
    hang_s: float


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Sent up."""


class Ready(News, frozen=True, kw_only=True, tag="ready"):
    """Sockets are bound, models loaded: work can begin."""


class Failed(News, frozen=True, kw_only=True, tag="failed"):
    """This process ends because of what `sentence` says."""

    exit_code: int
    sentence: str


class Report(News, frozen=True, kw_only=True, tag="report"):
    """The process's loop turns; `state` in a word or two, and what else there is to tell."""

    state: str
    detail: dict[str, Any] = {}


class Finished(News, frozen=True, kw_only=True, tag="finished"):
    """There is nothing left to do for this process, and there never will be."""


class Changed(News, frozen=True, kw_only=True, tag="changed"):
    """The settings that came last are those that hold, unless `refusal` says why they cannot: nothing has changed."""

    refusal: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Sent down."""


class Stop(Order, frozen=True, kw_only=True, tag="stop"):
    """Finish what is under way and exit."""


class Exited(Order, frozen=True, kw_only=True, tag="exited"):
    """Another process is gone (it may come back)."""

    process: str
    role: str


class Change(Order, frozen=True, kw_only=True, tag="change"):
    """Go on with other settings, of the kind that this process was started with; answered by `Changed`.

    The captures of the cameras `anew` are replaced, and what they read next has nothing to do with what they read.
    """

    settings: msgspec.Raw
    anew: list[str]


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process as the supervisor sees it. `cpu` is in cores, `memory_bytes` is proportional (PSS).

    `silent_s` is how long it has not been heard; in a worker that is how long its model has been busy, at least.
    `rejected` counts messages that were none, or of no use.
    """

    name: str
    role: str
    pid: int | None
    state: str
    restarts: int
    cpu: float
    memory_bytes: int
    silent_s: float = 0.0
    rejected: int = 0
    detail: dict[str, Any] = {}


class Table(Order, frozen=True, kw_only=True, tag="table"):
    """The process table."""

    processes: list[ProcessStatus]


_encoder = msgspec.msgpack.Encoder()
_start = msgspec.msgpack.Decoder(Start)
_news = msgspec.msgpack.Decoder(Ready | Failed | Report | Finished | Changed)
_orders = msgspec.msgpack.Decoder(Stop | Exited | Change | Table)
S = TypeVar("S", bound=msgspec.Struct)


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the child's.

    Raises:
        StartError: no more files can be opened.
    """
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise StartError(f"cannot speak with a process: {error.strerror}") from error
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
    ours.setblocking(False)
    return ours, theirs


def start(settings: msgspec.Struct, hang_s: float = HANG_S) -> bytes:
    """What a child needs to know before anything else: its settings, and within what time to be heard.

    Raises:
        StartError: they cannot be told; a path that is not UTF-8 is one that cannot.
    """
    try:
        return _encoder.encode(Start(settings=msgspec.Raw(_encoder.encode(settings)), hang_s=hang_s))
    except UnicodeEncodeError as error:
        raise StartError(f"{error.object!r} is not UTF-8, which paths here have to be") from error


def send_start(end: socket.socket, told: bytes) -> None:
    """Hand it to the child.

    Raises:
        StartError: it is too long.
    """
    try:
        end.send(told)
    except (BrokenPipeError, ConnectionResetError):  # one that is gone already ends as one that goes later
        return
    except OSError as error:
        raise StartError(f"{len(told)} bytes of settings cannot be handed over: {error.strerror}") from error


def failed(error: EdgeError) -> Failed:
    """What is told of a process that ends, or never began, because of `error`."""
    return Failed(exit_code=error.exit_code, sentence=str(error))


def change(settings: msgspec.Struct, anew: list[str]) -> Change:
    """The order to go on with `settings`."""
    return Change(settings=msgspec.Raw(_encoder.encode(settings)), anew=anew)


def send(end: socket.socket, order: Order) -> bool:
    """Send an order, unless the child is gone, or too busy to read: it does not hold the supervisor up."""
    try:
        end.send(_encoder.encode(order))
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        return False
    return True


def receive(end: socket.socket) -> list[News] | None:
    """The news that has come; None once the child is gone."""
    news: list[News] = []
    while True:
        try:
            data = end.recv(MAX_BYTES)
        except BlockingIOError:
            return news
        except ConnectionResetError:  # it left without reading all; what it said before is still to come
            continue
        if not data:
            return news or None
        news.append(_news.decode(data))


class Link:
    """A child's end. Poll its `fileno()`, then read the orders."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._hang_s = HANG_S
        self._last_beat = 0.0
        self._last_state = ""
        self.stopping = False

    def fileno(self) -> int:
        """For a poller."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let the supervisor know that this process is done."""
        self._socket.close()

    def settings(self, kind: type[S]) -> S:
        """What this process was told at its start."""
        start = _start.decode(self._socket.recv(MAX_BYTES))
        self._hang_s = start.hang_s
        return msgspec.msgpack.decode(start.settings, type=kind)

    @staticmethod
    def changed_settings(change: Change, kind: type[S]) -> S:
        """What this process is told to go on with."""
        return msgspec.msgpack.decode(change.settings, type=kind)

    def orders(self) -> list[Order]:
        """The orders that have come. `Stop`, and a supervisor that is gone, set `stopping`."""
        orders: list[Order] = []
        try:
            while data := self._socket.recv(MAX_BYTES, socket.MSG_DONTWAIT):
                order = _orders.decode(data)
                self.stopping |= isinstance(order, Stop)
                orders.append(order)
            self.stopping = True
        except BlockingIOError:
            return orders
        except ConnectionResetError:
            self.stopping = True
        return orders

    def ready(self) -> None:
        """Work can begin."""
        self._tell(Ready())

    def changed(self, refusal: str = "") -> None:
        """The settings of the last `Change` hold, or cannot, for what `refusal` says."""
        self._tell(Changed(refusal=refusal))

    def failed(self, error: EdgeError) -> None:
        """This process ends because of `error`."""
        self._tell(failed(error))

    def crashed(self, error: BaseException) -> None:
        """This process ends because of something that nobody foresaw."""
        self._tell(Failed(exit_code=ExitCode.FAILED, sentence=f"{type(error).__name__}: {error}"))

    def finished(self) -> None:
        """Nothing is left to do."""
        self._tell(Finished())

    def beat(self, state: str, detail: dict[str, Any] | None = None) -> None:
        """Report once a second, or as often as is due, and at once when `state` changes."""
        now = time.monotonic()
        if state == self._last_state and now - self._last_beat < min(BEAT_S, self._hang_s / 4):
            return
        self.tell(state, detail)

    def rest_ms(self, most: int) -> int:
        """How long to wait for something to do, up to `most`, and be heard in time."""
        return min(most, round(1e3 * self._hang_s / 2))

    def tell(self, state: str, detail: dict[str, Any] | None = None) -> None:
        """Report now."""
        self._last_beat, self._last_state = time.monotonic(), state
        self._tell(Report(state=state, detail=detail or {}))

    def _tell(self, news: News) -> None:
        try:
            self._socket.send(_encoder.encode(news))
        except (BrokenPipeError, ConnectionResetError):
            self.stopping = True
