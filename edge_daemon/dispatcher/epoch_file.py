"""The highest epoch of each camera, kept on disk: later daemons go on above it, whatever the wall clock shows then."""

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Annotated

import msgspec

from edge_daemon.runtime.state import exclusive, replace_file

logger = logging.getLogger(__name__)
VERSION = 1
WAIT_S = 2.0
"""Time limit for a write: cameras do not wait for a disk that is stuck or very busy."""


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    v: int = VERSION
    epochs: dict[str, Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]]


class EpochFile:
    """A JSON file in the state folder. Where daemons share it, each keeps what the others wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, int]:
        """Return the highest epochs. A file that cannot be used counts as missing, with a warning."""
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("cannot read %s: %s; epochs begin with the wall clock", self._path, error)
            return {}
        if content.v == VERSION:
            return content.epochs
        logger.warning("%s is of an unknown version (%d); epochs begin with the wall clock", self._path, content.v)
        return {}

    def save(self, epochs: Mapping[str, int]) -> None:
        """Bring epochs to the disk. That takes `WAIT_S` at most, after which it goes on in the background."""
        writing = Thread(target=self._write, args=(dict(epochs),), daemon=True)
        writing.start()
        writing.join(WAIT_S)
        if writing.is_alive():
            logger.warning("writing %s takes long: after a power cut, an epoch may be used again", self._path)

    def _write(self, epochs: dict[str, int]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._path.parent):
                known = self.load()
                highest = known | {camera: max(epoch, known.get(camera, 0)) for camera, epoch in epochs.items()}
                replace_file(self._path, msgspec.json.encode(_Content(epochs=highest)))
        except OSError as error:
            logger.warning(
                "cannot write %s: %s: after a restart, an epoch may be used again", self._path, error.strerror
            )
