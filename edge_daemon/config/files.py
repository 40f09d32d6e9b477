"""Checks that the files named in a configuration exist on this machine and can be read.

They are kept apart from validation, which gives the same answer on every machine.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_daemon.config.problems import Problem
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.errors import StartError
from edge_daemon.transport.curve import ANY, public_key, secret_key
from edge_daemon.zoo.paths import BUILTIN, is_download


def missing(config: Config) -> Iterator[Problem]:
    """One problem for each source, model, key and label file that is missing or cannot be read."""
    lines = config.lines
    for name, camera in config.cameras.items():
        kind = kind_of(camera.source)
        if kind in ("file", "folder") and (fault := _fault(path_of(camera.source), folder=kind == "folder")):
            yield lines.problem(("cameras", name, "source"), fault)
    publish = config.publish
    if publish.secret_key and (fault := _key_fault(publish.secret_key, secret_key)):
        yield lines.problem(("publish", "secret_key"), fault)
    for i, client in enumerate(publish.clients or []):
        if client != ANY and (fault := _key_fault(client, public_key)):
            yield lines.problem(("publish", "clients", i), fault)
    for name, model in config.models.items():
        on_disk = not model.path.startswith(BUILTIN) and not is_download(model.path)
        if on_disk and (fault := _fault(Path(model.path))):
            yield lines.problem(("models", name, "path"), fault)
        if isinstance(model.labels, str) and (fault := _fault(Path(model.labels))):
            yield lines.problem(("models", name, "labels"), fault)


def _key_fault(text: str, read: Callable[[str], str]) -> str | None:
    try:
        read(text)
    except StartError as error:
        return str(error)
    return None


def _fault(path: Path, *, folder: bool = False) -> str | None:
    try:
        if not path.exists():
            return f"there is no {'folder' if folder else 'file'} {path}"
    except OSError as error:  # such as a name that is too long, or a folder without permission to enter
        return f"cannot look for {path}: {(error.strerror or str(error)).lower()}"
    if path.is_dir() != folder:
        return f"{path} is a {'file' if folder else 'folder'}"
    return None if os.access(path, os.R_OK) else f"{path} cannot be read: permission denied"
