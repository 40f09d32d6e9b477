"""The index of the journal: an SQLite database that can be made again from it at any time."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.store.entry import Entry, about
from edge_daemon.store.journal import Gone, Line, RunStart, Shift
from edge_daemon.store.marks import Hold, Mark, Range, held, marked
from edge_daemon.store.schema import MIGRATIONS, migrate
from edge_daemon.store.words import keys

FILE = "index.db"
CACHE_KB = 4000
NEWEST = (1 << 63) - 1
"""A position after all others."""
QUARTER_S = 900
"""Events are counted for each quarter of an hour, ..."""
ALL = ""
"""... by camera, and of all cameras."""
MARKED, HELD = 1, 2
"""Reasons for which an event is kept: it is marked, or in a range that is."""
LONGEST_S = 3600.0
"""No event is longer: it is cut into parts."""

_OVER = "end IS NOT NULL AND (clip IS NOT NULL OR end_s <= ?)"


class _Tracked(msgspec.Struct):
    tracker_id: int


class _Tracks(msgspec.Struct):
    camera: str
    model: str
    tracks: list[_Tracked] = []


class Index:
    """Written by one process; others read it at the same time, and hold nothing up.

    Raises:
        sqlite3.Error: it cannot be opened, is damaged or (NotSupportedError) of a newer version.
    """

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS, cache_kb: int = CACHE_KB) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        self._kept_tracks: set[str] | None = None
        self._ids: dict[str, int] = {}
        try:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA cache_size = -{cache_kb}")
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
        """The run that stored the last entry."""
        row = self._db.execute("SELECT run FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def runs(self, boot: str, before: int) -> tuple[int, float] | None:
        """Of the runs before one in the same start of the machine: the first, and how the last one's clock was set."""
        run, offset_s = before, None
        for number, of, offset in self._db.execute("SELECT * FROM runs WHERE run < ? ORDER BY run DESC", (before,)):
            if of != boot:
                break
            run, offset_s = number, offset if offset_s is None else offset_s
        return None if offset_s is None else (run, offset_s)

    def files(self) -> dict[str, int]:
        """How much of each file of the journal is in it, in bytes."""
        return dict(self._db.execute("SELECT name, bytes FROM files"))

    def has(self, key: str) -> bool:
        """True if there is an entry with this key."""
        return self._db.execute("SELECT 1 FROM entries WHERE key = ?", (key,)).fetchone() is not None

    def insert(self, lines: Iterable[Line], files: Mapping[str, int]) -> None:
        """Take in lines of the journal, of entries those that are not there yet, when its files have got this long.

        Raises:
            sqlite3.Error: it cannot be written; nothing has changed.
        """
        with self._transaction():
            for line in lines:
                match line:
                    case Entry():
                        self._insert(line)
                    case Shift():
                        self._shift(line)
                    case Gone():
                        self._remove(line)
                    case RunStart():
                        self._db.execute(
                            "INSERT OR IGNORE INTO runs VALUES (?, ?, ?)", (line.run, line.boot, line.offset_s)
                        )
            self._db.executemany(
                "INSERT INTO files VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes", files.items()
            )

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
        """The oldest entries of a class that happened before a time: their positions, none after `upto`, and `most`.
        Tracks of events and ranges that are kept are passed over.
        """
        while True:
            rows = self._db.execute(
                "SELECT position, subject, camera, at_s FROM entries WHERE kept = ? AND at_s < ? AND position <= ?"
                " ORDER BY at_s LIMIT ?",
                (kept, until_s, upto, most),
            ).fetchall()
            stay = {row[0] for row in rows if kept == "tracks" and self._is_held(*row[1:])}
            if len(stay) < len(rows) or not rows:
                return [row[0] for row in rows if row[0] not in stay]
            with self._transaction():
                self._db.executemany("UPDATE entries SET kept = 'held' WHERE position = ?", [(one,) for one in stay])

    def aged_events(self, kept: str, until_s: float, most: int, upto: int = NEWEST) -> list[tuple[str, str, int]]:
        """The oldest events of a class that have ended, began before a time, are not marked to be kept, and did not
        change after the position `upto`: ids, cameras and last positions, at most `most`.
        """
        return self._db.execute(
            "SELECT id, camera, position FROM events WHERE kept = ? AND keep = 0 AND start_s < ? AND end IS NOT NULL"
            " AND position <= ? ORDER BY start_s LIMIT ?",
            (kept, until_s, upto, most),
        ).fetchall()

    def positions(self, subject: str) -> list[int]:
        """The entries about an event."""
        rows = self._db.execute("SELECT position FROM entries WHERE subject = ?", (subject,))
        return [position for (position,) in rows]

    def bodies(self, subject: str) -> list[bytes]:
        """The messages about an event."""
        rows = self._db.execute("SELECT body FROM entries WHERE subject = ? AND kind = 'event'", (subject,))
        return [body for (body,) in rows]

    def is_in(self, position: int, file: str) -> bool:
        """True if there is an entry at a position which that file of the journal is to have."""
        found = self._db.execute("SELECT 1 FROM entries WHERE position = ? AND file = ?", (position, file))
        return found.fetchone() is not None

    def overlapping(self, camera: str, since_s: float, until_s: float, settled_s: float) -> list[tuple[str, bool]]:
        """Events of a camera in a range of time: ids, and if they are over (see `event`)."""
        return self._db.execute(
            f"SELECT id, {_OVER} FROM events WHERE start_s BETWEEN ? AND ? AND camera = ? AND coalesce(end_s, ?) >= ?",
            (settled_s, since_s - LONGEST_S, until_s, camera, until_s, since_s),
        ).fetchall()

    def tracks_since(self, camera: str, since_s: float) -> list[tuple[int, bytes]]:
        """Messages about tracks of a camera that had not ended before a range of time, whenever they began."""
        return self._db.execute(
            "SELECT position, body FROM entries WHERE kept IN ('tracks', 'held') AND at_s >= ? AND camera = ?",
            (since_s, camera),
        ).fetchall()

    def event(self, id: str, settled_s: float = 0.0) -> tuple[str, bool] | None:
        """The camera of an event, and if it is over: it has its clip, or ended before `settled_s`."""
        found: tuple[str, bool] | None = self._db.execute(
            f"SELECT camera, {_OVER} FROM events WHERE id = ?", (settled_s, id)
        ).fetchone()
        return found

    def places(self, positions: Iterable[int]) -> dict[str, list[int]]:
        """Positions by the file of the journal that has them."""
        found: dict[str, list[int]] = {}
        for position in positions:
            row = self._db.execute("SELECT file FROM entries WHERE position = ?", (position,)).fetchone()
            if row:
                found.setdefault(row[0], []).append(position)
        return found

    def gone(self) -> list[Gone]:
        """What was removed, and is in the journal still."""
        files: dict[tuple[str, bool], list[int]] = {}
        for file, position, erased in self._db.execute("SELECT file, position, erased FROM gone"):
            files.setdefault((file, bool(erased)), []).append(position)
        return [Gone(file, positions, erased) for (file, erased), positions in files.items()]

    def gone_files(self) -> dict[str, bool]:
        """The files of the journal that have something which was removed, and if any of it was erased."""
        found = self._db.execute("SELECT file, max(erased) FROM gone GROUP BY file")
        return {file: bool(erased) for file, erased in found}

    def gone_of(self, file: str) -> list[int]:
        """The positions of what was removed and is in a file of the journal still."""
        return [one for (one,) in self._db.execute("SELECT position FROM gone WHERE file = ?", (file,))]

    def has_gone(self, file: str) -> bool:
        """True if there is any."""
        return self._db.execute("SELECT 1 FROM gone WHERE file = ? LIMIT 1", (file,)).fetchone() is not None

    def rewritten(self, name: str, length: int) -> None:
        """Note the new length of a file of the journal; 0: it is not there any more.

        Raises:
            sqlite3.Error: it cannot be written; nothing has changed.
        """
        if length:
            self._db.execute("UPDATE files SET bytes = ? WHERE name = ?", (length, name))
        else:
            self._db.execute("DELETE FROM files WHERE name = ?", (name,))

    def forget_gone(self, file: str, positions: Iterable[int]) -> None:
        """Note that what was removed is not in a file of the journal any more.

        Raises:
            sqlite3.Error: it cannot be written; nothing has changed.
        """
        with self._transaction():
            gone = "DELETE FROM gone WHERE file = ? AND position = ?"
            self._db.executemany(gone, [(file, one) for one in positions])

    def write_out(self) -> None:
        """Have everything in the file itself, on the disk.

        Raises:
            sqlite3.Error: that failed.
        """
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def secure(self, wanted: bool) -> None:
        """Overwrite what is removed."""
        self._db.execute(f"PRAGMA secure_delete = {'ON' if wanted else 'OFF'}")

    def shrink(self, pages: int) -> None:
        """Give unused pages back."""
        self._db.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()

    def _remove(self, gone: Gone) -> None:
        """Remove entries, and the events that have none left."""
        for position in gone.positions:
            row = self._db.execute("SELECT kind, subject FROM entries WHERE position = ?", (position,)).fetchone()
            if row is None:
                continue
            self._db.execute("DELETE FROM entries WHERE position = ?", (position,))
            self._db.execute("REPLACE INTO gone VALUES (?, ?, ?)", (gone.of, position, gone.erased))
            if row[0] == "event":
                self._forget(row[1])
            elif row[0] == "hold":
                self._hold()

    def _forget(self, event: str) -> None:
        """Remove an event of which no message is left."""
        if self._db.execute("SELECT 1 FROM entries WHERE subject = ? AND kind = 'event' LIMIT 1", (event,)).fetchone():
            return
        row = self._db.execute("SELECT first, start_s, camera, kept FROM events WHERE id = ?", (event,)).fetchone()
        if row is None:
            return
        self._db.execute("DELETE FROM words WHERE first = ?", row[:1])
        self._db.execute("DELETE FROM events WHERE id = ?", (event,))
        self._count(row[1], row[2], row[3], -1)
        self._kept_tracks = None

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
        if not added.rowcount:
            return
        match of.kind:
            case "event":
                self._event(entry)
            case "mark":
                self._mark(of.subject)
            case "hold":
                self._hold()

    def _event(self, entry: Entry) -> None:
        of = entry.about
        end, end_s = (entry.position, of.at_s) if of.phase == "end" else (None, None)
        known = self._db.execute("SELECT 1 FROM events WHERE id = ?", (of.subject,)).fetchone()
        self._db.execute(
            "INSERT INTO events"
            " (id, kept, camera, first, position, start_s, end, end_s, still, clip, still_sha256, clip_sha256,"
            " still_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " position = max(position, excluded.position),"
            " end = coalesce(excluded.end, end), end_s = coalesce(excluded.end_s, end_s),"
            " still = coalesce(excluded.still, still), clip = coalesce(excluded.clip, clip),"
            " still_sha256 = coalesce(excluded.still_sha256, still_sha256),"
            " clip_sha256 = coalesce(excluded.clip_sha256, clip_sha256),"
            " still_seq = coalesce(excluded.still_seq, still_seq)",
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
                of.still_sha256,
                of.clip_sha256,
                of.still_seq,
            ),
        )
        start_s, first = self._db.execute("SELECT start_s, first FROM events WHERE id = ?", (of.subject,)).fetchone()
        self._db.executemany(
            "INSERT OR IGNORE INTO words VALUES (?, ?, ?)", [(self._id(key), start_s, first) for key in keys(of.words)]
        )
        if not known:
            self._count(of.at_s, of.camera, of.kept, 1)
            self._mark(of.subject)
        self._keep_if_held("id = ?", (of.subject,))

    def _id(self, word: str) -> int:
        """The number of a word or pair."""
        if (known := self._ids.get(word)) is not None:
            return known
        self._db.execute("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", (word,))
        (number,) = self._db.execute("SELECT id FROM vocabulary WHERE word = ?", (word,)).fetchone()
        self._ids[word] = number
        return int(number)

    def _count(self, start_s: float, camera: str, kept: str, events: int) -> None:
        """Count an event more or less in its quarter of an hour: of its camera, and of all."""
        quarter = int(start_s // QUARTER_S) * QUARTER_S
        for of in (camera, ALL):
            self._db.execute(
                "INSERT INTO quarters VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET events = events + excluded.events",
                (of, quarter, kept, events),
            )
            if events < 0:
                self._db.execute("DELETE FROM quarters WHERE camera = ? AND start_s = ? AND events <= 0", (of, quarter))

    def _mark(self, event: str) -> None:
        """Take in the marks of an event."""
        bodies = self._db.execute(
            "SELECT body FROM entries WHERE subject = ? AND kind = 'mark' ORDER BY position", (event,)
        ).fetchall()
        if not bodies:
            return
        keep, wrong = marked(msgspec.json.decode(body, type=Mark) for (body,) in bodies)
        self._db.execute(
            f"UPDATE events SET keep = (keep & {HELD}) | ?, wrong = ? WHERE id = ?", (MARKED * keep, wrong, event)
        )
        self._release_tracks()

    def _hold(self) -> None:
        """Take in the ranges that are kept."""
        holds: dict[str, list[Hold]] = {}
        for (body,) in self._db.execute(
            "SELECT body FROM entries WHERE kept = 'marks' AND kind = 'hold' ORDER BY position"
        ):
            hold = msgspec.json.decode(body, type=Hold)
            holds.setdefault(hold.camera, []).append(hold)
        ranges = [(camera, *one) for camera, of in holds.items() for one in held(of)]
        self._db.execute("DELETE FROM held")
        self._db.executemany("INSERT INTO held VALUES (?, ?, ?)", ranges)
        for kept in ("alerts", "events"):
            self._db.execute(f"UPDATE events SET keep = keep & {MARKED} WHERE kept = ? AND keep >= {HELD}", (kept,))
        for camera, since_s, until_s in ranges:
            self._keep_if_held("start_s BETWEEN ? AND ? AND camera = ?", (since_s - LONGEST_S, until_s, camera))
        self._release_tracks()

    def _keep_if_held(self, which: str, values: Sequence[object]) -> None:
        self._db.execute(
            f"UPDATE events SET keep = keep | {HELD} WHERE {which} AND EXISTS (SELECT 1 FROM held h"
            " WHERE h.camera = events.camera AND start_s < h.until_s AND coalesce(end_s, start_s) >= h.since_s)",
            values,
        )

    def _release_tracks(self) -> None:
        """Look again which tracks are kept."""
        self._kept_tracks = None
        self._db.execute("UPDATE entries SET kept = 'tracks' WHERE kept = 'held'")

    def _is_held(self, subject: str, camera: str, at_s: float) -> bool:
        """True if a track is one of an event that is kept, or was seen in a range that is."""
        if self._kept_tracks is None:
            bodies = self._db.execute(
                "SELECT l.body FROM events e JOIN entries l ON l.position = e.position WHERE e.keep > 0"
            )
            events = [msgspec.json.decode(body, type=_Tracks) for (body,) in bodies]
            self._kept_tracks = {f"{of.camera}/{of.model}/{one.tracker_id}" for of in events for one in of.tracks}
        return subject in self._kept_tracks or any(since <= at_s < until for since, until in self.held(camera))

    def held(self, camera: str) -> list[Range]:
        """The ranges of time in which everything of a camera is kept."""
        return self._db.execute("SELECT since_s, until_s FROM held WHERE camera = ?", (camera,)).fetchall()

    def all_held(self) -> dict[str, list[Range]]:
        """The same of all cameras that have any."""
        found: dict[str, list[Range]] = {}
        for camera, since_s, until_s in self._db.execute("SELECT * FROM held"):
            found.setdefault(camera, []).append((since_s, until_s))
        return found

    def _shift(self, shift: Shift) -> None:
        """Move what happened before the clock was set."""
        by, of = shift.seconds, (shift.first, shift.run, shift.before)
        self._db.execute("UPDATE runs SET offset_s = offset_s + ? WHERE run BETWEEN ? AND ?", (by, *of[:2]))
        moved = "SELECT position FROM entries WHERE run BETWEEN ? AND ? AND position < ? AND kept <> 'marks'"
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
        self._db.execute("DELETE FROM quarters")
        quarter = f"CAST(start_s / {QUARTER_S} AS INTEGER) * {QUARTER_S}"
        for name in ("camera", f"'{ALL}'"):
            counted = f"SELECT {name}, {quarter}, kept, count(*) FROM events GROUP BY 1, 2, 3"
            self._db.execute(f"INSERT INTO quarters {counted}")
        self._hold()

    def _transaction(self) -> "_Transaction":
        self._ids.clear()
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
