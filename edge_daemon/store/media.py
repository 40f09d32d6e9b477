"""Where the clips and stills of events lie: `CAMERA/DAY/ID.mp4`, by the time that is in the id."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from edge_daemon.runtime.state import make_folder, replace_file, sync_folder
from edge_daemon.settings import StorageSettings

Medium = Literal["clip", "still", "annotated", "small"]
ENDINGS: dict[Medium, str] = {"clip": ".mp4", "still": ".jpg", "annotated": "-annotated.jpg", "small": "-small.jpg"}

WAITING = "waiting"
"""Folder in the store's in which files wait for a media folder elsewhere, ..."""
MARK, KNOWN = ".edge-daemon-media", "known"
"""... which has a file by which it is known to be mounted; a file in `waiting` says that it has been there."""


def path_of(folder: Path, camera: str, event: str, medium: Medium) -> Path:
    """The file of an event.

    Raises:
        ValueError: `event` is no UUID.
    """
    day = datetime.fromtimestamp((UUID(event).int >> 80) / 1e3, UTC)
    return folder / camera / f"{day:%Y-%m-%d}" / f"{event}{ENDINGS[medium]}"


def folders(storage: StorageSettings) -> tuple[Path, ...]:
    """Where clips and stills are: in the media folder, and, if that is not in the store's, where they wait for it."""
    media, waiting = Path(storage.media), Path(storage.folder) / WAITING
    return (media,) if media.is_relative_to(storage.folder) else (media, waiting)


def made_in(storage: StorageSettings) -> Path:
    """Where clips and stills are made."""
    return folders(storage)[-1]


def find(storage: StorageSettings, camera: str, event: str, medium: Medium) -> Path:
    """The file of an event, wherever it is; it may not be there.

    Raises:
        ValueError: `event` is no UUID.
    """
    paths = [path_of(folder, camera, event, medium) for folder in folders(storage)]
    return next((path for path in paths if path.exists()), paths[0])


def check_mounted(storage: StorageSettings, *, begin: bool = False) -> None:
    """Make sure that the media folder is the one that it was, and not the place where its disk was mounted; `begin` to
    use one that was never used.

    Raises:
        OSError: it is not there.
    """
    media, waiting = folders(storage)[0], made_in(storage)
    if media == waiting:
        return
    known = waiting / KNOWN
    was_there = known.exists() and known.read_text() == str(media)
    is_there = (media / MARK).exists()
    if was_there and not is_there:
        raise FileNotFoundError(2, "it is not mounted")
    if begin and not (was_there and is_there):
        make_folder(media)
        make_folder(waiting)
        replace_file(media / MARK, b"clips and stills of edge-daemon\n")
        replace_file(known, str(media).encode())


def settle(part: Path, path: Path) -> None:
    """Move a finished file to its place; it survives a power cut there.

    Raises:
        OSError: that failed.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def remove(folder: Path, camera: str, event: str) -> int:
    """Remove what an event has; return the bytes that this frees.

    Raises:
        OSError: a file cannot be removed.
    """
    freed = 0
    for medium in ENDINGS:
        try:
            path = path_of(folder, camera, event, medium)
            size = path.stat().st_size
        except (ValueError, FileNotFoundError):
            continue
        path.unlink()
        freed += size
        with suppress(OSError):  # it is not empty
            path.parent.rmdir()
    return freed
