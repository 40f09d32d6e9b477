"""Messages from the store for a receiver, and how far it has got."""

import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from edge_daemon.delivery.message import Message, is_wanted
from edge_daemon.delivery.pending import Pending
from edge_daemon.delivery.settings import STORED, BridgeSettings
from edge_daemon.messages.published import utc
from edge_daemon.store.cursor import Cursor, CursorFile, DeadLetter
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import HeldReader

logger = logging.getLogger(__name__)
CHUNK, CHUNKS = 128, 16
"""Entries read at once, and how often that is done before something else is looked after."""
WRITTEN_S, WRITTEN = 0.2, 128
"""The cursor is written when this time has passed since the last time, or this many messages are delivered: what comes
again after a death.
"""


class Stored:
    """Messages from the store, in order, after the cursor.

    Raises:
        StoreAway: the store cannot be read.
    """

    def __init__(self, settings: BridgeSettings, reader: HeldReader) -> None:
        self._settings, self._reader = settings, reader
        self._file = CursorFile(Path(settings.storage.folder), settings.name)
        self._kinds = [STORED[one] for one in settings.send if one in STORED]
        self._media = Path(settings.storage.media)
        self._written_s, self._is_dirty, self._finished = float("-inf"), True, 0
        self._raised: list[DeadLetter] = []
        self._revived: set[str] = set()
        self._id = reader.id
        self._last = reader.position()
        self.cursor = self._begin(self._file.read())
        self._pending = Pending(self.cursor.position, self.cursor.done)
        self.buried = 0
        """Dead letters of this process."""

    @property
    def position(self) -> int:
        """All up to this one is delivered."""
        return self._pending.position

    @property
    def outstanding(self) -> int:
        """Messages that were read and are not delivered."""
        return len(self._pending)

    @property
    def unread(self) -> int:
        """Entries of the store that were not read yet, as of the last reading: no more than this many messages."""
        return max(0, self._last - self._pending.read) if self._kinds else 0

    def read(self, most: int) -> list[Message]:
        """The next messages that are to be delivered, up to `most` (beyond that, they stay).

        Raises:
            StoreAway: the store cannot be read now.
        """
        found = [self._revive(letter) for letter in self._raised]
        self._raised.clear()
        for _ in range(CHUNKS):
            room = max(0, min(CHUNK, most - len(found)))
            entries, self._last = self._reader.following(self._pending.read, room, self._kinds)
            found += [one for position, body in entries if (one := self._message(position, body))]
            if len(entries) < room:  # nothing else was stored up to the last position
                self._advance(self._last)
            if len(entries) < CHUNK:
                break
        return found

    def finish(self, message: Message) -> None:
        """A message is delivered, or is a dead letter."""
        if message.id in self._revived:
            self._forget(message.id)
        if message.positions:
            self._pending.finish(message.positions)
            self._is_dirty = True
            self._finished += len(message.positions)

    def bury(self, message: Message, why: str) -> None:
        """Keep a message that was rejected for good."""
        self.buried += 1
        self._revived.discard(message.id)
        position = message.positions[0] if message.positions else 0
        letter = DeadLetter(at=utc(time.time_ns()), id=message.id, why=why, position=position, message=message.data)
        try:
            self._file.bury(letter)
        except OSError as error:
            logger.error("cannot keep a dead letter: %s", error.strerror)

    def write(self, *, now: bool = False) -> None:
        """Write the cursor if that is due, or `now`."""
        is_due = now or self._finished >= WRITTEN or time.monotonic() - self._written_s >= WRITTEN_S
        if not self._is_dirty or not is_due:
            return
        self.cursor = msgspec.structs.replace(
            self.cursor, store=self._id, position=self._pending.position, done=self._pending.done
        )
        try:
            self._file.write(self.cursor)
        except OSError as error:
            logger.warning("cannot write the cursor: %s; after a restart, messages come again", error.strerror)
        self._written_s, self._is_dirty, self._finished = time.monotonic(), False, 0

    def note(self, *, paused: bool | None = None, sent_at_s: float | None = None) -> None:
        """Change what is kept beside the position."""
        changed = {"paused": paused, "sent_at_s": sent_at_s}
        self.cursor = msgspec.structs.replace(
            self.cursor, **{name: value for name, value in changed.items() if value is not None}
        )
        self._is_dirty = True

    def go_to(self, position: int) -> None:
        """Go on after a position; what was read is forgotten."""
        self._pending = Pending(min(position, self._last))
        self._is_dirty = True
        self.write(now=True)

    def position_before(self, since: str) -> int:
        """The position before the first entry of a time or after it.

        Raises:
            StoreAway: the store cannot be read now.
            ValueError: `since` is no time.
        """
        return self._reader.position_before(datetime.fromisoformat(since).timestamp())

    def raise_dead(self) -> int:
        """Deliver the dead letters again, which are kept until that has succeeded; return how many there are."""
        self._raised = self._file.dead()
        return len(self._raised)

    def _forget(self, id: str) -> None:
        self._revived.discard(id)
        try:
            self._file.forget(id)
        except OSError as error:
            logger.warning("cannot forget a dead letter: %s", error.strerror)

    def _begin(self, cursor: Cursor | None) -> Cursor:
        """The cursor to begin with: in another store, all is new."""
        if cursor is None:
            return Cursor(store=self._id, position=self._first())
        if cursor.store != self._id:
            logger.warning("the store is another one than before: delivery begins at its beginning")
            return msgspec.structs.replace(cursor, store=self._id, position=0, done=[])
        return msgspec.structs.replace(cursor, position=min(cursor.position, self._last))

    def _first(self) -> int:
        """The position after which a new receiver begins."""
        if self._settings.since == "beginning":
            return 0
        return self.position_before(self._settings.begun_at) if self._settings.begun_at else self._last

    def _advance(self, position: int) -> None:
        before = self._pending.position
        self._pending.advance(position)
        self._is_dirty |= self._pending.position != before

    def _message(self, position: int, body: bytes) -> Message | None:
        """An entry as a message; None if it is not to be delivered."""
        data = msgspec.json.decode(body)
        if self._pending.is_done(position) or not is_wanted(data, self._settings.selection):
            self._advance(position)
            return None
        self._pending.add(position)
        id = f"{self._id}:{position}"
        return Message(id=id, body=body, data=data, positions=(position,), **self._evidence(data))

    def _revive(self, letter: DeadLetter) -> Message:
        self._revived.add(letter.id)
        data = letter.message
        return Message(id=letter.id, body=msgspec.json.encode(data), data=data, **self._evidence(data))

    def _evidence(self, data: dict[str, Any]) -> dict[str, Any]:
        """The file of an event's still and the event itself, if there is one, or will be."""
        if data.get("type") != "event" or data["camera"] not in self._settings.stills:
            return {}
        try:
            return {"still": path_of(self._media, data["camera"], data["id"], "still"), "event": data["id"]}
        except ValueError:
            return {}
