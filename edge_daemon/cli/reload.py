"""`reload`: have a running daemon read its configuration again."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.supervisor.control_socket import MAX_BYTES, NAME, RELOAD, Answer, Greeting
from edge_daemon.supervisor.folders import PREFIX

SERVICE_FOLDER = "/run/edge-daemon"
GREETING_S = 5.0


def reload(config: Path | None, place: Path | None) -> str:
    """Have the daemon that read `config`, or the only one that runs, read it again; returns what has changed.

    It is looked for in the folder `place`, or else where the service and other daemons of this user have theirs.

    Raises:
        StartError: it is not to be found, or it is not clear which one is meant.
        EdgeError: nothing has changed; what it says is why.
    """
    found = [(line, hello) for line, hello in _daemons(place) if config is None or _reads(hello, config)]
    if not found:
        what = "no daemon" if config is None else f"no daemon that reads {config}"
        raise StartError(f"{what} runs here, as far as this user can see")
    if len(found) > 1:
        others = ", ".join(f"{hello.config or 'no file'} (process {hello.pid})" for _, hello in found)
        raise StartError(f"{len(found)} daemons run here; say which configuration to reload: {others}")
    ((line, _),) = found
    line.settimeout(None)
    line.send(RELOAD)
    reply = line.recv(MAX_BYTES)
    if not reply:
        raise EdgeError("the daemon ended meanwhile")
    answer = msgspec.json.decode(reply, type=Answer)
    if answer.exit_code:
        error = EdgeError(answer.text)
        error.exit_code = ExitCode(answer.exit_code)
        raise error
    return answer.text


def _daemons(place: Path | None) -> Iterator[tuple[socket.socket, Greeting]]:
    """A line to each daemon that this user may speak to."""
    usual = [os.environ.get("RUNTIME_DIRECTORY"), SERVICE_FOLDER, tempfile.gettempdir()]
    places = [place] if place else dict.fromkeys(Path(folder) for folder in usual if folder)
    for path in (path for folder in places for path in sorted(folder.glob(f"{PREFIX}*/{NAME}"))):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.settimeout(GREETING_S)
        try:
            line.connect(str(path))
            yield line, msgspec.json.decode(line.recv(MAX_BYTES), type=Greeting)
        except (OSError, msgspec.MsgspecError):
            line.close()


def _reads(daemon: Greeting, config: Path) -> bool:
    return daemon.config is not None and Path(daemon.config) == config.absolute()
