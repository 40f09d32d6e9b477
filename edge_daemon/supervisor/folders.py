"""The folders of a run: a private one for its sockets, and one for what is to stay."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge_daemon.errors import StartError

PREFIX = "edge-daemon-"
LOCK = "lock"


def aside_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where frames are set aside: in the service's state folder, or the user's; None if there is neither."""
    if state := environment.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(state) / "aside"
    state_home = Path(environment.get("XDG_STATE_HOME", ""))
    if not state_home.is_absolute():  # the specification says to ignore a relative one
        try:
            state_home = Path.home() / ".local" / "state"
        except RuntimeError:
            return None
    return state_home / "edge-daemon" / "aside"


@contextmanager
def run_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder (mode 0700) that is gone afterwards, and so are those that killed runs left.

    It is made in `parent`, else in systemd's RUNTIME_DIRECTORY, else where temporary files are.

    Raises:
        StartError: no folder can be made there.
    """
    place = parent or Path(os.environ.get("RUNTIME_DIRECTORY") or tempfile.gettempdir())
    with ExitStack() as undo:
        try:
            _sweep(place)
            made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
            undo.callback(shutil.rmtree, made, ignore_errors=True)
            lock = undo.enter_context((made / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now may it have the name that others sweep: they leave alone what is locked.
            folder = made.rename(place / made.name.removeprefix("."))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
        except OSError as error:
            raise StartError(f"cannot make a folder for sockets in {place}: {error.strerror}") from error
        yield folder


def _sweep(place: Path) -> None:
    """Remove our folders that nobody holds any more."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid != os.geteuid():
                continue
            with (folder / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
