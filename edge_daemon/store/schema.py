"""The tables of the index, version by version. An index of an older version is taken on to the newest one."""

import sqlite3
from collections.abc import Sequence

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE files (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE entries (
        position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kept TEXT NOT NULL, kind TEXT NOT NULL,
        subject TEXT NOT NULL, camera TEXT NOT NULL, model TEXT NOT NULL, run INTEGER NOT NULL, file TEXT NOT NULL,
        at_s REAL NOT NULL, shift_s REAL NOT NULL DEFAULT 0, body BLOB NOT NULL
    );
    CREATE INDEX entries_by_subject ON entries (subject, position);
    CREATE INDEX entries_by_age ON entries (kept, at_s);
    CREATE TABLE events (
        first INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kept TEXT NOT NULL, camera TEXT NOT NULL,
        position INTEGER NOT NULL UNIQUE, start_s REAL NOT NULL, end INTEGER, end_s REAL, still TEXT, clip TEXT
    );
    CREATE INDEX events_by_start ON events (start_s, first);
    CREATE INDEX events_by_age ON events (kept, start_s);
    CREATE TABLE words (
        word TEXT NOT NULL, start_s REAL NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (word, start_s, first)
    ) WITHOUT ROWID;
    CREATE INDEX words_by_event ON words (first);
    """,
    """
    DELETE FROM files; DELETE FROM entries; DELETE FROM events; DROP TABLE words;
    ALTER TABLE events ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE events ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE events ADD COLUMN still_sha256 TEXT;
    ALTER TABLE events ADD COLUMN clip_sha256 TEXT;
    ALTER TABLE events ADD COLUMN still_seq INTEGER;
    DROP INDEX events_by_age;
    CREATE INDEX events_by_age ON events (kept, keep, start_s);
    CREATE INDEX events_kept ON events (first) WHERE keep > 0;
    CREATE TABLE runs (run INTEGER PRIMARY KEY, boot TEXT NOT NULL, offset_s REAL NOT NULL);
    CREATE TABLE held (camera TEXT NOT NULL, since_s REAL NOT NULL, until_s REAL NOT NULL);
    CREATE TABLE gone (
        file TEXT NOT NULL, position INTEGER NOT NULL, erased INTEGER NOT NULL, PRIMARY KEY (file, position)
    ) WITHOUT ROWID;
    DROP INDEX events_by_start;
    CREATE INDEX events_by_start ON events (start_s, first, camera, kept);
    CREATE TABLE quarters (
        camera TEXT NOT NULL, start_s INTEGER NOT NULL, kept TEXT NOT NULL, events INTEGER NOT NULL,
        PRIMARY KEY (camera, start_s, kept)
    ) WITHOUT ROWID;
    CREATE TABLE vocabulary (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
    CREATE TABLE words (
        word INTEGER NOT NULL, start_s REAL NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (word, start_s, first)
    ) WITHOUT ROWID;
    CREATE INDEX words_by_event ON words (first);
    """,
)
"""What makes each version of the one before. Never change one that was released: add another. One that empties `files`
has the journal read again.
"""


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> bool:
    """Take the tables on to the newest version; false if they are of a newer one, which cannot be read.

    Raises:
        sqlite3.Error: it failed, and changed nothing.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        return False
    for number in range(version, len(migrations)):
        connection.executescript(f"BEGIN; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;")
    return True
