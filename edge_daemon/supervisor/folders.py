"""The private folder of a run, for its sockets. What survives a run lies in the state folder (`runtime/state.py`)."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge_daemon.errors import StartError

PREFIX = "edge-daemon-"
LOCK = "lock"


@contextmanager
def run_folder(parent: Path | None) -> Iterator[Path]:
    """Create a folder (mode 0700) that is removed afterwards, and remove those that killed runs have left.

    It is created in `parent`, else in systemd's RUNTIME_DIRECTORY, else in the `temporary` folder.

    Raises:
        StartError: no folder can be created there.
    """
    place = parent or (Path(os.environ["RUNTIME_DIRECTORY"]) if os.environ.get("RUNTIME_DIRECTORY") else temporary())
    with ExitStack() as undo:
        try:
            _sweep(place)
            made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
            undo.callback(shutil.rmtree, made, ignore_errors=True)
            lock = undo.enter_context((made / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Others remove folders of this name unless they are locked, so it gets the name only now.
            folder = made.rename(place / made.name.removeprefix("."))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
        except OSError as error:
            raise StartError(f"cannot make a folder for sockets in {place}: {error.strerror}") from error
        yield folder


def temporary() -> Path:
    """The folder for temporary files; one in memory where nothing else can be written to.

    Raises:
        StartError: there is none.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        for folder in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):
            if folder and os.access(folder, os.W_OK | os.X_OK):
                return Path(folder)
    raise StartError("there is no folder for temporary files that can be written to: set runtime_dir, or TMPDIR")


def _sweep(place: Path) -> None:
    """Remove this user's folders whose runs are gone."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid != os.geteuid():
                continue
            with (folder / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
