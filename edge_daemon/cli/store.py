"""`store` and `events`: what is stored, from the files of the store alone."""

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
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
from edge_daemon.store.media import ENDINGS, path_of
from edge_daemon.store.reader import Event, Query, Reader, shown
from edge_daemon.store.store import Store

MOST = 1000
SUMS = "SHA256SUMS"
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
    reader, queries = Reader(Path(storage_of(config).folder)), _queries(cameras, rules, since)
    position = reader.position()
    for event in _found(reader, queries):
        yield json.dumps(shown(event)) if as_json else _sentence(event)
    while follow:
        changed = [event for query in queries for event in reader.changed(query, position, MOST)]
        for event in sorted(changed, key=lambda one: int(one["position"])):
            position = max(position, event["position"])
            yield json.dumps(shown(event)) if as_json else _sentence(event)
        time.sleep(FOLLOW_S)


def export(config: Path, output: Path, ids: list[str], cameras: list[str], rules: list[str], since: str | None) -> int:
    """Copy events with their clips, stills and tracks into a new folder, with a file that `sha256sum -c` checks; return
    their number.

    Raises:
        ConfigError: there is no such event, or `since` is no duration.
        StartError: the folder exists, or cannot be written.
        StoreAway: there is no store.
    """
    storage = storage_of(config)
    reader = Reader(Path(storage.folder))
    events = [_one(reader, id) for id in ids] if ids else _found(reader, _queries(cameras, rules, since))
    try:
        output.mkdir(parents=True)
        for event in events:
            tracks = json.dumps({"event": shown(event), "tracks": reader.tracks(event)}, indent=1)
            (output / f"{event['id']}.json").write_text(f"{tracks}\n")
            for medium in ENDINGS:
                path = path_of(Path(storage.media), event["camera"], event["id"], medium)
                if path.exists():
                    shutil.copyfile(path, output / path.name)
        lines = [f"{_sha256(path)}  {path.name}\n" for path in sorted(output.iterdir())]
        (output / SUMS).write_text("".join(lines))
    except FileExistsError as error:
        raise StartError(f"{output} exists already: name another folder") from error
    except OSError as error:
        raise StartError(f"cannot write to {output}: {error.strerror}") from error
    return len(events)


def _one(reader: Reader, id: str) -> Event:
    if (event := reader.event(id)) is None:
        raise ConfigError(f"there is no event {id}, or it is not kept any more")
    return event


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _queries(cameras: list[str], rules: list[str], since: str | None) -> list[Query]:
    query = Query((), since_s(since))
    return [one for half in query.any_of("rule", rules) for one in half.any_of("camera", cameras)]


def _found(reader: Reader, queries: list[Query]) -> list[Event]:
    """The last events that were asked for, the oldest first."""
    found = [event for query in queries for event in reader.events(query, MOST)]
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
    what = ", ".join(f"{track['class_name']} {track['tracker_id']}" for track in event["tracks"])
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
