"""Calls a function in a process of its own: a model or a camera may crash or hang the process that handles it.

The function takes one struct and returns a value, both of which travel as JSON. It lives in a module that the new
process imports: `python -m edge_daemon.runtime.isolated MODULE FUNCTION FD`.
"""

import contextlib
import importlib
import inspect
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from edge_daemon import errors
from edge_daemon.errors import EdgeError, SourceError
from edge_daemon.transport.channel import Channel

A = TypeVar("A")
STDERR = 2


class DiedError(EdgeError):
    """The process ended without an answer; `by_signal` tells a crash from an unexpected error."""

    def __init__(self, returncode: int) -> None:
        self.by_signal = returncode < 0
        super().__init__(signal.Signals(-returncode).name if self.by_signal else f"exit code {returncode}")


class TimedOutError(EdgeError):
    """The process did not answer in time."""


class _Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The function has called `ready`, and waits for `go`."""


class _Answer(msgspec.Struct, frozen=True, tag="answer"):
    value: msgspec.Raw


class _Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The function raised an EdgeError of this class."""

    kind: str
    sentence: str
    reason: str | None


_reply = msgspec.json.Decoder(_Ready | _Answer | _Failed)


class Call(Generic[A]):
    """A function that runs in a process of its own, which ends with it, or with this object."""

    def __init__(
        self, function: Callable[..., A], request: msgspec.Struct, limit_s: float, environment: Mapping[str, str]
    ) -> None:
        self._kind = get_type_hints(function)["return"]
        self._until = time.monotonic() + limit_s
        self._channel, theirs = Channel.pair()
        module, name, end = function.__module__, function.__qualname__, str(theirs.fileno())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "edge_daemon.runtime.isolated", module, name, end],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=STDERR,  # libraries print there
                env=os.environ | environment,
            )
        with contextlib.suppress(OSError):  # it has died already, which shows when its answer is waited for
            self._channel.post(msgspec.json.encode(request))

    def __enter__(self) -> "Call[A]":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._channel.close()

    @property
    def ended(self) -> bool:
        """True once the process has ended."""
        return self._process.poll() is not None

    def wait_until_ready(self) -> None:
        """Wait until the function is about to do what is measured.

        Raises:
            EdgeError: as `answer`.
        """
        self._receive(_Ready)

    def go(self) -> None:
        """Let the function that called `ready` go on."""
        with contextlib.suppress(OSError):
            self._channel.post(b"{}")

    def answer(self) -> A:
        """Wait for what the function returns.

        Raises:
            TimedOutError: it takes too long.
            DiedError: the process died.
            EdgeError: the function raised it.
        """
        answer: A = msgspec.json.decode(self._receive(_Answer).value, type=self._kind)
        return answer

    def _receive(self, kind: type[msgspec.Struct]) -> Any:
        poll = select.poll()
        try:
            while (left_s := self._until - time.monotonic()) > 0:
                self._channel.flush()
                poll.register(self._channel, select.POLLIN | (select.POLLOUT if self._channel.unsent else 0))
                for message in self._channel.receive(1):
                    reply = _reply.decode(message)
                    if isinstance(reply, _Failed):
                        raise _error(reply)
                    assert isinstance(reply, kind)
                    return reply
                poll.poll(1e3 * left_s)
        except (EOFError, OSError):
            raise DiedError(self._process.wait()) from None
        raise TimedOutError("it takes too long")


def call(
    function: Callable[..., A], request: msgspec.Struct, *, limit_s: float, environment: Mapping[str, str] | None = None
) -> A:
    """Call a function in a process of its own, within `limit_s`.

    Raises:
        TimedOutError: it takes too long.
        DiedError: the process died.
        EdgeError: the function raised it.
    """
    with Call(function, request, limit_s, environment or {}) as running:
        return running.answer()


def _error(failed: _Failed) -> EdgeError:
    kind = getattr(errors, failed.kind, EdgeError)
    return SourceError(failed.sentence, failed.reason or "") if kind is SourceError else kind(failed.sentence)


def main() -> None:
    """Answer the one request."""
    module, name, fd = sys.argv[1:]
    channel = Channel(socket.socket(fileno=int(fd)))

    def ready() -> None:
        channel.send(msgspec.json.encode(_Ready()))
        channel.wait_for_message()

    function = getattr(importlib.import_module(module), name)
    parameters = list(inspect.signature(function).parameters)
    kind = get_type_hints(function)[parameters[0]]
    request = msgspec.json.decode(channel.wait_for_message(), type=kind)
    reply: _Answer | _Failed
    try:
        answer = function(request, ready) if len(parameters) > 1 else function(request)
        reply = _Answer(msgspec.Raw(msgspec.json.encode(answer)))
    except EdgeError as error:
        reply = _Failed(type(error).__name__, str(error), getattr(error, "reason", None))
    channel.send(msgspec.json.encode(reply), wait_ms=None)


if __name__ == "__main__":
    main()
