"""The socket in a daemon's private folder at which programs of its Unix user ask for something.

A caller is greeted with a `Greeting`. Then it sends `Ask`s, and each is followed by a `Replied`, as between a process
and the supervisor (`runtime/control.py`). What it says about itself is replaced by what the kernel knows of it.
"""

import logging
import os
import pwd
import socket
import struct
from pathlib import Path
from typing import Self

import msgspec

from edge_daemon.errors import StartError
from edge_daemon.log import printable
from edge_daemon.messages.requests import Reply, Requester
from edge_daemon.runtime.control import Ask, Replied
from edge_daemon.supervisor.request_router import Respond
from edge_daemon.transport.channel import Channel
from edge_daemon.transport.listener import Listener

logger = logging.getLogger(__name__)
NAME = "control"
_CREDENTIALS = struct.Struct("3i")
"""Process, user and group (struct ucred in unix(7))."""


class Greeting(msgspec.Struct, frozen=True, kw_only=True, tag="greeting"):
    """The daemon's process, and the file that it read, if any."""

    pid: int
    config: str | None


_asks = msgspec.msgpack.Decoder(Ask)
_encoder = msgspec.msgpack.Encoder()


class ControlSocket:
    """The daemon's end. Readable when somebody calls.

    Raises:
        StartError: there can be no socket in the folder, such as where its path is too long.
    """

    def __init__(self, folder: Path, config: Path | None) -> None:
        self._greeting = _encoder.encode(Greeting(pid=os.getpid(), config=printable(str(config)) if config else None))
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listening.bind(str(folder / NAME))
        except OSError as error:
            listening.close()
            raise StartError(f"cannot listen at {folder / NAME}: {error.strerror or error}") from error
        listening.listen()
        self._listener = Listener(listening)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._listener.fileno()

    def accept(self) -> "Caller | None":
        """Return a new caller, which has been greeted."""
        if (end := self._listener.accept()) is None:  # it is gone again
            return None
        caller = Caller(end)
        caller.send(self._greeting)
        return caller


class Caller:
    """A program that has connected. Readable when it has sent something, or is gone."""

    def __init__(self, end: socket.socket) -> None:
        self.requester = Requester(name=user_name(peer_user(end)), role="administrator", via="control-socket")
        self._end, self._channel = end, Channel(end)

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._channel.fileno()

    def receive(self) -> list[Ask] | None:
        """Return the requests that have arrived; None once the caller is gone, or has sent anything else."""
        asks: list[Ask] = []
        try:
            for message in self._channel.receive():
                ask = _asks.decode(message)
                asks.append(Ask(id=ask.id, request=msgspec.structs.replace(ask.request, by=self.requester)))
        except EOFError:
            return asks or None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("a caller at the control socket sent something else than a request: %s", error)
            return None
        return asks

    def responder(self, id: int) -> Respond:
        """Return the function that sends the reply to request `id`."""

        def respond(reply: Reply) -> None:
            self.send(_encoder.encode(Replied(id=id, reply=reply)))

        return respond

    def send(self, message: bytes) -> None:
        """Send a message. A caller that does not read is cut off."""
        try:
            self._channel.post(message)
            if self._channel.unsent:
                self._end.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is gone, which shows when it is read from
            return

    def close(self) -> None:
        """Disconnect."""
        self._channel.close()


def peer_user(end: socket.socket) -> int:
    """User id of the process at the other end of a Unix socket, when it connected or began to listen."""
    _, user, _ = _CREDENTIALS.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(user)


def user_name(user: int) -> str:
    """Name of a Unix user, or its number."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
