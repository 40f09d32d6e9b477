"""Changes values in a configuration file, which is replaced atomically."""

import os
import shutil
import tempfile
from pathlib import Path

from edge_daemon.config.edit import Values, with_values
from edge_daemon.config.load import loads
from edge_daemon.errors import StartError

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Byte order mark, which some editors write at the beginning of a file."""


def rewrite(path: Path, values: Values) -> None:
    """Set values in the file. It is replaced atomically: readers see the old content or the new.

    Raises:
        ConfigError: a value cannot be set safely, or the result would not be valid.
        StartError: the file cannot be written.
    """
    path = path.resolve()
    try:
        text = path.read_bytes().decode()
        mark = MARK if text.startswith(MARK) else ""
        edited = with_values(text.removeprefix(mark), str(path), values)
        loads(edited, str(path), path.parent)
        _replace(path, (mark + edited).encode())
    except OSError as error:
        raise StartError(f"cannot write {path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            about = path.stat()
            shutil.copymode(path, new)
            if os.geteuid() == 0:
                os.fchown(number, about.st_uid, about.st_gid)
            file.write(content)
            file.flush()
            os.fsync(number)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
