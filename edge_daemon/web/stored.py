"""Events, counts, clips and stills from the store, for the routes."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from edge_daemon.config.quantities import long_seconds
from edge_daemon.messages.published import utc
from edge_daemon.messages.topics import EVENT
from edge_daemon.settings import StorageSettings
from edge_daemon.store import buckets as counted
from edge_daemon.store.index import QUARTER_S
from edge_daemon.store.media import Medium, find
from edge_daemon.store.reader import Event, Query, Reader, StoreAway, shown
from edge_daemon.web.live import Entry, Live
from edge_daemon.web.service import Service
from edge_daemon.web.watching import KEEP_ALIVE_S, entries, sent_event

NOT_STORED = "events are not stored: add `storage: {}` to the configuration"
MOST_QUERIES, MOST_MISSED, MOST_BUCKETS, MOST_FINE = 50, 10_000, 2000, 300
DAY_S = 86_400.0
IDLE_S = 1.0
"""Time without a message after which all that is stored has been sent."""
_END = object()
KINDS: dict[Medium, str] = {"clip": "video/mp4"}


def stored_of(service: Service) -> "Stored | None":
    """The store of a daemon, if it has one."""
    storage = service.settings.storage
    return Stored(storage) if storage else None


def seconds_of(name: str, at: str | None) -> float | None:
    """Seconds since the Unix epoch of a time in a query.

    Raises:
        HTTPException: it is none.
    """
    if at is None:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise HTTPException(422, f"{name}: must be a time with its zone, such as 2026-11-28T18:00:00Z")
    return moment.timestamp()


class Stored:
    """Answers from a store.

    Raises (all methods):
        HTTPException: it cannot be read now, or has not what was asked for.
    """

    def __init__(self, storage: StorageSettings) -> None:
        self._reader, self._storage = Reader(Path(storage.folder)), storage

    def page(
        self,
        words: Mapping[str, Sequence[str] | None],
        times_s: tuple[float | None, float | None],
        after: str | None,
        most: int,
        text: str | None = None,
    ) -> dict[str, Any]:
        """The newest events with some of the names of each kind, and with names that contain each word of a text; those
        before the event or cursor `after`.
        """
        queries = [Query((), *times_s)]
        for kind, names in words.items():
            queries = [narrower for query in queries for narrower in query.any_of(kind, names)]
        with _reading():
            matching = self._reader.matching(text) if text else []
        for found_words in matching:
            queries = [narrower for query in queries for narrower in query.with_any(found_words)]
        if len(queries) > MOST_QUERIES:
            raise HTTPException(422, "too many names at once")
        with _reading():
            before = self._reader.place_of(after) if after else None
            if after and before is None:
                raise HTTPException(404, f"the event {after} is not kept any more")
            found = [self._reader.events(query, most + 1, before) for query in queries]
        merged = {
            one["id"]: one for one in heapq.merge(*found, key=lambda one: (one["began_at"], one["first"]), reverse=True)
        }
        listed = list(islice(merged.values(), most))
        return {"events": [shown(one) for one in listed], "after": listed[-1]["id"] if len(merged) > most else None}

    def timeline(
        self, cameras: Sequence[str] | None, since_s: float | None, until_s: float | None, step: str
    ) -> list[dict[str, Any]]:
        """How many alerts and other events began in each step in which there were any."""
        step_s, until_s = _step_s(step), time.time() if until_s is None else until_s
        since_s = until_s - DAY_S if since_s is None else since_s
        most = MOST_BUCKETS if step_s % QUARTER_S == 0 else MOST_FINE
        _check_range(since_s, until_s, step_s, most)
        since_s -= since_s % min(step_s, QUARTER_S)
        with _reading():
            found = self._reader.timeline(cameras or (), since_s, until_s, step_s)
        buckets: dict[float, dict[str, Any]] = {}
        for one in found:
            times = {"from": utc(round(one.start_s * 1e9)), "to": utc(round((one.start_s + step_s) * 1e9))}
            buckets.setdefault(one.start_s, {**times, "alerts": 0, "events": 0})[one.kept] += one.events
        return list(buckets.values())

    def event(self, id: str) -> Event:
        """One event."""
        return shown(self._event(id))

    def tracks(self, id: str) -> list[dict[str, Any]]:
        """The tracks of an event, as far as they have ended."""
        event = self._event(id)
        with _reading():
            return self._reader.tracks(event)

    def file(self, id: str, medium: Medium) -> Response:
        """A file of an event; browsers may ask for a part of it, and keep clips."""
        event = self._event(id)
        try:
            path = find(self._storage, event["camera"], id, medium)
            found = path.stat()
        except (OSError, ValueError):
            raise HTTPException(404, f"event {id} has no {medium}, or not yet") from None
        kept = "private, max-age=3600" if medium == "clip" else "private, no-cache"
        kind = KINDS.get(medium, "image/jpeg")
        return FileResponse(path, media_type=kind, stat_result=found, headers={"Cache-Control": kept})

    def counts(
        self,
        cameras: Sequence[str] | None,
        zones: Sequence[str] | None,
        lines: Sequence[str] | None,
        since_s: float,
        until_s: float | None,
        step: str,
    ) -> list[dict[str, Any]]:
        """What was counted, in buckets of a length."""
        step_s = _step_s(step)
        now_s = datetime.now().astimezone().timestamp()
        until_s = now_s if until_s is None else min(until_s, now_s + step_s)
        _check_range(since_s, until_s, step_s, MOST_BUCKETS)
        with _reading():
            reports = self._reader.counts(cameras or (), since_s, until_s)
        return counted.of(reports, since_s, until_s, step_s, zones, lines)

    async def stream(self, live: Live, wanted: Callable[[Entry], bool], after: str | None) -> AsyncIterator[bytes]:
        """Events as they are published; with the cursor or event `after`, first those since then. Each bears a cursor
        of what has been sent for certain: after a lost connection some may come twice, and none is lost.
        """
        following = entries(live, None, IDLE_S)
        waiting = asyncio.ensure_future(anext(following, _END))  # from here on nothing is missed
        try:
            cursor, missed = await run_in_threadpool(self._missed, after)
            kept = live.kept(EVENT.name) if after else []
            missed += [(cursor, body) for body in await run_in_threadpool(self._unstored, kept)]
            sent = kept[-1].number if kept else 0
            yield b": connected\n\n"
            for place, body in missed:
                if wanted(Entry.of(0, EVENT.name, body)):
                    yield sent_event(place, body, EVENT.name)
            fresh, idle_s = True, 0.0
            while (entry := await waiting) is not _END:
                waiting = asyncio.ensure_future(anext(following, _END))
                if isinstance(entry, Entry):
                    if wanted(entry) and entry.number > sent:
                        fresh, idle_s = True, 0.0
                        yield sent_event(cursor, entry.body, EVENT.name)
                    continue
                idle_s += IDLE_S
                if fresh:
                    cursor, fresh = await run_in_threadpool(self._cursor, cursor), False
                if idle_s >= KEEP_ALIVE_S:
                    idle_s = 0.0
                    yield b": nothing new\n\n"
        finally:
            waiting.cancel()

    def _missed(self, after: str | None) -> tuple[str, list[tuple[str, bytes]]]:
        """A cursor for now, and what was stored after another one, each with its own."""
        try:
            store, position = self._reader.id, self._reader.position()
            place = self._reader.place_of(after) if after else None
            found = self._reader.entries(place, MOST_MISSED) if place is not None else []
        except StoreAway:
            return after or "", []
        start = position if place is None else place
        return f"{store}:{start}", [(f"{store}:{number}", body) for number, _, body in found]

    def _unstored(self, kept: Sequence[Entry]) -> list[bytes]:
        """Events that were published, and are not stored yet."""
        bodies = [entry.body for entry in kept]
        try:
            return self._reader.unstored(bodies)
        except StoreAway:
            return bodies

    def _cursor(self, last: str) -> str:
        try:
            return f"{self._reader.id}:{self._reader.position()}"
        except StoreAway:
            return last

    def _event(self, id: str) -> Event:
        with _reading():
            found = self._reader.event(id)
        if found is None:
            raise HTTPException(404, f"the event {id} does not exist, or is not kept any more")
        return found


def _step_s(step: str) -> float:
    try:
        return long_seconds(step)
    except ValueError as error:
        raise HTTPException(422, f"step: {error}") from error


def _check_range(since_s: float, until_s: float, step_s: float, most: int) -> None:
    if until_s <= since_s or (until_s - since_s) / step_s > most:
        raise HTTPException(422, f"from, to and step must make 1 to {most} buckets")


class _reading:
    """Answers that the store is away."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if isinstance(error, StoreAway):
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
