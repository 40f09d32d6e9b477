"""The store as everybody else has it: reads the index while the recorder writes it, and never holds that up."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.messages.published import utc
from edge_daemon.store.entry import about
from edge_daemon.store.index import ALL, FILE, QUARTER_S
from edge_daemon.store.journal import Journal
from edge_daemon.store.store import JOURNAL
from edge_daemon.store.words import matching, pairs

COUNTED = 500
"""Events with a word up to which it is rare."""
MAPPED_BYTES = 1 << 28
"""Part of the index that is read in place."""
Event = dict[str, Any]
"""An event as it is given: its last message with `began_at`, `ended_at`, `open`, its still, clip and `position`."""
_EVENTS = (
    "SELECT e.id, e.first, e.position, e.start_s, e.end_s, e.still, e.clip, e.still_sha256, e.clip_sha256, e.still_seq,"
    " e.keep, e.wrong, l.body, l.shift_s"
    " FROM events e JOIN entries l ON l.position = e.position"
)

_BY_START = "events INDEXED BY events_by_start"


class StoreAway(EdgeError):
    """There is no store, or it cannot be read now."""


class Bucket(NamedTuple):
    """How many events of a class (`alerts`, `events`) began in a step of time."""

    start_s: float
    kept: str
    events: int


class Query(NamedTuple):
    """Which events: those with all of these words (such as `class:person`) that began in a range of time."""

    words: Sequence[str] = ()
    since_s: float | None = None
    until_s: float | None = None

    def any_of(self, kind: str, names: Sequence[str] | None) -> "list[Query]":
        """A query for each of the names (none: this one), with that word too."""
        return self.with_any([f"{kind}:{name}" for name in names]) if names else [self]

    def with_any(self, words: Sequence[str]) -> "list[Query]":
        """A query for each of the words, with that word too."""
        return [self._replace(words=list(dict.fromkeys([*self.words, word]))) for word in words]


class Reader:
    """The store in `folder`. Each call reads what was there at one moment.

    Raises (all methods):
        StoreAway: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The id of the store."""
        journal = Journal(self.folder / JOURNAL)
        for name in journal.files():
            if head := journal.head(name):
                return head.store
        raise StoreAway("there is no store yet")

    def position(self) -> int:
        """The last position; 0 if there is none."""
        with self._reading() as db:
            return int(db.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()[0])

    def position_before(self, at_s: float) -> int:
        """The position before the first entry of this time or later; the last one if there is none."""
        with self._reading() as db:
            first = db.execute("SELECT min(position) FROM entries WHERE at_s >= ?", (at_s,)).fetchone()[0]
        return self.position() if first is None else int(first) - 1

    def events(self, query: Query, most: int, before: int | None = None) -> list[Event]:
        """The newest events, up to `most`; those that began before the one whose first position is `before`."""
        with self._reading() as db:
            limit = self._start_of(db, before) if before is not None else None
            if (found := _newest(db, query, limit)) is None:
                return []
            sql, values = found
            return [_event(row) for row in db.execute(f"{sql} LIMIT ?", (*values, most))]

    def matching(self, text: str) -> list[list[str]]:
        """For each word of a text, the words of events (such as `class:person`) that contain it."""
        with self._reading() as db:
            return matching(text, [word for (word,) in db.execute("SELECT word FROM vocabulary")])

    def timeline(self, cameras: Sequence[str], since_s: float, until_s: float, step_s: float) -> list[Bucket]:
        """How many events of cameras (none: all) began in each step, by class; steps without any are left out. A step
        is counted by quarters of an hour, if it and `since_s` are whole ones.
        """
        whole = not (step_s % QUARTER_S or since_s % QUARTER_S)
        table, counted = ("quarters", "sum(events)") if whole else (_BY_START, "count(*)")
        chosen = cameras or ([ALL] if whole else [])
        marks = f" AND camera IN ({', '.join('?' * len(chosen))})" if chosen else ""
        with self._reading() as db:
            rows = db.execute(
                f"SELECT CAST((start_s - ?) / ? AS INTEGER), kept, {counted} FROM {table}"
                f" WHERE start_s >= ? AND start_s < ?{marks} GROUP BY 1, 2 ORDER BY 1, 2",
                (since_s, step_s, since_s, until_s, *chosen),
            )
            return [Bucket(since_s + number * step_s, kept, count) for number, kept, count in rows]

    def changed(self, query: Query, after: int, most: int) -> list[Event]:
        """Events that have changed after a position, in the order of their last change."""
        with self._reading() as db:
            numbers = _numbers(db, query.words)
            if numbers is None:
                return []
            where, values = _conditions(query, list(numbers.values()))
            sql = f"{_EVENTS} WHERE e.position > ?{where} ORDER BY e.position LIMIT ?"
            return [_event(row) for row in db.execute(sql, (after, *values, most))]

    def place_of(self, cursor: str) -> int | None:
        """The position in a cursor, or the first one of the event with that id; None if there is no such thing here."""
        store, _, position = cursor.rpartition(":")
        if store:
            return int(position) if store == self.id and position.isdecimal() and len(position) < 19 else None
        event = self.event(cursor)
        return event["first"] if event else None

    def event(self, id: str) -> Event | None:
        """One event."""
        with self._reading() as db:
            row = db.execute(f"{_EVENTS} WHERE e.id = ?", (id,)).fetchone()
            return _event(row) if row else None

    def entries(self, after: int, most: int, kinds: Sequence[str] = ("event",)) -> list[tuple[int, str, bytes]]:
        """What was stored after a position, in order: positions, kinds and messages."""
        marks = ", ".join("?" * len(kinds))
        with self._reading() as db:
            return db.execute(
                f"SELECT position, kind, body FROM entries WHERE position > ? AND kind IN ({marks})"
                " ORDER BY position LIMIT ?",
                (after, *kinds, most),
            ).fetchall()

    def following(self, after: int, most: int, kinds: Sequence[str]) -> tuple[list[tuple[int, bytes]], int]:
        """What was stored after a position, in order: positions and messages; and the last position of all."""
        marks = ", ".join("?" * len(kinds))
        with self._reading() as db:
            entries = db.execute(
                f"SELECT position, body FROM entries WHERE position > ? AND kind IN ({marks})"
                " ORDER BY position LIMIT ?",
                (after, *kinds, most),
            ).fetchall()
            last = db.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()[0]
            return entries, int(last)

    def after(self, position: int, kinds: Sequence[str]) -> tuple[int, float | None]:
        """How many entries of some kinds there are after a position, and the time of the first."""
        marks = ", ".join("?" * len(kinds))
        with self._reading() as db:
            found = db.execute(
                f"SELECT count(*), min(at_s) FROM entries WHERE position > ? AND kind IN ({marks})", (position, *kinds)
            ).fetchone()
            return int(found[0]), found[1]

    def unstored(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Those of the messages that are not stored yet."""
        keys = {about(body).key: body for body in bodies}
        with self._reading() as db:
            has = "SELECT 1 FROM entries WHERE key = ?"
            return [body for key, body in keys.items() if not db.execute(has, (key,)).fetchone()]

    def tracks(self, event: Event) -> list[dict[str, Any]]:
        """The ends of an event's tracks, as far as they have ended, with those that they go on as."""
        numbers = [track["tracker_id"] for track in event["tracks"]]
        found, seen = list[dict[str, Any]](), set[int]()
        with self._reading() as db:
            while numbers:
                number = numbers.pop()
                if number in seen:
                    continue
                seen.add(number)
                subject = f"{event['camera']}/{event['model']}/{number}"
                for (body,) in db.execute("SELECT body FROM entries WHERE subject = ? ORDER BY position", (subject,)):
                    track = msgspec.json.decode(body)
                    found.append(track)
                    numbers += [track["into"]] if track.get("into") else []
        return found

    def ended_tracks(self, since_s: float) -> list[dict[str, Any]]:
        """The ends of tracks that were last seen since a time, the oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT body, shift_s FROM entries WHERE kept = 'tracks' AND at_s >= ? ORDER BY at_s", (since_s,)
            )
            tracks = [_shifted(msgspec.json.decode(body), shift_s, ("first_at", "last_at")) for body, shift_s in rows]
        return [track for track in tracks if track["phase"] == "end"]

    def tracks_at(self, event: Event, seq: int) -> list[dict[str, Any]]:
        """The tracks of an event as they were in a frame that one of its messages is about."""
        with self._reading() as db:
            rows = db.execute("SELECT body FROM entries WHERE subject = ? AND kind = 'event'", (event["id"],))
            messages = [msgspec.json.decode(body) for (body,) in rows]
        return next((list(one["tracks"]) for one in messages if one.get("seq") == seq), [])

    def counts(self, cameras: Sequence[str], since_s: float, until_s: float) -> list[dict[str, Any]]:
        """Counts of cameras (none: all) whose interval ended in a range of time, the oldest first."""
        marks = f" AND camera IN ({', '.join('?' * len(cameras))})" if cameras else ""
        with self._reading() as db:
            rows = db.execute(
                f"SELECT body, shift_s FROM entries WHERE kept = 'counts' AND at_s > ? AND at_s <= ?{marks}"
                " ORDER BY at_s",
                (since_s, until_s, *cameras),
            )
            return [_shifted(msgspec.json.decode(body), shift_s, ("from", "to", "reset_at")) for body, shift_s in rows]

    def held(self, camera: str) -> list[tuple[float, float]]:
        """The ranges of time in which everything of a camera is kept."""
        with self._reading() as db:
            ranges = "SELECT since_s, until_s FROM held WHERE camera = ? ORDER BY since_s"
            return db.execute(ranges, (camera,)).fetchall()

    @staticmethod
    def _start_of(db: sqlite3.Connection, first: int) -> tuple[float, int]:
        row = db.execute(
            "SELECT start_s, first FROM events WHERE first <= ? ORDER BY first DESC LIMIT 1", (first,)
        ).fetchone()
        return row or (float("-inf"), first)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / FILE
        try:
            with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1.0)) as db:
                db.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
                db.execute("BEGIN")
                yield db
        except sqlite3.Error as error:
            raise StoreAway(f"the store in {self.folder} cannot be read now: {error}") from error


class HeldReader(Reader):
    """The store for one thread that reads often: the index stays open between calls, which hold nobody up.

    An index that was replaced, such as by `store rebuild`, is opened at the next call.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)

    def close(self) -> None:
        """Close the index."""
        if self._db:
            self._db.close()
            self._db = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._opened()
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.rollback()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreAway(f"the store in {self.folder} cannot be read now: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        """The index.

        Raises:
            OSError: there is none.
            sqlite3.Error: it cannot be opened.
        """
        path = self.folder / FILE
        found = path.stat()
        if self._db is None or self._file != (found.st_dev, found.st_ino):
            self.close()
            self._file = found.st_dev, found.st_ino
            self._db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1.0)
        return self._db


def shown(event: Event) -> Event:
    """An event for other programs."""
    return {name: value for name, value in event.items() if name != "first"}


def _newest(db: sqlite3.Connection, query: Query, limit: tuple[float, int] | None) -> tuple[str, list[Any]] | None:
    """SQL for the newest events: by the index of the rarest pair of words if there are any, else by that of the time;
    None if there are no events with these words.
    """
    if not query.words:
        where, values = _conditions(query, [])
        where, values = _before(where, values, "e", limit)
        return f"{_EVENTS} WHERE 1{where} ORDER BY e.start_s DESC, e.first DESC", values
    numbers = _numbers(db, [*query.words, *(key for key, _ in pairs(query.words))])
    if numbers is None:
        return None
    key, others = min(pairs(query.words), key=lambda pair: _frequency(db, numbers[pair[0]], query))
    where, more = _conditions(query, [numbers[word] for word in others], "w")
    where, more = _before(where, more, "w", limit)
    joined = _EVENTS.replace("events e", "words w CROSS JOIN events e ON e.first = w.first")
    sql = f"{joined} WHERE w.word = ?{where} ORDER BY w.start_s DESC, w.first DESC"
    return sql, [numbers[key], *more]


def _numbers(db: sqlite3.Connection, words: Sequence[str]) -> dict[str, int] | None:
    """The numbers of words and pairs; None if one of them was never there."""
    marks = ", ".join("?" * len(words))
    found = dict(db.execute(f"SELECT word, id FROM vocabulary WHERE word IN ({marks})", list(words)).fetchall())
    return found if all(word in found for word in words) else None


def _frequency(db: sqlite3.Connection, number: int, query: Query) -> int:
    """How many events have a word, up to a number."""
    where, values = _conditions(query, [], "w")
    sql = f"SELECT count(*) FROM (SELECT 1 FROM words w WHERE w.word = ?{where} LIMIT {COUNTED})"
    return int(db.execute(sql, (number, *values)).fetchone()[0])


def _before(where: str, values: list[Any], by: str, limit: tuple[float, int] | None) -> tuple[str, list[Any]]:
    return (f"{where} AND ({by}.start_s, {by}.first) < (?, ?)", [*values, *limit]) if limit else (where, values)


def _conditions(query: Query, numbers: Sequence[int], by: str = "e") -> tuple[str, list[Any]]:
    where, values = "", list[Any]()
    for number in numbers:
        same = f"o.start_s = {by}.start_s AND o.first = {by}.first"
        where += f" AND EXISTS (SELECT 1 FROM words o WHERE o.word = ? AND {same})"
        values.append(number)
    for limit, sign in ((query.since_s, ">="), (query.until_s, "<")):
        if limit is not None:
            where += f" AND {by}.start_s {sign} ?"
            values.append(limit)
    return where, values


def _event(row: Sequence[Any]) -> Event:
    _, first, position, start_s, end_s, still, clip, still_sha256, clip_sha256, *rest = row
    still_seq, keep, wrong, body, last_shift_s = rest
    event = _shifted(msgspec.json.decode(body), last_shift_s, ("at",))
    times = {"began_at": utc(round(start_s * 1e9)), "ended_at": utc(round(end_s * 1e9)) if end_s else None}
    files = {"still": still, "clip": clip, "still_sha256": still_sha256, "clip_sha256": clip_sha256}
    files["still_seq"] = still_seq
    more = {"open": end_s is None, "first": first, "position": position, "keep": bool(keep), "wrong": bool(wrong)}
    return event | times | files | more


def _shifted(message: dict[str, Any], by_s: float, fields: Sequence[str]) -> dict[str, Any]:
    """A message with the times that it has since the clock was set."""
    if not by_s:
        return message
    moved = {
        field: utc(round((datetime.fromisoformat(message[field]).timestamp() + by_s) * 1e9))
        for field in fields
        if message.get(field)
    }
    return message | moved
