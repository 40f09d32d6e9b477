"""`events keep`, `wrong`, `erase` and `link`: by the running daemon, or, where none runs, on the store itself."""

import getpass
import os
import time
from datetime import datetime
from pathlib import Path

from edge_daemon.cli.reload import ask, is_running
from edge_daemon.cli.store import storage_of
from edge_daemon.config.quantities import long_seconds
from edge_daemon.errors import ConfigError, EdgeError, StartError
from edge_daemon.messages.requests import EraseEvent, EraseRange, KeepRange, MarkEvent, Requester, StoreRequest
from edge_daemon.runtime import links
from edge_daemon.runtime.audit_log import AuditLog
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.store.editing import edit
from edge_daemon.store.store import Store


def mark(config: Path, event: str, *, keep: bool | None = None, wrong: bool | None = None) -> str:
    """Mark an event; return what was done.

    Raises:
        EdgeError: there is no such event, or it cannot be done.
    """
    return _edit(config, MarkEvent(by=_by(), event=event, keep=keep, wrong=wrong))


def keep_range(config: Path, camera: str, since: str, until: str, *, keep: bool) -> str:
    """Keep what a camera has in a range of time, or not any more; return what was done.

    Raises:
        EdgeError: the times are none, or it cannot be done.
    """
    times = _moment("--from", since), _moment("--to", until)
    return _edit(config, KeepRange(by=_by(), camera=camera, since=times[0], until=times[1], keep=keep))


def erase(config: Path, event: str | None, camera: str | None, since: str | None, until: str | None) -> str:
    """Erase an event, or what a camera has in a range of time; return what was done.

    Raises:
        EdgeError: neither is named, or it cannot be done.
    """
    if event and not (camera or since or until):
        return _edit(config, EraseEvent(by=_by(), event=event))
    if camera and since and until and not event:
        times = _moment("--from", since), _moment("--to", until)
        return _edit(config, EraseRange(by=_by(), camera=camera, since=times[0], until=times[1]))
    raise ConfigError("name an event, or --camera, --from and --to")


def link(config: Path, event: str, kind: str, lasts: str) -> str:
    """A link to the clip or a still of an event, without the address of the box.

    Raises:
        EdgeError: it cannot be made.
    """
    kinds = {"clip": "clip.mp4"} | {still: f"still.jpg?kind={still}" for still in ("plain", "annotated", "small")}
    if kind not in kinds:
        raise ConfigError(f"--kind {kind}: choose one of {', '.join(kinds)}")
    try:
        lasts_s = long_seconds(lasts)
    except ValueError as error:
        raise ConfigError(f"--for {lasts}: {error}") from error
    if not 0 < lasts_s <= links.LONGEST_S:
        raise ConfigError(f"--for {lasts}: a link is good for 7 days at most")
    try:
        key = links.key_of(_state(config))
    except OSError as error:
        raise StartError(f"cannot read the key for links: {error.strerror}") from error
    return links.link(key, f"/api/events/{event}/{kinds[kind]}", int(time.time() + lasts_s))


def revoke_links(config: Path) -> None:
    """End all links.

    Raises:
        StartError: that cannot be written.
    """
    try:
        links.new_key(_state(config))
    except OSError as error:
        raise StartError(f"cannot write the key for links: {error.strerror}") from error
    AuditLog(_state(config)).record(_by(), "revoke links", "done")


def _edit(config: Path, request: StoreRequest) -> str:
    storage = storage_of(config)
    if is_running(config):
        return ask(config, None, request)
    audit = AuditLog(daemon_folder(config.absolute()))
    os.umask(0o077)
    try:
        if not Path(storage.folder).is_dir():
            raise StartError(f"there is no store in {storage.folder} yet")
        store = Store(Path(storage.folder))
        try:
            work = edit(store, storage, request, time.time())
            while True:
                next(work)
        except StopIteration as done:
            audit.record(request.by, request.ACTION, "done", str(done.value))
            return str(done.value)
        finally:
            store.close()
    except BlockingIOError as error:
        raise StartError("another process has the store: is it a daemon of another user? Try sudo") from error
    except OSError as error:
        raise StartError(f"cannot write {storage.folder}: {error.strerror}") from error
    except EdgeError as error:
        audit.record(request.by, request.ACTION, "failed", str(error))
        raise


def _by() -> Requester:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Requester(name=name, via="control-socket")


def _state(config: Path) -> Path:
    if (state := daemon_folder(config.absolute())) is None:
        raise StartError("there is no state folder, which has the key for links")
    return state


def seconds_of(option: str, text: str | None) -> float | None:
    """Seconds since the Unix epoch of a time, if there is one.

    Raises:
        ConfigError: it is none.
    """
    return datetime.fromisoformat(_moment(option, text)).timestamp() if text else None


def _moment(option: str, text: str) -> str:
    """A time, which is local unless it has a zone.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text}: write a time such as 2026-11-28T18:00") from error
    return (found if found.tzinfo else found.astimezone()).isoformat()
