"""The file of results: every result as a JSON line."""

import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO

from edge_daemon.errors import StartError

logger = logging.getLogger(__name__)


class Record:
    """Appends lines to a file, or to standard output (`-`).

    A write that fails (a full disk) is said once, and said again when it goes on; results are published either way.

    Raises:
        StartError: the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._name = "standard output" if path == "-" else path
        try:
            self._file: BinaryIO = sys.stdout.buffer if path == "-" else Path(path).open("ab")  # noqa: SIM115
        except OSError as error:
            raise StartError(f"cannot write results to {path}: {error.strerror}") from error
        self._failing = False

    def write(self, line: bytes) -> None:
        """Write one line."""
        try:
            self._file.write(line + b"\n")
        except OSError as error:
            self._failed(error)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        try:
            self._file.flush()
        except OSError as error:
            self._failed(error)
        else:
            if self._failing:
                logger.warning("results are written to %s again", self._name)
            self._failing = False

    def close(self) -> None:
        """Bring everything to the disk."""
        self.flush()
        if self._file is not sys.stdout.buffer:
            try:
                os.fsync(self._file.fileno())
                self._file.close()
            except OSError as error:
                self._failed(error)

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            logger.error("results are missing from %s: %s", self._name, error.strerror)
        self._failing = True
