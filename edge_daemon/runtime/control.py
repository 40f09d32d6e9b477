"""The control channel between a process and its supervisor: settings and commands go down, reports come up.

It is a pair of connected sockets that the process inherits, so it needs no address and nobody else can reach it. Each
end learns at once when the other is gone: a process whose supervisor was killed stops by itself. A process may also ask
the supervisor for something (`Ask`, `Replied`), as programs do at the control socket; see `messages/requests.py`.
"""

import itertools
import logging
import os
import socket
import time
from typing import TypeVar

import msgspec

from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.messages.requests import AnyRequest, Reply
from edge_daemon.messages.status import ProcessReport, ProcessStatus
from edge_daemon.messages.switches import SwitchState
from edge_daemon.transport.channel import Channel

logger = logging.getLogger(__name__)
HEARTBEAT_S = 1.0
"""Interval of the reports that show that a process's loop still runs."""
HANG_S = 60.0
"""Time without a report after which a process counts as hung, unless its settings say otherwise."""
NO_REPORT = ProcessReport()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """First message to a process: its settings, and that it is killed if it sends no report for `hang_s`."""

    settings: msgspec.Raw
    hang_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A message to the supervisor."""


class Started(Report, frozen=True, kw_only=True, tag="started"):
    """This process exists: the first report."""

    pid: int


class Ready(Report, frozen=True, kw_only=True, tag="ready"):
    """Sockets are bound, models loaded: work can begin."""


class Failed(Report, frozen=True, kw_only=True, tag="failed"):
    """This process ends because of what `sentence` describes."""

    exit_code: int
    sentence: str


class Heartbeat(Report, frozen=True, kw_only=True, tag="heartbeat"):
    """The process's loop runs; its `state` in a word or two, and its `report`, of its kind's type."""

    state: str
    report: msgspec.Raw


class Finished(Report, frozen=True, kw_only=True, tag="finished"):
    """This process has nothing left to do, and never will have."""


class Reconfigured(Report, frozen=True, kw_only=True, tag="reconfigured"):
    """The settings of the last `Reconfigure` are in use, or, if there is a `refusal`, the previous ones still are."""

    refusal: str = ""


class Ask(Report, frozen=True, kw_only=True, tag="ask"):
    """A request; a `Replied` with the same `id` follows."""

    id: int
    request: AnyRequest


class Served(Report, frozen=True, kw_only=True, tag="served"):
    """The reply to the `Serve` of this `id`."""

    id: int
    reply: Reply


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A message from the supervisor."""


class Stop(Command, frozen=True, kw_only=True, tag="stop"):
    """Finish what is under way and exit."""


class RetryNow(Command, frozen=True, kw_only=True, tag="retry-now"):
    """Do now what is waited with after a failure, such as opening a camera."""


class Exited(Command, frozen=True, kw_only=True, tag="exited"):
    """Another process is gone (it may come back)."""

    process: str
    role: str


class Reconfigure(Command, frozen=True, kw_only=True, tag="reconfigure"):
    """Apply new settings, of the type that this process was started with; answered by `Reconfigured`.

    The captures of the cameras `restarted` are replaced: their next frames do not continue the previous ones.
    """

    settings: msgspec.Raw
    restarted: list[str]


class Replied(Command, frozen=True, kw_only=True, tag="replied"):
    """The reply to the `Ask` of this `id`."""

    id: int
    reply: Reply


class Serve(Command, frozen=True, kw_only=True, tag="serve"):
    """A request that this process is to serve; answered by `Served` with the same `id`."""

    id: int
    request: AnyRequest


class Processes(Command, frozen=True, kw_only=True, tag="processes"):
    """The process table, and what people have switched."""

    processes: list[ProcessStatus]
    switches: SwitchState = SwitchState()


_encoder = msgspec.msgpack.Encoder()
_start = msgspec.msgpack.Decoder(Start)
_reports = msgspec.msgpack.Decoder(Started | Ready | Failed | Heartbeat | Finished | Reconfigured | Ask | Served)
_commands = msgspec.msgpack.Decoder(Stop | RetryNow | Exited | Reconfigure | Processes | Replied | Serve)
S = TypeVar("S", bound=msgspec.Struct)


class ProcessChannel:
    """The supervisor's end of the channel to one process. Nothing that it does waits for that process.

    Raises:
        StartError: the limit of open files is reached.
    """

    def __init__(self) -> None:
        try:
            self._channel, self.theirs = Channel.pair()
        except OSError as error:
            raise StartError(f"cannot open a channel to a process: {error.strerror}") from error

    def fileno(self) -> int:
        """File descriptor to poll: readable when a report has arrived, or the process is gone."""
        return self._channel.fileno()

    @property
    def wants_to_write(self) -> bool:
        """True while there are commands that the process has not taken; poll for room, then `flush`."""
        return self._channel.unsent > 0

    def start(self, settings: bytes) -> None:
        """Send the process its `encoded_start`."""
        self._post(settings)

    def send(self, command: Command) -> bool:
        """Send a command, at the latest when `flush` finds room for it; false if the process is gone."""
        return self._post(_encoder.encode(command))

    def flush(self) -> None:
        """Send what the process takes now."""
        try:
            self._channel.flush()
        except OSError:  # it is gone, which shows when its last reports have been read
            return

    def receive(self) -> list[Report] | None:
        """Return the reports that have arrived; None once the process is gone. Malformed ones are left out."""
        reports: list[Report] = []
        try:
            for message in self._channel.receive():
                try:
                    reports.append(_reports.decode(message))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    logger.warning("dropped a malformed report of a process: %s", error)
        except EOFError:
            return reports or None
        return reports

    def close(self) -> None:
        """Close this end."""
        self._channel.close()

    def _post(self, message: bytes) -> bool:
        try:
            self._channel.post(message)
        except OSError:
            return False
        return True


