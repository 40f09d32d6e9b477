"""The index of the journal: an SQLite database that can be made again from it at any time."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.store.entry import Entry, about
from edge_daemon.store.journal import Shift
from edge_daemon.store.schema import MIGRATIONS, migrate

FILE = "index.db"
CACHE_KB = 2000
NEWEST = (1 << 63) - 1
"""A position after all others."""


class Index:
    """Written by one process; others read it at the same time, and hold nothing up.

    Raises:
        sqlite3.Error: it cannot be opened, is damaged or (NotSupportedError) of a newer version.
    """

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            if not migrate(self._db, migrations):
                raise sqlite3.NotSupportedError("the index is of a newer version")
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close it."""
        self._db.close()

    @property
    def position(self) -> int:
        """The last position; 0 if there is none."""
        return int(self._db.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()[0])

    @property
    def run(self) -> int:
        """The last run that stored anything."""
        return int(self._db.execute("SELECT coalesce(max(run), 0) FROM entries").fetchone()[0])

    def files(self) -> dict[str, int]:
        """How much of each file of the journal is in it, in bytes."""
        return dict(self._db.execute("SELECT name, bytes FROM files"))

    def has(self, key: str) -> bool:
        """True if there is an entry with this key."""
        return self._db.execute("SELECT 1 FROM entries WHERE key = ?", (key,)).fetchone() is not None

    def insert(self, entries: Iterable[Entry], shifts: Iterable[Shift], files: Mapping[str, int]) -> None:
        """Add entries that are not there yet and corrections of the clock, when the journal has got this long.

        Raises:
            sqlite3.Error: it cannot be written; nothing has changed.
        """
        with self._transaction():
            for entry in entries:
                self._insert(entry)
            for shift in shifts:
                self._shift(shift)
            self._db.executemany("REPLACE INTO files VALUES (?, ?)", files.items())

    def beyond(self, name: str, position: int) -> list[Entry]:
        """Entries of a file after a position: those that the file itself has lost."""
        rows = self._db.execute(
            "SELECT position, run, body FROM entries WHERE file = ? AND position > ? ORDER BY position",
            (name, position),
        )
        return [Entry(number, run, name, about(body), body) for number, run, body in rows]

    def clipless(self, since_s: float) -> list[tuple[bytes, bytes, str | None]]:
        """Events that began after a time and have no clip: the first and the last message of each, and its still."""
        return self._db.execute(
            "SELECT a.body, b.body, e.still FROM events e JOIN entries a ON a.position = e.first"
            " JOIN entries b ON b.position = coalesce(e.end, e.position)"
            " WHERE e.clip IS NULL AND e.start_s > ? ORDER BY e.first",
            (since_s,),
        ).fetchall()

    def aged(self, kept: str, until_s: float, most: int, upto: int = NEWEST) -> list[int]:
        """The oldest entries of a class that happened before a time: their positions, none after `upto`, and `most`."""
        rows = self._db.execute(
            "SELECT position FROM entries WHERE kept = ? AND at_s < ? AND position <= ? ORDER BY at_s LIMIT ?",
            (kept, until_s, upto, most),
        )
        return [position for (position,) in rows]

    def aged_events(self, kept: str, until_s: float, most: int, upto: int = NEWEST) -> list[tuple[str, str, int]]:
        """The oldest events of a class that have ended, began before a time and did not change after the position
        `upto`: ids, cameras and last positions, at most `most`.
        """
        return self._db.execute(
            "SELECT id, camera, position FROM events WHERE kept = ? AND start_s < ? AND end IS NOT NULL"
            " AND position <= ? ORDER BY start_s LIMIT ?",
            (kept, until_s, upto, most),
        ).fetchall()

    def positions(self, subject: str) -> list[int]:
        """The entries about an event."""
        rows = self._db.execute("SELECT position FROM entries WHERE subject = ?", (subject,))
        return [position for (position,) in rows]

    def remove(self, positions: Sequence[int]) -> None:
        """Remove entries, and the events that have none left.

        Raises:
            sqlite3.Error: it cannot be written; nothing has changed.
        """
        with self._transaction():
            for position in positions:
                row = self._db.execute("SELECT kind, subject FROM entries WHERE position = ?", (position,)).fetchone()
                self._db.execute("DELETE FROM entries WHERE position = ?", (position,))
                if row and row[0] == "event":
                    self._forget(row[1])

    def _forget(self, event: str) -> None:
        """Remove an event of which no entry is left."""
        if self._db.execute("SELECT 1 FROM entries WHERE subject = ? LIMIT 1", (event,)).fetchone():
            return
        self._db.execute("DELETE FROM words WHERE first = (SELECT first FROM events WHERE id = ?)", (event,))
        self._db.execute("DELETE FROM events WHERE id = ?", (event,))

    def _insert(self, entry: Entry) -> None:
        of = entry.about
        added = self._db.execute(
            "INSERT OR IGNORE INTO entries (position, key, kept, kind, subject, camera, model, run, file, at_s, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.position,
                of.key,
                of.kept,
                of.kind,
                of.subject,
                of.camera,
                of.model,
                entry.run,
                entry.file,
                of.at_s,
                entry.body,
            ),
        )
        if added.rowcount and of.kind == "event":
            self._event(entry)

    def _event(self, entry: Entry) -> None:
        of = entry.about
        end, end_s = (entry.position, of.at_s) if of.phase == "end" else (None, None)
        self._db.execute(
            "INSERT INTO events (id, kept, camera, first, position, start_s, end, end_s, still, clip)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " position = max(position, excluded.position),"
            " end = coalesce(excluded.end, end), end_s = coalesce(excluded.end_s, end_s),"
            " still = coalesce(excluded.still, still), clip = coalesce(excluded.clip, clip)",
            (
                of.subject,
                of.kept,
                of.camera,
                entry.position,
                entry.position,
                of.at_s,
                end,
                end_s,
                of.still,
                of.clip,
            ),
        )
        start_s, first = self._db.execute("SELECT start_s, first FROM events WHERE id = ?", (of.subject,)).fetchone()
        self._db.executemany(
            "INSERT OR IGNORE INTO words VALUES (?, ?, ?)", [(word, start_s, first) for word in of.words]
        )

    def _shift(self, shift: Shift) -> None:
        """Move what happened before the clock was set."""
        by, of = shift.seconds, (shift.run, shift.before)
        moved = "SELECT position FROM entries WHERE run = ? AND position < ?"
        self._db.execute(
            f"UPDATE entries SET at_s = at_s + ?, shift_s = shift_s + ? WHERE position IN ({moved})", (by, by, *of)
        )
        self._db.execute(
            "UPDATE events SET start_s = (SELECT at_s FROM entries WHERE position = first),"
            " end_s = (SELECT at_s FROM entries WHERE position = end)"
            f" WHERE first IN ({moved}) OR end IN ({moved})",
            (*of, *of),
        )
        self._db.execute(
            "UPDATE words SET start_s = (SELECT start_s FROM events e WHERE e.first = words.first)"
            f" WHERE first IN ({moved})",
            of,
        )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """All or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if kind is None:
                raise
