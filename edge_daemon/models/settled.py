"""Readings that a frame has settled, kept by the model's stamp in a file of the state folder, so that they hold after a
restart and for all workers of the model.
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


def merged(boxes: BoxesSettings, other: BoxesSettings) -> BoxesSettings:
    """The first settings, with those of the other where they state nothing."""
    missing = {key: getattr(other, key) for key in boxes.__struct_fields__ if getattr(boxes, key) is None}
    return msgspec.structs.replace(boxes, **missing)


class Settled:
    """The properties of the model `key` that frames have settled, in a folder; nothing is kept without one."""

    def __init__(self, folder: str | None, key: str) -> None:
        self._file = Path(folder) / FILE if folder else None
        self._key = key
        self._seen: tuple[int, int] | None = None

    def news(self) -> BoxesSettings | None:
        """The settled properties, if the file has changed since it was last read."""
        if self._file is None:
            return None
        try:
            about = self._file.stat()
        except OSError:
            return None
        stamp = (about.st_mtime_ns, about.st_ino)
        if stamp == self._seen:
            return None
        self._seen = stamp
        return self._read().get(self._key)

    def keep(self, boxes: BoxesSettings) -> None:
        """Remember what a frame has settled."""
        if self._file is None:
            return
        try:
            with exclusive(self._file.parent):
                known = self._read()
                earlier = known.pop(self._key, BoxesSettings())
                known[self._key] = merged(boxes, earlier)
                replace_file(self._file, msgspec.json.encode(dict(list(known.items())[-MOST:])))
        except OSError as error:
            logger.warning("cannot keep how the model is read: %s", error.strerror)

    def _read(self) -> dict[str, BoxesSettings]:
        assert self._file
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, BoxesSettings])
        return {}
