"""How much lies in a folder: looked through a little at a time, since there may be millions of files."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

RECENT_NS = 3600 * 1_000_000_000
"""Age of a folder's last change from which its files are taken to be as they were."""
FILES = 1000
"""Files between two moments at which looking may pause."""
Folder = tuple[int, int, list[str]]
"""When a folder was changed last, the bytes of its files, and the folders in it."""


class Sizes:
    """The files in `folder`, with those in the folders in it. Folders that have not changed are not read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Folder] = {}
        self._looking: Iterator[int | None] | None = None

    @property
    def is_looking(self) -> bool:
        """True if it has begun to look, and is not done."""
        return self._looking is not None

    def look(self, within_s: float) -> int | None:
        """Look on for a time; return the bytes of all files once all were looked at."""
        self._looking = self._looking or self._look()
        until_s = time.perf_counter() + within_s
        for total in self._looking:
            if total is not None:
                self._looking = None
                return total
            if time.perf_counter() >= until_s:
                return None
        return None

    def _look(self) -> Iterator[int | None]:
        found: dict[str, Folder] = {}
        left = [str(self.folder)]
        while left:
            name = left.pop()
            with suppress(OSError):  # it is gone
                changed_ns = os.stat(name).st_mtime_ns  # noqa: PTH116 (for each folder)
                known = self._known.get(name)
                if known is None or known[0] != changed_ns or time.time_ns() - changed_ns < RECENT_NS:
                    known = yield from _read(name, changed_ns)
                found[name] = known
                left += known[2]
            yield None
        self._known = found
        yield sum(size for _, size, _ in found.values())


def _read(name: str, changed_ns: int) -> Generator[None, None, Folder]:
    size, folders, files = 0, list[str](), 0
    with os.scandir(name) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_size
            files += 1
            if files % FILES == 0:
                yield None
    return changed_ns, size, folders
