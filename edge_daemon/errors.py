"""Errors with messages for people, and the exit codes of the command."""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, for shells and systemd."""

    OK = 0
    FAILED = 1
    CONFIG = 2
    START = 3


class EdgeError(Exception):
    """Base of errors whose message gives the cause, the place and a remedy, without a traceback.

    `problems` are the problems of a configuration (`config.problems.Problem`), if those are the cause.
    """

    exit_code = ExitCode.FAILED
    problems: Sequence[object] = ()


class ConfigError(EdgeError):
    """The configuration cannot be used."""

    exit_code = ExitCode.CONFIG


class StartError(EdgeError):
    """A requirement of this run is missing or in use: an address, a folder, a font."""

    exit_code = ExitCode.START


class SourceError(EdgeError):
    """A camera, file or folder cannot be opened or read; `reason` is the cause in a word or two, for `status/`."""

    exit_code = ExitCode.START

    def __init__(self, sentence: str, reason: str = "no frames") -> None:
        super().__init__(sentence)
        self.reason = reason


class ModelError(EdgeError):
    """A model cannot be loaded, or its outputs are implausible."""

    exit_code = ExitCode.START


class WireError(EdgeError):
    """Malformed, truncated or oversized bytes instead of a message, or a message of another version."""


class PictureError(EdgeError):
    """A picture cannot be decoded or encoded, or is too large."""


class TooLargeError(PictureError):
    """A picture has more pixels than the limit, or takes too much memory or time to decode."""


class RequestError(EdgeError):
    """A client's request cannot be fulfilled."""
