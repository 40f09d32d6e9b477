"""Where the clips and stills of events lie: `CAMERA/DAY/ID.mp4`, by the time that is in the id."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from edge_daemon.runtime.state import sync_folder

Medium = Literal["clip", "still", "annotated", "small"]
ENDINGS: dict[Medium, str] = {"clip": ".mp4", "still": ".jpg", "annotated": "-annotated.jpg", "small": "-small.jpg"}


def path_of(folder: Path, camera: str, event: str, medium: Medium) -> Path:
    """The file of an event.

    Raises:
        ValueError: `event` is no UUID.
    """
    day = datetime.fromtimestamp((UUID(event).int >> 80) / 1e3, UTC)
    return folder / camera / f"{day:%Y-%m-%d}" / f"{event}{ENDINGS[medium]}"


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
