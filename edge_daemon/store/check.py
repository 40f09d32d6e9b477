"""Compares the journal, the index and the folder of a store, which have to agree."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edge_daemon.store.entry import Entry
from edge_daemon.store.index import FILE
from edge_daemon.store.journal import Gone, Journal
from edge_daemon.store.store import JOURNAL


class Found(NamedTuple):
    """What there is: entries by class and event, `files` and `bytes`; `faults` are sentences on what does not agree."""

    entries: dict[str, int]
    events: int
    journal_bytes: int
    index_bytes: int
    faults: list[str]


def check(folder: Path) -> Found:
    """Compare journal and index.

    Raises:
        OSError: the journal cannot be read.
    """
    journal = Journal(folder / JOURNAL)
    kinds, events, faults = dict[str, int](), 0, list[str]()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(folder / FILE))}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")
            (damage,) = db.execute("PRAGMA quick_check(1)").fetchone()
            faults += [] if damage == "ok" else [f"the index is damaged: {damage}"]
            kinds = dict(db.execute("SELECT kept, count(*) FROM entries GROUP BY kept").fetchall())
            (events,) = db.execute("SELECT count(*) FROM events").fetchone()
            faults += _compared(journal, db, sum(kinds.values()))
    except sqlite3.Error as error:
        faults += [f"the index cannot be read ({error}): `edge-daemon store rebuild` makes it again"]
    stores = {head.store for name in journal.files() if (head := journal.head(name))}
    if len(stores) > 1:
        faults.append(f"the journal is of several stores: {', '.join(sorted(stores))}")
    return Found(kinds, events, sum(journal.files().values()), _size(folder / FILE), faults)


def _compared(journal: Journal, db: sqlite3.Connection, indexed: int) -> Iterator[str]:
    """What is otherwise in the journal than in an index with that many entries."""
    seen, gone, repeated, missing, other = _Numbers(), _Numbers(), 0, list[int](), 0
    for name in journal.files():
        for line in journal.read(name):
            if isinstance(line, Gone):
                gone.update(line.positions)
            elif isinstance(line, Entry):
                if line.position in seen:
                    repeated += 1
                    continue
                seen.add(line.position)
                row = db.execute("SELECT key, body FROM entries WHERE position = ?", (line.position,)).fetchone()
                if row is None:
                    known = db.execute("SELECT 1 FROM entries WHERE key = ?", (line.about.key,)).fetchone()
                    missing += [] if known else [line.position]
                else:
                    other += row != (line.about.key, line.body)
                    indexed -= 1
    missing = [position for position in missing if position not in gone]
    for count, sentence in (
        (journal.unreadable, "lines of the journal cannot be read"),
        (repeated, "positions are there twice"),
        (len(missing), "entries of the journal are not in the index"),
        (indexed, "entries of the index are not in the journal"),
        (other, "entries differ"),
    ):
        if count:
            yield f"{count} {sentence}"


class _Numbers:
    """A set of positions, a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, number: int) -> bool:
        return number >> 3 < len(self._bits) and bool(self._bits[number >> 3] >> (number & 7) & 1)

    def add(self, number: int) -> None:
        if number >> 3 >= len(self._bits):
            self._bits.extend(bytes((number >> 3) + 1 - len(self._bits)))
        self._bits[number >> 3] |= 1 << (number & 7)

    def update(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.add(number)


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
