"""Folders of pictures: one that is read once, and one that is watched for new pictures."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge_daemon.capture.picture import Details, Picture, ready
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.codecs import read_bgr

logger = logging.getLogger(__name__)
PICTURE_FILES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm"}
LOOK_S = 0.2
"""Interval at which a folder is listed."""
SHARE = 0.02
"""Most of the time that listing may take: a folder of many files is listed less often."""


class Folder:
    """The pictures of a folder in the order of their names. Its clock shows one a second.

    Files that cannot be decoded are left out, and take no time.
    """

    live = False
    idle = "up"

    def __init__(self, path: Path, files: list[Path] | None = None) -> None:
        if files is None:
            try:
                files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_FILES)
            except OSError as error:
                raise SourceError(f"cannot read the folder {path}: {error.strerror}") from error
        if not files:
            raise SourceError(f"the folder {path} holds no pictures ({', '.join(sorted(PICTURE_FILES))})")
        self._files: Iterator[Path] = iter(files)
        self._count = self.lost = 0
        self.about, self.details = f"{len(files)} pictures", Details()

    def read(self) -> Picture | None:
        """The next picture that can be decoded."""
        for file in self._files:
            try:
                bgr = read_bgr(file.read_bytes())
            except (PictureError, OSError) as error:
                logger.warning("left out %s: %s", file, error)
                self.lost += 1
                continue
            self._count += 1
            return Picture(float(self._count - 1), ready(bgr), file=file.name)
        return None

    def close(self) -> None:
        """Do nothing: no resource is open."""


class Stamp(NamedTuple):
    """Distinguishes one state of a file from another."""

    modified_ns: int
    size: int
    inode: int


class GrowingFolder:
    """The pictures that are added to a folder or rewritten, in the order of their times; at first, the newest.

    A file is complete when it is the same in two listings and can be decoded. One that is another in each listing, for
    it is rewritten all the time, is read all the same, and taken if it did not change meanwhile. Folders on network
    shares do not report changes, so this one is listed again and again. A picture is dated when it is read.
    """

    live = True
    idle = "up"

    def __init__(self, path: Path) -> None:
        self._path, self.about, self.details = path, "pictures as they come", Details()
        self._seen = self._look()
        self._taken = dict(self._seen)
        if newest := max(self._seen, key=self._seen.__getitem__, default=None):
            del self._taken[newest]
        self._found: deque[str] = deque()
        self._restless: set[str] = set()  # files that changed between the last two listings
        self._next_look = 0.0
        self.lost = 0

    def read(self) -> Picture | None:
        """The next picture, or None after a while without.

        Raises:
            SourceError: the folder is gone, or may not be read.
        """
        if not self._found:
            time.sleep(max(0.0, self._next_look - time.monotonic()))
            self._find()
        while self._found:
            name = self._found.popleft()
            file = self._path / name
            try:
                before = _stamp(file)
                bgr = read_bgr(file.read_bytes())
                if name in self._restless and _stamp(file) != before:
                    continue
                self._taken[name] = before
            except (PictureError, OSError) as error:
                if name not in self._restless:  # otherwise it may have been read while it was written
                    logger.warning("left out %s: %s", file, error)
                    self.lost += 1
                continue
            return Picture(time.monotonic(), ready(bgr), file=file.name)
        return None

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def _find(self) -> None:
        began = time.monotonic()
        now = self._look()
        self._taken = {name: stamp for name, stamp in self._taken.items() if name in now}
        changed = {name for name, stamp in now.items() if self._seen.get(name, stamp) != stamp}
        still = {name for name, stamp in now.items() if self._seen.get(name) == stamp}
        ready = still | (changed & self._restless)
        new = [name for name in ready if now[name].size and self._taken.get(name) != now[name]]
        self._found.extend(sorted(new, key=lambda name: (now[name].modified_ns, name)))
        self._taken |= {name: now[name] for name in new if name in still}
        self._seen, self._restless = now, changed
        took_s = time.monotonic() - began
        self._next_look = began + max(LOOK_S, took_s / SHARE)

    def _look(self) -> dict[str, Stamp]:
        found = {}
        try:
            for file in self._path.iterdir():
                if file.suffix.lower() in PICTURE_FILES:
                    with suppress(FileNotFoundError):  # removed since
                        found[file.name] = _stamp(file)
        except OSError as error:
            reason = {FileNotFoundError: "not found", PermissionError: "unauthorised"}.get(type(error), "refused")
            raise SourceError(f"cannot read the folder {self._path}: {error.strerror}", reason) from error
        return found


def _stamp(file: Path) -> Stamp:
    status = file.stat()
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
