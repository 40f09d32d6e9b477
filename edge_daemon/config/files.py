"""Checks that the files named in a configuration exist on this machine and can be read.

They are kept apart from validation, which gives the same answer on every machine.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_daemon.config.near import near
from edge_daemon.config.problems import Problem
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import is_on_disk, kind_of, path_of
from edge_daemon.config.values import NAME_SETS
from edge_daemon.errors import StartError
from edge_daemon.runtime import disk
from edge_daemon.transport.curve import ANY, is_key, public_key, secret_key
from edge_daemon.zoo.paths import BUILTIN, is_download


def missing(config: Config) -> Iterator[Problem]:
    """One problem for each source, model, key and label file that is missing or cannot be read."""
    lines = config.lines
    for name, camera in config.cameras.items():
        if not is_on_disk(camera.source):
            continue
        path, folder = path_of(camera.source), kind_of(camera.source) == "folder"
        if not disk.look(path).hung and (fault := _fault(path, folder=folder)):  # a drive may be back later
            yield lines.problem(("cameras", name, "source"), fault)
    publish = config.publish
    if publish.secret_key and (fault := _key_fault(publish.secret_key, secret_key)):
        yield lines.problem(("publish", "secret_key"), fault)
    for i, client in enumerate(publish.clients or []):
        if client != ANY and (fault := _key_fault(client, public_key)):
            yield lines.problem(("publish", "clients", i), fault)
    for name, model in config.models.items():
        on_disk = model.file and not model.file.startswith(BUILTIN) and not is_download(model.file)
        if on_disk and (fault := _fault(Path(model.file))):
            yield lines.problem(("models", name, model.file_key), fault)
        for key in ("ca", "certificate", "key"):
            if (file := getattr(model, key)) and (fault := _fault(Path(file))):
                yield lines.problem(("models", name, key), fault)
        has_file = isinstance(model.labels, str) and model.labels not in NAME_SETS
        if has_file and (fault := _fault(Path(str(model.labels)))):
            yield lines.problem(("models", name, "labels"), fault)


def _key_fault(text: str, read: Callable[[str], str]) -> str | None:
    try:
        if not is_key(text):
            disk.must_answer(Path(text))
        read(text)
    except StartError as error:
        return str(error)
    return None


def _fault(path: Path, *, folder: bool = False) -> str | None:
    found = disk.look(path)
    if found.hung:
        return f"{path} does not answer; is its network drive there?"
    if found.error in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no {'folder' if folder else 'file'} {path}{near(path)}"
    if found.error:  # such as a name that is too long, or a folder without permission to enter
        return f"cannot look for {path}: {os.strerror(found.error).lower()}"
    if found.is_folder != folder:
        return f"{path} is a {'file' if folder else 'folder'}"
    return None if found.readable else f"{path} cannot be read: permission denied"
