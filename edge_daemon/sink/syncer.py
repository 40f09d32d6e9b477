"""Has the system write a file to the disk itself once a second, in a thread: on a slow card that takes a while."""

import logging
import os
import threading

logger = logging.getLogger(__name__)
SYNC_S = 1.0
"""A power cut costs at most what was written in this time."""


class Syncer:
    """Writes the file `fd` to the disk a second after `note_written`, and when it is closed."""

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)
        self._lock = threading.Lock()
        self._written, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncer", daemon=True)
        self._thread.start()

    def note_written(self) -> None:
        """Remember that there is something to be written to the disk."""
        if not self._written.is_set():
            self._written.set()

    def follow(self, fd: int) -> None:
        """Go on with another file; the one before is left to the system."""
        with self._lock:
            os.close(self._fd)
            self._fd = os.dup(fd)

    def close(self) -> None:
        """Write everything to the disk."""
        self._over.set()
        self._written.set()
        self._thread.join()
        os.close(self._fd)

    def _run(self) -> None:
        while not self._over.is_set():
            self._written.wait()
            self._over.wait(SYNC_S)
            self._written.clear()
            self._sync()

    def _sync(self) -> None:
        with self._lock:
            fd = os.dup(self._fd)
        try:
            os.fsync(fd)
        except OSError as error:  # writing reports it
            logger.debug("cannot sync: %s", error.strerror)
        finally:
            os.close(fd)
