"""Readings that a frame has settled, kept in a file by the model's stamp, so that they hold after a restart and for all
workers of the model.
"""

import logging
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.runtime.state import exclusive, replace_file
from edge_daemon.settings import BoxesSettings

logger = logging.getLogger(__name__)
FILE = "readings.json"
MOST = 500
"""Most models that are remembered; the oldest are forgotten."""


def settled(folder: str | None, stamp: str) -> BoxesSettings | None:
    """What was settled for the model with this stamp."""
    return _read(Path(folder) / FILE).get(stamp) if folder and stamp else None


def keep(folder: str | None, stamp: str, boxes: BoxesSettings) -> None:
    """Remember what a frame has settled."""
    if not folder or not stamp:
        return
    try:
        with exclusive(Path(folder)):
            known = _read(Path(folder) / FILE) | {stamp: boxes}
            newest = dict(list(known.items())[-MOST:])
            replace_file(Path(folder) / FILE, msgspec.json.encode(newest))
    except OSError as error:
        logger.warning("cannot keep how the model is read: %s", error.strerror)


def _read(path: Path) -> dict[str, BoxesSettings]:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=dict[str, BoxesSettings])
    return {}
