"""Compares the journal, the index and the folder of a store, which have to agree."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edge_daemon.store.entry import Entry
from edge_daemon.store.index import FILE
from edge_daemon.store.journal import Journal
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
    files = journal.files()
    lines, repeated, store = dict[int, tuple[str, bytes]](), 0, set[str]()
    for name in files:
        for line in journal.read(name):
            if isinstance(line, Entry):
                repeated += line.position in lines
                lines[line.position] = (line.about.key, line.body)
        if head := journal.head(name):
            store.add(head.store)
    kinds, events, index_faults = _compared(folder / FILE, lines)
    faults = [
        *([f"{journal.unreadable} lines of the journal cannot be read"] if journal.unreadable else []),
        *([f"{repeated} positions are there twice"] if repeated else []),
        *([f"the journal is of several stores: {', '.join(sorted(store))}"] if len(store) > 1 else []),
        *index_faults,
    ]
    return Found(kinds, events, sum(files.values()), _size(folder / FILE), faults)


def _compared(index: Path, lines: dict[int, tuple[str, bytes]]) -> tuple[dict[str, int], int, list[str]]:
    """Entries by class and the number of events in the index, and what is otherwise than in these lines."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(index))}?mode=ro", uri=True)) as db:
            (damage,) = db.execute("PRAGMA quick_check(1)").fetchone()
            rows = db.execute("SELECT position, key, body, kept FROM entries").fetchall()
            (events,) = db.execute("SELECT count(*) FROM events").fetchone()
    except sqlite3.Error as error:
        return {}, 0, [f"the index cannot be read ({error}): `edge-daemon store rebuild` makes it again"]
    faults = [] if damage == "ok" else [f"the index is damaged: {damage}"]
    return dict(Counter(row[3] for row in rows)), int(events), faults + list(_differences(rows, lines))


def _differences(rows: list[tuple[int, str, bytes, str]], lines: dict[int, tuple[str, bytes]]) -> Iterator[str]:
    indexed = {position: (key, body) for position, key, body, _ in rows}
    keys = {key for key, _ in indexed.values()}
    missing = sum(position not in indexed and key not in keys for position, (key, _) in lines.items())
    extra = sum(position not in lines for position in indexed)
    other = sum(lines[position] != found for position, found in indexed.items() if position in lines)
    if missing:
        yield f"{missing} entries of the journal are not in the index"
    if extra:
        yield f"{extra} entries of the index are not in the journal"
    if other:
        yield f"{other} entries differ"


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
