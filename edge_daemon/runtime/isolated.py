"""Calls a module in a process of its own: a model or a camera may crash or hang the process that handles it.

`python -m edge_daemon.runtime.isolated MODULE` answers one request with the module's function `run`, which the caller
does not import. Both are lines of JSON on standard input and output; what libraries print goes to standard error.
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
from typing import Any, Generic, Self, TypeVar, get_type_hints

import msgspec

from edge_daemon import errors
from edge_daemon.errors import EdgeError

A = TypeVar("A")
STDOUT, STDERR = 1, 2
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "SILENT"}


class DiedError(EdgeError):
    """The process ended without an answer."""


class TimedOutError(EdgeError):
    """The process did not answer in time."""


class _Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer; or the class, text and attributes of an EdgeError; or none of these from a module that is ready."""

    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    text: str = ""
    attributes: dict[str, Any] = {}


class Call(Generic[A]):
    """A call under way. Its process ends after `limit_s`, or with the `with` block."""

    def __init__(self, module: str, request: msgspec.Struct, answer: type[A], limit_s: float) -> None:
        self._kind, self._limit_s, self._is_late = answer, limit_s, False
        command = [sys.executable, "-P", "-m", "edge_daemon.runtime.isolated", module]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=os.environ | ENVIRONMENT)
        self._deadline = threading.Timer(limit_s, self._time_out)
        self._deadline.start()
        self._send(msgspec.json.encode(request))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline.cancel()
        self._process.kill()
        self._process.communicate()

    def wait_until_ready(self) -> None:
        """Wait until the module calls `ready`, the second argument of its `run`.

        Raises:
            EdgeError: as `answer`.
        """
        self._receive()

    def go(self) -> None:
        """Let a module continue that called `ready`."""
        self._send(b"go")

    def answer(self) -> A:
        """Wait for the answer.

        Raises:
            TimedOutError: it did not come in time.
            DiedError: the process ended without one.
            EdgeError: the module raised it.
        """
        return msgspec.json.decode(self._receive().answer, type=self._kind)

    def _send(self, line: bytes) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # `_receive` reports that the process is gone
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def _receive(self) -> _Reply:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            code = self._process.wait()
            if self._is_late:
                raise TimedOutError(f"it hangs, or is too slow for this machine: nothing after {self._limit_s:g} s")
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise DiedError(f"it brought down the process that ran it ({how})")
        reply = msgspec.json.decode(line, type=_Reply)
        if reply.error:
            error = getattr(errors, reply.error, EdgeError)(reply.text)
            vars(error).update(reply.attributes)
            raise error
        return reply

    def _time_out(self) -> None:
        self._is_late = True
        self._process.kill()


def call(module: str, request: msgspec.Struct, answer: type[A], limit_s: float) -> A:
    """Return the answer, a JSON value of the type `answer`, of `module` to `request`.

    Raises:
        EdgeError: as `Call.answer`.
    """
    with Call(module, request, answer, limit_s) as running:
        return running.answer()


def main() -> None:
    """Answer the one request."""
    replies = os.fdopen(os.dup(STDOUT), "wb")
    os.dup2(STDERR, STDOUT)
    sys.stdout = sys.stderr

    def send(reply: _Reply) -> None:
        replies.write(msgspec.json.encode(reply) + b"\n")
        replies.flush()

    def ready() -> None:
        send(_Reply())
        sys.stdin.buffer.readline()

    run = importlib.import_module(sys.argv[1]).run
    request_type, *more = (hint for name, hint in get_type_hints(run).items() if name != "return")
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=request_type)
    try:
        answer = run(request, ready) if more else run(request)
        reply = _Reply(answer=msgspec.Raw(msgspec.json.encode(answer)))
    except EdgeError as error:
        reply = _Reply(error=type(error).__name__, text=str(error), attributes=vars(error))
    send(reply)


if __name__ == "__main__":
    main()
