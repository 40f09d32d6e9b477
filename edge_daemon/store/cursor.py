"""How far a receiver has got what is stored: a small file for each in the store's folder, beside its dead letters.

A cursor is written after the receiver has acknowledged. It belongs to the name of the receiver, whatever else changes.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

FOLDER, ENDING, DEAD_ENDING = "deliver", ".json", ".dead.jsonl"
SYNCED_S = 10.0
"""Time until a cursor is on the disk itself; a power cut before lets messages come again, with the same ids."""
MOST_DEAD = 1000
"""Dead letters that are kept: the newest."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """All up to `position` in the store of this id is done, and some beyond it (`done`). While it is `paused`, nothing
    is delivered. `sent_at_s` is the wall time of the last message, for digests.
    """

    v: int = 1
    store: str = ""
    position: int = 0
    done: list[int] = []
    paused: bool = False
    sent_at_s: float = 0.0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the receiver has rejected: when, why, its id, and itself."""

    at: str
    id: str
    why: str
    position: int = 0
    message: dict[str, Any] = {}


class CursorFile:
    """The files of one receiver in the store's folder."""

    def __init__(self, store: Path, name: str) -> None:
        self._folder, self._path = store / FOLDER, store / FOLDER / f"{name}{ENDING}"
        self._dead = store / FOLDER / f"{name}{DEAD_ENDING}"
        self._synced_s = float("-inf")

    def read(self) -> Cursor | None:
        """The cursor; None if it is not there or cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Cursor)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write(self, cursor: Cursor) -> None:
        """Replace the cursor.

        Raises:
            OSError: it cannot be written.
        """
        new = self._path.with_name(f".{self._path.name}.new")
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(msgspec.json.encode(cursor))
            if time.monotonic() - self._synced_s > SYNCED_S:
                file.flush()
                os.fdatasync(file.fileno())
                self._synced_s = time.monotonic()
        new.replace(self._path)

    def dead(self) -> list[DeadLetter]:
        """The dead letters, the oldest first; lines that cannot be read are left out."""
        return list(self._letters())

    def bury(self, letter: DeadLetter) -> None:
        """Add a dead letter; the oldest goes if there are too many.

        Raises:
            OSError: it cannot be written.
        """
        letters = self.dead()
        if any(one.id == letter.id for one in letters):
            return
        if len(letters) < MOST_DEAD:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._dead.open("ab") as file:
                file.write(msgspec.json.encode(letter) + b"\n")
        else:
            self._replace([*letters[-MOST_DEAD // 2 :], letter])

    def forget(self, id: str) -> None:
        """Remove a dead letter: it was delivered after all.

        Raises:
            OSError: it cannot be removed.
        """
        self.keep_only(lambda letter: letter.id != id)

    def keep_only(self, wanted: Callable[[DeadLetter], bool]) -> None:
        """Remove other dead letters.

        Raises:
            OSError: they cannot be removed.
        """
        letters = self.dead()
        if len(kept := [letter for letter in letters if wanted(letter)]) < len(letters):
            self._replace(kept)

    def _letters(self) -> Iterator[DeadLetter]:
        try:
            lines = self._dead.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=DeadLetter)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue

    def _replace(self, letters: list[DeadLetter]) -> None:
        new = self._dead.with_name(f".{self._dead.name}.new")
        new.write_bytes(b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters))
        new.replace(self._dead)


def forget(store: Path, ids: Collection[str]) -> None:
    """Remove dead letters of all receivers by their ids.

    Raises:
        OSError: a file cannot be written.
    """
    for path in (store / FOLDER).glob(f"*{DEAD_ENDING}"):
        CursorFile(store, path.name.removesuffix(DEAD_ENDING)).keep_only(lambda letter: letter.id not in ids)


def needed(store: Path, id: str, names: Collection[str]) -> int | None:
    """The position up to which these receivers have all; None if none of them waits for anything."""
    cursors = [CursorFile(store, name).read() for name in names]
    return min((cursor.position for cursor in cursors if cursor and cursor.store == id), default=None)
