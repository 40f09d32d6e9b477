"""Checksums of clips and stills, which the updates of their events have."""

import hashlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import msgspec

from edge_daemon.messages.events import Event
from edge_daemon.settings import StorageSettings
from edge_daemon.store.media import Medium, find


class Sums:
    """Updates of events on their way through a thread that reads what was made."""

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage
        self._waiting: deque[Future[Event]] = deque()
        self._reader = ThreadPoolExecutor(1, "sums")

    @property
    def is_busy(self) -> bool:
        """True while there is something to read."""
        return bool(self._waiting)

    def pass_on(self, updates: Iterable[Event]) -> list[Event]:
        """Take in updates; return, in their order, those that have their sums by now."""
        self._waiting += [self._reader.submit(self._summed, update) for update in updates]
        done = []
        while self._waiting and self._waiting[0].done():
            done.append(self._waiting.popleft().result())
        return done

    def close(self) -> None:
        """Stop."""
        self._reader.shutdown()

    def _summed(self, event: Event) -> Event:
        return msgspec.structs.replace(
            event,
            still_sha256=self._sum(event, "still") if event.still else None,
            clip_sha256=self._sum(event, "clip") if event.clip else None,
        )

    def _sum(self, event: Event, medium: Medium) -> str | None:
        with suppress(OSError, ValueError), find(self._storage, event.camera, event.id, medium).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return None
