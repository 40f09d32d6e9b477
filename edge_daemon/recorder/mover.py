"""Clips and stills on their way to a folder on another disk, such as a NAS: they wait in the store while it is away.

They are made in `waiting`, which has the layout of the media folder, and moved by a thread of its own, since a network
file system may not answer for minutes.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_daemon.runtime.state import make_folder
from edge_daemon.settings import StorageSettings
from edge_daemon.store.media import KNOWN, check_mounted, folders, settle

logger = logging.getLogger(__name__)
PART = ".part"
AGAIN_S, SILENT_S, LOOK_S = 10.0, 15.0, 2.0
"""Time until the next try, time without an answer that is worth a word, and interval of looking for files."""
MOST_BYTES = 2_000_000_000


class Mover(threading.Thread):
    """Moves what waits in a store to its media folder, the oldest first. If there is more than `most_bytes`, the oldest
    files are lost.
    """

    def __init__(self, storage: StorageSettings, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(name="mover", daemon=True)
        self._storage, self._most = storage, most_bytes
        self._media, self._waiting = folders(storage)
        self._stopping = threading.Event()
        self._trouble, self._asked_s = "", 0.0
        self._was_there = False
        self.lost = 0
        """Files that were removed, since too many waited."""

    @property
    def trouble(self) -> str:
        """Why files wait; empty if they do not."""
        if self._asked_s and time.monotonic() - self._asked_s > SILENT_S:
            return f"{self._media} does not answer"
        return self._trouble

    @property
    def is_there(self) -> bool:
        """True if the media folder was there a moment ago."""
        return self._was_there and not self.trouble

    def run(self) -> None:
        """Move files until stopped."""
        while not self._stopping.wait(AGAIN_S if self._trouble else LOOK_S):
            self.step()

    def step(self) -> None:
        """Move all files that wait, unless the folder is away."""
        try:
            self._asked_s = time.monotonic()
            check_mounted(self._storage, begin=True)
            self._was_there = True
            for path in self._files():
                self._asked_s = time.monotonic()
                self._move(path)
                self._asked_s = 0.0
                if self._stopping.is_set():
                    return
        except OSError as error:
            if not self._trouble:
                logger.error("clips and stills wait on the store's own disk: %s: %s", self._media, error.strerror)
            self._trouble = f"{self._media}: {error.strerror}"
        else:
            if self._trouble:
                logger.warning("what has waited is in %s now", self._media)
            self._trouble = ""
        finally:
            self._asked_s = 0.0
            self._limit()

    def stop(self) -> None:
        """End, unless the file system does not answer; then the thread ends with the process."""
        self._stopping.set()
        if self.is_alive():
            self.join(1.0)

    def _move(self, path: Path) -> None:
        """Move a file.

        Raises:
            OSError: it cannot be moved, or the folder is not there.
        """
        check_mounted(self._storage)
        target = self._media / path.relative_to(self._waiting)
        make_folder(target.parent)
        part = target.with_name(f"{target.name}{PART}")
        shutil.copyfile(path, part)
        settle(part, target)
        path.unlink()
        with suppress(OSError):  # others are there still
            path.parent.rmdir()

    def _files(self) -> list[Path]:
        """What waits, the oldest first."""
        found = sorted(_finished(self._waiting))
        return [path for _, path in found]

    def _limit(self) -> None:
        """Remove the oldest if there is too much."""
        files = [(path, path.stat().st_size) for path in self._files()]
        size, before = sum(size for _, size in files), self.lost
        for path, bytes in files:
            if size <= self._most:
                break
            path.unlink(missing_ok=True)
            size, self.lost = size - bytes, self.lost + 1
        if self.lost > before:
            logger.error("%d clips and stills are lost: too many waited for %s", self.lost - before, self._media)


def _finished(waiting: Path) -> Iterator[tuple[float, Path]]:
    for place, _, names in os.walk(waiting):
        for name in names:
            path = Path(place) / name
            if path.suffix != PART and not name.startswith(".") and path != waiting / KNOWN:
                with suppress(FileNotFoundError):
                    yield path.stat().st_mtime, path
