"""The errors that carry a sentence for a person, and the exit codes that carry it to a shell."""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell and systemd learn from a finished `edge-daemon`."""

    OK = 0
    FAILED = 1
    CONFIG = 2
    START = 3


class EdgeError(Exception):
    """Says what happened, where, and what to do; never needs a traceback to be understood.

    `problems` are the single errors of a configuration (`config.problems.Problem`), if those are the reason.
    """

    exit_code = ExitCode.FAILED
    problems: Sequence[object] = ()


class ConfigError(EdgeError):
    """The configuration cannot be used."""

    exit_code = ExitCode.CONFIG


class StartError(EdgeError):
    """Something this run cannot do without is missing or taken: an address, a folder, a font."""

    exit_code = ExitCode.START


class SourceError(EdgeError):
    """A camera, file or folder cannot be opened or read; `reason` is why in a word or two, for `status/`."""

    exit_code = ExitCode.START

    def __init__(self, sentence: str, reason: str = "no frames") -> None:
        super().__init__(sentence)
        self.reason = reason


class ModelError(EdgeError):
    """A model cannot be loaded, or its outputs make no sense."""

    exit_code = ExitCode.START


class WireError(EdgeError):
    """Bytes that are no message of ours: malformed, truncated, too large or of another version."""


class PictureError(EdgeError):
    """A picture that cannot be decoded or encoded, or is too large to try."""


class RequestError(EdgeError):
    """A client asked for something that cannot be given."""