def encoded_start(settings: msgspec.Struct, hang_s: float = HANG_S) -> bytes:
    """Encode what a process receives first.

    Raises:
        StartError: the settings contain text that is not UTF-8, such as a path.
    """
    try:
        return _encoder.encode(Start(settings=msgspec.Raw(_encoder.encode(settings)), hang_s=hang_s))
    except UnicodeEncodeError as error:
        raise StartError(f"{error.object!r} is not UTF-8, which paths have to be") from error


def failed(error: EdgeError) -> Failed:
    """Report of a process that ends, or never began, because of `error`."""
    return Failed(exit_code=error.exit_code, sentence=str(error))


def reconfigure(settings: msgspec.Struct, restarted: list[str]) -> Reconfigure:
    """Command to apply `settings`."""
    return Reconfigure(settings=msgspec.Raw(_encoder.encode(settings)), restarted=restarted)


class Control:
    """A process's end of its control channel. Poll its `fileno()`, then read the commands.

    This process is killed if it sends no report for `hang_s`.
    """

    def __init__(self, fd: int) -> None:
        self._channel = Channel(socket.socket(fileno=fd))
        self.hang_s = HANG_S
        self._last_report = 0.0
        self._last_state = ""
        self._ids = itertools.count(1)
        self.stopping = False

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._channel.fileno()

    def close(self) -> None:
        """Let the supervisor know that this process is done."""
        self._channel.close()

    def settings(self, kind: type[S]) -> S:
        """Wait for this process's settings, and return them.

        Raises:
            StartError: there will be none.
        """
        try:
            start = _start.decode(self._channel.wait_for_message())
        except EOFError:
            raise StartError("the supervisor is gone, or has given this process up") from None
        self.hang_s = start.hang_s
        return msgspec.msgpack.decode(start.settings, type=kind)

    @staticmethod
    def new_settings(command: Reconfigure, kind: type[S]) -> S:
        """Settings that this process is to apply."""
        return msgspec.msgpack.decode(command.settings, type=kind)

    def commands(self) -> list[Command]:
        """Return the commands that have arrived. `Stop`, and a supervisor that is gone, set `stopping`."""
        commands: list[Command] = []
        try:
            for message in self._channel.receive():
                command = _commands.decode(message)
                self.stopping |= isinstance(command, Stop)
                commands.append(command)
        except EOFError:
            self.stopping = True
        return commands

    def started(self) -> None:
        """Report that this process exists."""
        self._send(Started(pid=os.getpid()))

    def ready(self) -> None:
        """Report that work can begin."""
        self._send(Ready())

    def reconfigured(self, refusal: str = "") -> None:
        """Report that the settings of the last `Reconfigure` are in use, or why they cannot be (`refusal`)."""
        self._send(Reconfigured(refusal=refusal))

    def failed(self, error: EdgeError) -> None:
        """Report that this process ends because of `error`."""
        self._send(failed(error))

    def crashed(self, error: BaseException) -> None:
        """Report that this process ends because of an unexpected error."""
        self._send(Failed(exit_code=ExitCode.FAILED, sentence=f"{type(error).__name__}: {error}"))

    def finished(self) -> None:
        """Report that nothing is left to do."""
        self._send(Finished())

    def ask(self, request: AnyRequest) -> int:
        """Send a request; return the id of the `Replied` that will be among the `commands`."""
        ask = Ask(id=next(self._ids), request=request)
        self._send(ask)
        return ask.id

    def served(self, id: int, reply: Reply) -> None:
        """Send the reply to a `Serve`."""
        self._send(Served(id=id, reply=reply))

    def heartbeat(self, state: str, report: ProcessReport = NO_REPORT) -> None:
        """Send a heartbeat once a second, or as often as is due, and at once when `state` changes."""
        if self.is_due(state):
            self.report(state, report)

    def is_due(self, state: str) -> bool:
        """True if a heartbeat is to be sent now."""
        rest_s = time.monotonic() - self._last_report
        return state != self._last_state or rest_s >= min(HEARTBEAT_S, self.hang_s / 4)

    def rest_ms(self, most: int) -> int:
        """Longest time to wait for something to do, up to `most`, without missing a heartbeat."""
        return min(most, round(1e3 * self.hang_s / 2))

    def report(self, state: str, report: ProcessReport = NO_REPORT) -> None:
        """Send a heartbeat now."""
        self._last_report, self._last_state = time.monotonic(), state
        self._send(Heartbeat(state=state, report=msgspec.Raw(_encoder.encode(report))))

    def _send(self, report: Report) -> None:
        try:
            self._channel.send(_encoder.encode(report), wait_ms=None)
        except OSError:
            self.stopping = True
