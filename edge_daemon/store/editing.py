"""Marks and erasures that people ask for, in a store that this process may write."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from itertools import islice

import msgspec

from edge_daemon.errors import ConfigError, EdgeError, StartError
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import EraseEvent, EraseRange, KeepRange, MarkEvent, StoreRequest
from edge_daemon.settings import StorageSettings
from edge_daemon.store import media, segments
from edge_daemon.store.cursor import forget
from edge_daemon.store.entry import seconds_of
from edge_daemon.store.index import Index
from edge_daemon.store.marks import Hold, Mark
from edge_daemon.store.store import Store

SETTLED_S = 60.0
"""Time after the end of an event in which its clip may still be made."""
SLICE = 50
"""Events that are erased at once."""
Work = Generator[None, None, str]
"""Work that is done a little at a time; it returns a sentence."""


class _Track(msgspec.Struct):
    first_at: str = ""


class _Tracked(msgspec.Struct):
    tracker_id: int


class _Event(msgspec.Struct):
    camera: str
    model: str
    tracks: list[_Tracked] = []


def edit(store: Store, storage: StorageSettings, request: StoreRequest, now_s: float, after_s: float = 0.0) -> Work:
    """Do what was asked for, with the media of `storage`; clips end `after_s` after their events.

    Raises (when it is done):
        EdgeError: there is no such event, the times are none, or the disk cannot be written.
    """
    try:
        match request:
            case MarkEvent():
                return (yield from _mark(store, request, now_s))
            case KeepRange():
                return (yield from _keep(store, request, now_s))
            case EraseEvent():
                return (yield from _erase_event(store, storage, request, now_s - SETTLED_S - after_s))
            case EraseRange():
                return (yield from _erase_range(store, storage, request, now_s - SETTLED_S - after_s))
    except sqlite3.Error as error:
        raise EdgeError(f"the index cannot be used now: {error}") from error


def _mark(store: Store, request: MarkEvent, now_s: float) -> Work:
    camera, _ = _found(_index(store), request.event)
    mark = Mark(
        event=request.event,
        camera=camera,
        at=utc(round(now_s * 1e9)),
        by=request.by.name,
        keep=request.keep,
        wrong=request.wrong,
    )
    _add(store, mark)
    words = {(True, "keep"): "is kept", (False, "keep"): "is not kept longer than others"}
    words |= {(True, "wrong"): "is marked as wrong", (False, "wrong"): "is not marked as wrong"}
    done = [words[value, name] for name in ("keep", "wrong") if (value := getattr(request, name)) is not None]
    yield
    return f"event {request.event} of camera {camera} {' and '.join(done) or 'has the marks that it had'}"


def _keep(store: Store, request: KeepRange, now_s: float) -> Work:
    since_s, until_s = _times(request.since, request.until)
    hold = Hold(
        camera=request.camera,
        since_s=since_s,
        until_s=until_s,
        at=utc(round(now_s * 1e9)),
        by=request.by.name,
        keep=request.keep,
    )
    _index(store)
    _add(store, hold)
    yield
    how = "is kept" if request.keep else "is not kept longer than other times"
    return f"what camera {request.camera} has from {request.since} to {request.until} {how}"


def _erase_event(store: Store, storage: StorageSettings, request: EraseEvent, settled_s: float) -> Work:
    index = _index(store)
    camera, is_over = _found(index, request.event, settled_s)
    if not is_over:
        raise StartError(f"event {request.event} goes on, or its clip is being made: try again in a minute")
    yield from _erase(store, storage, camera, [request.event], _tracks_of(index, request.event))
    return f"event {request.event} of camera {camera} is erased, with its clip, stills, tracks and messages"


def _erase_range(store: Store, storage: StorageSettings, request: EraseRange, settled_s: float) -> Work:
    index = _index(store)
    since_s, until_s = _times(request.since, request.until)
    overlapping = index.overlapping(request.camera, since_s, until_s, settled_s)
    events = [event for event, is_over in overlapping if is_over]
    tracks = [position for position, body in index.tracks_since(request.camera, since_s) if _first_s(body) <= until_s]
    yield from _erase(store, storage, request.camera, events, tracks)
    try:
        recorded = segments.erase(media.folders(storage)[0], request.camera, since_s, until_s)
    except OSError as error:
        raise EdgeError(f"not everything could be erased, try again: {error.strerror or error}") from error
    left = len(overlapping) - len(events)
    rest = f"; {left} events that go on, or have no clip yet, are left" if left else ""
    times = f"from {request.since} to {request.until}"
    number = f"{len(events)} events, {len(tracks)} tracks and {recorded} recorded segments"
    return f"{number} of camera {request.camera} {times} are erased{rest}"


def _erase(
    store: Store, storage: StorageSettings, camera: str, events: Iterable[str], tracks: list[int]
) -> Iterator[None]:
    """Erase events with their files, and tracks."""
    index, positions, left = _index(store), list(tracks), iter(events)
    try:
        media.check_mounted(storage)
        while some := list(islice(left, SLICE)):
            for event in some:
                for folder in media.folders(storage):
                    media.remove(folder, camera, event)
                positions += [*index.positions(event), *_tracks_of(index, event)]
            yield
        yield from store.erase(list(dict.fromkeys(positions)))
        forget(store.folder, {store.cursor(position) for position in positions})
    except OSError as error:
        raise EdgeError(f"not everything could be erased, try again: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise EdgeError(f"not everything could be erased, try again: {error}") from error


def _tracks_of(index: Index, event: str) -> list[int]:
    """Positions of the messages about the tracks of an event."""
    found: dict[int, None] = {}
    for body in index.bodies(event):
        message = msgspec.json.decode(body, type=_Event)
        for track in message.tracks:
            subject = f"{message.camera}/{message.model}/{track.tracker_id}"
            found |= dict.fromkeys(index.positions(subject))
    return list(found)


def _first_s(body: bytes) -> float:
    """When a track began; long ago if that is not known."""
    try:
        return seconds_of(msgspec.json.decode(body, type=_Track).first_at)
    except (ValueError, msgspec.DecodeError):
        return 0.0


def _index(store: Store) -> Index:
    if store.index is None or store.trouble:
        raise EdgeError(f"the index cannot be used now: {store.trouble or 'it is being made'}")
    return store.index


def _found(index: Index, event: str, settled_s: float = 0.0) -> tuple[str, bool]:
    if (found := index.event(event, settled_s)) is None:
        raise ConfigError(f"there is no event {event}, or it is not kept any more")
    return found


def _add(store: Store, mark: Mark | Hold) -> None:
    try:
        store.add([msgspec.json.encode(mark)])
    except OSError as error:
        raise EdgeError(f"cannot write the store: {error.strerror or error}") from error


def _times(since: str, until: str) -> tuple[float, float]:
    try:
        since_s, until_s = seconds_of(since), seconds_of(until)
    except ValueError as error:
        raise ConfigError(f"{since} to {until}: write times such as 2026-11-28T18:00:00Z") from error
    if since_s >= until_s:
        raise ConfigError(f"{since} is not before {until}")
    return since_s, until_s
