"""`store` and `events`: what is stored, from the files of the store alone."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_daemon.config.load import load
from edge_daemon.config.quantities import long_seconds
from edge_daemon.config.storing import storage_settings
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.settings import StorageSettings
from edge_daemon.store.check import check as compare
from edge_daemon.store.reader import Event, Query, Reader, shown
from edge_daemon.store.store import Store

MOST = 1000
NAMED = 5
"""Most tracks named in the line of an event."""
FOLLOW_S = 0.5


def storage_of(config: Path) -> StorageSettings:
    """The store of the daemon that reads the file `config`.

    Raises:
        ConfigError: it has none.
    """
    if storage := storage_settings(load(config), daemon_folder(config.absolute())):
        return storage
    raise ConfigError(f"{config} stores nothing: it has neither rules nor `storage`")


def check(config: Path) -> Iterator[str]:
    """Compare journal, index and folder; yield what does not agree.

    Raises:
        StartError: the store cannot be read.
    """
    yield from compare(_there(config)).faults


def usage(config: Path) -> Iterator[str]:
    """Yield lines on what is stored.

    Raises:
        StartError: the store cannot be read.
    """
    found = compare(folder := _there(config))
    yield f"{folder}"
    for name, count in sorted(found.entries.items()):
        yield f"  {name:<12}{count:>10} entries"
    yield f"  {'journal':<12}{_megabytes(found.journal_bytes):>10} MB"
    yield f"  {'index':<12}{_megabytes(found.index_bytes):>10} MB"


def rebuild(config: Path) -> int:
    """Make the index again from the journal; return the number of the last position.

    Raises:
        StartError: the daemon is running, or the disk cannot be written.
    """
    folder = _there(config)
    os.umask(0o077)
    try:
        store = Store(folder)
        try:
            store.rebuild()
            return store.position
        finally:
            store.close()
    except BlockingIOError as error:
        raise StartError("the daemon that owns this store is running: stop it first") from error
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"cannot write {folder}: {error}") from error


def events(
    config: Path, cameras: list[str], rules: list[str], since: str | None, *, follow: bool, as_json: bool
) -> Iterator[str]:
    """Yield lines on events, the oldest first; `follow` waits for further ones.

    Raises:
        ConfigError: `since` is no duration.
        StoreAway: there is no store.
    """
    reader, queries = Reader(Path(storage_of(config).folder)), queries_of(cameras, rules, since)
    position = reader.position()
    for event in found_events(reader, queries):
        yield json.dumps(shown(event)) if as_json else _sentence(event)
    while follow:
        changed = [event for query in queries for event in reader.changed(query, position, MOST)]
        for event in sorted(changed, key=lambda one: int(one["position"])):
            position = max(position, event["position"])
            yield json.dumps(shown(event)) if as_json else _sentence(event)
        time.sleep(FOLLOW_S)


def one_event(reader: Reader, id: str) -> Event:
    """An event by its id.

    Raises:
        ConfigError: there is none.
    """
    if (event := reader.event(id)) is None:
        raise ConfigError(f"there is no event {id}, or it is not kept any more")
    return event


def queries_of(cameras: Sequence[str], rules: Sequence[str], since: str | None) -> list[Query]:
    """Queries for events of some cameras and rules (none: all), of the last time.

    Raises:
        ConfigError: `since` is no duration.
    """
    query = Query((), since_s(since))
    return [one for half in query.any_of("rule", rules) for one in half.any_of("camera", cameras)]


def found_events(reader: Reader, queries: Sequence[Query], most: int = MOST) -> list[Event]:
    """The last events that were asked for, the oldest first."""
    found = [event for query in queries for event in reader.events(query, most)]
    return sorted(found, key=lambda one: str(one["began_at"]))


def since_s(since: str | None) -> float | None:
    """The time that is a duration such as `2d` ago.

    Raises:
        ConfigError: it is no duration.
    """
    if since is None:
        return None
    try:
        return time.time() - long_seconds(since)
    except ValueError as error:
        raise ConfigError(f"--since {since}: {error}") from error


def _sentence(event: Event) -> str:
    began = datetime.fromisoformat(event["began_at"]).astimezone()
    what = ", ".join(f"{track['class_name']} {track['tracker_id']}" for track in event["tracks"][:NAMED])
    if (more := len(event["tracks"]) - NAMED) > 0:
        what += f" and {more} more"
    length = f"{_length_s(event):.0f} s" if event["ended_at"] else "goes on"
    return f"{began:%Y-%m-%d %H:%M:%S}  {event['camera']}  {event['rule']}  {what or '-'}  {length}"


def _length_s(event: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(event[key]) for key in ("began_at", "ended_at"))
    return (ended - began).total_seconds()


def _there(config: Path) -> Path:
    folder = Path(storage_of(config).folder)
    if not folder.is_dir():
        raise StartError(f"there is no store in {folder} yet")
    return folder


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
