"""The folder where downloaded models are kept, and what a file is called there.

A name holds the beginning of the file's sha256: a model that changed is another file, and never taken for the old one.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from edge_daemon.errors import StartError
from edge_daemon.runtime.state import state_folder


def folder(chosen: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder `chosen`, or else the service's, or else the user's.

    A systemd service has `$STATE_DIRECTORY` (of several folders the first), a user `$XDG_CACHE_HOME` or `~/.cache`.

    Raises:
        StartError: nothing is chosen, and this user has no home.
    """
    if chosen is not None:
        return chosen.expanduser().absolute()
    if environment.get("STATE_DIRECTORY") and (state := state_folder(environment)):
        return state / "models"
    cache = Path(environment.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the specification says to ignore a relative one
        try:
            cache = Path.home() / ".cache"
        except RuntimeError as error:
            raise StartError("this user has no home folder to keep models in: choose one with --cache") from error
    return cache / "edge-daemon" / "models"


def file_in(cache: Path, name: str, sha256: str) -> Path:
    """Path at which the model `name` whose file has this sum is kept, whether it is there or not."""
    return cache / f"{name}-{sha256[:12]}.onnx"


def sum_of(*paths: Path) -> str | None:
    """The sha256 in hexadecimal of a file, or of several, one after the other; None if there is none.

    Raises:
        OSError: it is there and cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in paths:
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
