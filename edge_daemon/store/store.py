"""The store as its only writer has it: the journal, and the index that follows it."""

import fcntl
import logging
import os
import sqlite3
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.errors import WireError
from edge_daemon.messages.published import utc
from edge_daemon.runtime.state import make_folder
from edge_daemon.store.entry import About, Entry, about
from edge_daemon.store.index import FILE, Index
from edge_daemon.store.journal import Gone, Head, Journal, RunStart, Shift, stay

logger = logging.getLogger(__name__)
JOURNAL, MEDIA = "journal", "media"
"""Folders in the store's folder."""
SOON_S, LATER_S = 0.5, 10.0
"""Time until a tick writes events to the disk itself, and until counts and tracks: memory cards wear out by syncs."""
SKIPPED = 10_000
"""Positions that are left out after the machine was started again: a power cut may have taken some that were used."""
STEP_S = 1.0
"""A wall clock that moves this far from one second to the next was set."""
FAR_S = 600.0
"""A step that makes ages doubtful."""
LATELY = 10_000
"""Keys kept in memory while there is no index."""
BATCH = 1000
REBUILD_KB = 64_000
"""Memory for making an index again."""
LOCK = "lock"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Clock = Callable[[], float]


def boottime_s() -> float:
    """Seconds since the machine was started, with those that it was suspended for."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Store:
    """The store in `folder`. What is added lies in the journal when `add` returns; `trouble` says what the index lacks.

    `beat` is called now and then while something takes long.

    Raises:
        OSError: the folder or the journal cannot be read or written, or (BlockingIOError) another process has it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wall_s: Clock = time.time,
        boot_s: Clock = boottime_s,
        beat: Callable[[], None] = lambda: None,
        boot: str | None = None,
    ) -> None:
        self.folder, self._wall_s, self._boot_s, self._beat = folder, wall_s, boot_s, beat
        self._boot = boot or _boot_id()
        make_folder(folder)
        self._lock = (folder / LOCK).open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open()
        except OSError:
            self._lock.close()
            raise

    def _open(self) -> None:
        folder, wall_s, boot_s = self.folder, self._wall_s, self._boot_s
        self._journal = Journal(folder / JOURNAL)
        make_folder(folder / JOURNAL)
        self._offset_s = wall_s() - boot_s()
        self.stepped_at_s: float | None = None
        """When the clock was last set by far, on the clock that counts from the start of the machine."""
        self.trouble = ""
        self._lately: OrderedDict[str, None] = OrderedDict()
        self._due_s: float | None = None
        self._index: Index | None = None
        self._compacting: Generator[str] = self._compact()
        self._erasing = False
        self._journal.repair()
        self.id, self.position, self._run = self._heads()
        self._restore()
        if self.index:
            self._run = max(self._run, self.index.run + 1)
        self._first = self._run
        start = RunStart(self._run, self._boot, wall_s(), boot_s())
        before = self.index.runs(self._boot, self._run) if self.index else None
        if before:
            self._first, offset_s = before
            self._move(self._run - 1, start.offset_s - offset_s)
        self._append([start])

    @property
    def index(self) -> Index | None:
        """The index; None while there is none that can be used."""
        return self._index

    @property
    def unreadable(self) -> int:
        """Lines of the journal that could not be read."""
        return self._journal.unreadable

    def boot_s(self) -> float:
        """Time since the start of the machine."""
        return self._boot_s()

    def cursor(self, position: int) -> str:
        """A position, for other programs."""
        return f"{self.id}:{position}"

    def add(self, bodies: Iterable[bytes]) -> list[Entry]:
        """Store messages; return those that were not there, with their positions. Messages of other kinds are left out.

        Raises:
            OSError: the journal cannot be written; nothing was stored.
        """
        new: OrderedDict[str, tuple[About, bytes]] = OrderedDict()
        for body in bodies:
            try:
                one = about(body)
            except WireError as error:
                logger.warning("not stored: %s", error)
                continue
            if one.key not in new and not self._has(one.key):
                new[one.key] = one, body
        if not new:
            return []
        file = f"{self._day}.jsonl"
        entries = [
            Entry(self.position + 1 + number, self._run, file, one, body)
            for number, (one, body) in enumerate(new.values())
        ]
        self._append(entries, soon=any(_is_urgent(entry.about) for entry in entries))
        return entries

    def tick(self) -> None:
        """Do what is due, about once a second: sync the journal, follow the clock, mend the index.

        Raises:
            OSError: the journal cannot be written.
        """
        self._follow_clock()
        if self._due_s is not None and self._boot_s() >= self._due_s:
            self._journal.sync()
            self._due_s = None
        if self.trouble:
            self._restore()

    def close(self) -> None:
        """Write everything to the disk."""
        try:
            self._journal.close()
        except OSError as error:
            logger.warning("cannot write %s: %s", self._journal.folder, error.strerror)
        if self._index:
            self._index.close()
        self._lock.close()

    def rebuild(self) -> None:
        """Make the index again from the journal.

        Raises:
            OSError: the journal cannot be read.
            sqlite3.Error: the index cannot be written.
        """
        if self._index:
            self._index.close()
            self._index = None
        new = self.folder / f"new-{FILE}"
        _remove(new)
        index = Index(new, cache_kb=REBUILD_KB)
        try:
            self._catch_up(index)
        finally:
            index.close()
        _remove(self.folder / FILE)
        new.replace(self.folder / FILE)
        self._index = Index(self.folder / FILE)
        self.trouble = ""

    def drop(self, positions: Sequence[int], *, erased: bool = False) -> None:
        """Remove entries. Their lines go with `compact`.

        Raises:
            OSError: the journal cannot be written; nothing was removed.
        """
        if self._index and positions:
            try:
                places = self._index.places(positions)
            except sqlite3.Error as error:
                self._fail(error)
                return
            self._append([Gone(file, numbers, erased) for file, numbers in places.items()])

    def erase(self, positions: Sequence[int]) -> Iterator[None]:
        """Remove entries, and have nothing of them in any file, a little at a time.

        Raises:
            OSError: a file cannot be written.
            sqlite3.Error: the index cannot be.
        """
        if self._index is None:
            raise sqlite3.OperationalError("there is no index now")
        index, self._erasing = self._index, True
        self._compacting.close()  # what it has copied may be erased now
        index.secure(True)
        try:
            for first in range(0, len(positions), BATCH):
                self.drop(positions[first : first + BATCH], erased=True)
                yield
            for aside in self.folder.glob(f"damaged-*{FILE}*"):
                aside.unlink()
            for _ in self._compact():
                yield
            index.write_out()
        finally:
            self._erasing = False
            index.secure(False)

    def compact(self) -> Iterator[str]:
        """Rewrite files of the journal without what was removed, a little at a time, and yield the name of the file
        after each bit. The file that is written to waits for its turn, unless something in it was erased. While
        something is erased, nothing is done: that does it too.

        Raises:
            OSError: one cannot be written.
        """
        if self._erasing:
            return
        self._compacting = self._compact()
        yield from self._compacting

    def _compact(self) -> Generator[str]:
        index = self._index
        if index is None or self.trouble:
            return
        for name, erased in index.gone_files().items():
            if not erased and name == self._journal.name:
                continue
            self._journal.sync()
            index.write_out()  # or a power cut could bring back what the journal has not any more
            for _ in self._rewrite(index, name):
                yield name
                if self._index is not index or self.trouble:
                    return

    def _rewrite(self, index: Index, name: str) -> Iterator[None]:
        gone, length = index.gone_of(name), 0
        if (self._journal.folder / name).exists():
            stays = stay(name, lambda position: index.is_in(position, name), set(gone), index.has_gone)
            length = yield from self._journal.thin(name, Head(self.id, self.position + 1), stays)
        index.rewritten(name, length)
        for first in range(0, len(gone), BATCH):
            if first:
                yield
            index.forget_gone(name, gone[first : first + BATCH])
        yield

    def _has(self, key: str) -> bool:
        if key in self._lately:
            return True
        try:
            return self._index is not None and self._index.has(key)
        except sqlite3.Error as error:
            self._fail(error)
            return False

    @property
    def _day(self) -> str:
        return utc(int(self._wall_s() * 1e9))[:10]

    def _append(self, lines: Sequence[Entry | Shift | RunStart | Gone], *, soon: bool = False) -> None:
        """Append to the journal, then to the index.

        Raises:
            OSError: the journal cannot be written.
        """
        head = Head(self.id, self.position + 1)
        name, length = self._journal.append(self._day, head, [line.line for line in lines])
        entries = [line for line in lines if isinstance(line, Entry)]
        if entries:
            self.position = entries[-1].position
        due_s = self._boot_s() + (SOON_S if soon else LATER_S)
        self._due_s = due_s if self._due_s is None else min(self._due_s, due_s)
        if self._index and not self.trouble:
            try:
                self._index.insert(lines, {name: length})
                return
            except sqlite3.Error as error:
                self._fail(error)
        self._lately.update((entry.about.key, None) for entry in entries)
        while len(self._lately) > LATELY:
            self._lately.popitem(last=False)

    def _follow_clock(self) -> None:
        """Follow the wall clock if it was set."""
        offset_s = self._wall_s() - self._boot_s()
        by_s, self._offset_s = offset_s - self._offset_s, offset_s
        self._move(self._run, by_s)

    def _move(self, run: int, by_s: float) -> None:
        """Note in the journal that the clock was set: what was stored since the start of the machine, up to a run,
        happened at another time.
        """
        if abs(by_s) < STEP_S:
            return
        logger.warning("the clock was set by %+.0f s: what was stored since the machine was started is moved", by_s)
        if abs(by_s) >= FAR_S:
            self.stepped_at_s = self._boot_s()
        self._append([Shift(self._first, run, self.position + 1, by_s)])

    def _heads(self) -> tuple[str, int, int]:
        """The id of the store, its last position and the number of this run, by the newest file of the journal."""
        heads = {name: head for name in self._journal.files() if (head := self._journal.head(name))}
        if not heads:
            return uuid.uuid4().hex[:12], 0, 1
        newest = max(heads, key=lambda name: heads[name].next)
        position, run, boot = heads[newest].next - 1, 0, ""
        for line in self._journal.tail(newest):
            position = max(position, line.position if isinstance(line, Entry) else 0)
            run = max(run, line.run if isinstance(line, Entry | Shift | RunStart) else 0)
            boot = line.boot if isinstance(line, RunStart) else boot
        return heads[newest].store, position + SKIPPED * (boot != self._boot), run + 1

    def _restore(self) -> None:
        """Open the index and take in what it lacks; a damaged one is put aside and made again."""
        try:
            if self._index and self.trouble:  # its disk may be gone, and another one be in its place
                with suppress(sqlite3.Error):
                    self._index.close()
                self._index = None
            if self._index is None:
                self._index = Index(self.folder / FILE)
            self._mend(self._index)
            self._catch_up(self._index)
            self.position = max(self.position, self._index.position)
            self.trouble = ""
            self._lately.clear()
        except sqlite3.OperationalError as error:  # such as a full disk
            self._fail(error)
        except sqlite3.Error as error:
            self._put_aside(error)

    def _put_aside(self, error: sqlite3.Error) -> None:
        """Keep a damaged index beside another one that is made again."""
        if self._index:
            with suppress(sqlite3.Error):
                self._index.close()
            self._index = None
        aside = self.folder / f"damaged-{utc(int(self._wall_s() * 1e9)).replace(':', '')}-{FILE}"
        logger.error("the index is damaged (%s): it is kept as %s and made again", error, aside.name)
        try:
            (self.folder / FILE).replace(aside)
            _remove(self.folder / FILE)
            self.rebuild()
        except (OSError, sqlite3.Error) as failed:
            self._fail(failed)

    def _mend(self, index: Index) -> None:
        """Give the journal back what a power cut has taken from it and not from the index."""
        lengths = self._journal.files()
        torn = [name for name, known in index.files().items() if lengths.get(name, known) < known]
        for name in torn:
            there = [line.position for line in self._journal.read(name) if isinstance(line, Entry)]
            lost = index.beyond(name, max(there, default=0))
            if lost:
                logger.warning("%d lines are missing from %s: written again from the index", len(lost), name)
                self._journal.append(self._day, Head(self.id, self.position + 1), [entry.line for entry in lost])
        if torn and (gone := index.gone()):
            self._journal.append(self._day, Head(self.id, self.position + 1), [one.line for one in gone])
        lengths = self._journal.files()
        index.insert((), {name: lengths[name] for name in torn})

    def _catch_up(self, index: Index) -> None:
        """Take in what the journal has and the index lacks: what is about entries comes after all of them."""
        known, later, batch = index.files(), list[Shift | Gone | RunStart](), list[Entry]()
        grown = {name: size for name, size in self._journal.files().items() if size != known.get(name)}
        for name in grown:
            for line in self._journal.read(name, known.get(name, 0)):
                if isinstance(line, Entry):
                    batch.append(line)
                elif isinstance(line, Shift | Gone | RunStart):
                    later.append(line)
                if len(batch) >= BATCH:
                    index.insert(batch, {})
                    batch.clear()
                    self._beat()
        index.insert([*batch, *later], grown)

    def _fail(self, error: Exception) -> None:
        """Remember that the index cannot be used. The journal goes on; the index is mended when that is possible."""
        if not self.trouble:
            logger.error("cannot write the index: %s", error)
        self.trouble = f"index: {error}"
        if self._index and not isinstance(error, sqlite3.OperationalError):
            with suppress(sqlite3.Error):
                self._index.close()
            self._index = None


def _is_urgent(about: About) -> bool:
    return about.kind == "event"


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def _remove(index: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(f"{index}{ending}")  # noqa: PTH108
