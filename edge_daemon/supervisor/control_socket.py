"""Where a running daemon takes orders from others on this machine: a socket in its private folder, for its user only.

Each packet is JSON. The daemon greets with a `Greeting`; a `reload` is answered with an `Answer` once it is over.
"""

import os
import socket
from pathlib import Path
from typing import Self

import msgspec

from edge_daemon.errors import ExitCode, StartError

NAME = "control"
RELOAD = b"reload"
MAX_BYTES = 1 << 18


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """Who is there: its process, and the file that it read, if it read one."""

    pid: int
    config: str | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How it went, as an exit code and for a person."""

    exit_code: int
    text: str


class ControlSocket:
    """The daemon's end. Readable when somebody calls.

    Raises:
        StartError: there can be no socket in the folder, such as where its path is too long.
    """

    def __init__(self, folder: Path, config: Path | None) -> None:
        self._greeting = msgspec.json.encode(Greeting(pid=os.getpid(), config=str(config) if config else None))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.bind(str(folder / NAME))
        except OSError as error:
            self._socket.close()
            raise StartError(f"cannot take orders at {folder / NAME}: {error.strerror or error}") from error
        self._socket.listen()
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def caller(self) -> "Caller | None":
        """Somebody who has called, greeted."""
        try:
            caller, _ = self._socket.accept()
        except OSError:
            return None
        caller.setblocking(False)
        line = Caller(caller)
        line.send(self._greeting)
        return line


class Caller:
    """Somebody who called. Readable when there is an order, or nobody any more."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def fileno(self) -> int:
        """For a selector."""
        return self._line.fileno()

    def wants_reload(self) -> bool:
        """What the caller said; anything else is the end of the call."""
        try:
            return self._line.recv(MAX_BYTES) == RELOAD
        except OSError:
            return False

    def answer(self, code: ExitCode, text: str) -> None:
        """Say how it went, and hang up."""
        self.send(msgspec.json.encode(Answer(exit_code=code, text=text)))
        self.close()

    def send(self, packet: bytes) -> None:
        """Send, if the caller is still there."""
        try:
            self._line.send(packet[:MAX_BYTES])
        except OSError:
            return

    def close(self) -> None:
        """Hang up."""
        self._line.close()
