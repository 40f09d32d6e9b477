"""The state folder: what survives a stop of the service, a restart of the machine, and an upgrade.

systemd gives a service one of its own (`STATE_DIRECTORY`, /var/lib/edge-daemon). A user's daemons share
`$XDG_STATE_HOME/edge-daemon` (~/.local/state/edge-daemon), in which each configuration has a folder. Two daemons with
one configuration, such as one that ends while the next one starts, share that folder, so a file in it is either
appended to line by line or replaced as a whole, under a lock (`exclusive`).
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "lock"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder for state that all daemons of this service or user share; None if this user has no home."""
    if state := environment.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(state)
    state_home = Path(environment.get("XDG_STATE_HOME", ""))
    if not state_home.is_absolute():  # the specification says to ignore a relative one
        try:
            state_home = Path.home() / ".local" / "state"
        except RuntimeError:
            return None
    return state_home / "edge-daemon"


def daemon_folder(config: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder for the state of the daemon that reads the file `config`; one for all that read none."""
    folder = state_folder(environment)
    if folder is None or environment.get("STATE_DIRECTORY"):
        return folder
    if config is None:
        return folder / "no-file"
    path = str(config.absolute())
    stem = config.stem.encode("ascii", "replace").decode().replace("?", "_")
    return folder / f"{stem}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


@contextmanager
def exclusive(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder while a file in it is changed.

    Raises:
        OSError: the folder cannot be written to, or (BlockingIOError, unless this is to `wait`) the lock is taken.
    """
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def keep_file(path: Path, content: bytes) -> None:
    """Replace a file in the state folder as a whole, under its lock; the folder is made if it is not there.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(path.parent):
        replace_file(path, content)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole; it is on disk when this returns, and a power cut leaves the old or the new one.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it; a power cut leaves them there.

    Raises:
        OSError: that failed.
    """
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        sync_folder(missing.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises:
        OSError: that failed.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
