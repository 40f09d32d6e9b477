"""`reload`: have a running daemon read its configuration again."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.log import printable
from edge_daemon.messages.requests import AnyRequest, Reload, Reply, Requester
from edge_daemon.runtime.control import Ask, Replied
from edge_daemon.supervisor.control_socket import NAME, Greeting, peer_user
from edge_daemon.supervisor.folders import PREFIX, temporary
from edge_daemon.transport.channel import Channel

SERVICE_FOLDER = "/run/edge-daemon"
GREETING_S = 5.0


def reload(config: Path | None, place: Path | None) -> str:
    """Make a daemon read its configuration again; return what has changed. See `ask` for the rest."""
    return ask(config, place, Reload(by=Requester(via="control-socket")))


def ask(config: Path | None, place: Path | None, request: AnyRequest) -> str:
    """Ask the daemon that read `config`, or the only one running, for something; return its reply.

    It is searched for in the folder `place`, otherwise in the usual folders of the service and of this user's daemons.

    Raises:
        StartError: it is not found, or it is not clear which one is meant.
        EdgeError: it was not done, for this reason.
    """
    with ExitStack() as open_channels:
        running = list(_daemons(place))
        for channel, _ in running:
            open_channels.callback(channel.close)
        found = [one for one in running if config is None or _reads(one[1], config)]
        listed = ", ".join(f"{greeting.config or 'no file'} (process {greeting.pid})" for _, greeting in running)
        if not found:
            what = "no running daemon" if config is None else f"no daemon that reads {config}"
            others = f"; there is {listed}" if listed else "; only those of this user are visible (try sudo)"
            raise StartError(f"{what} found{others}")
        if len(found) > 1:
            raise StartError(f"{len(found)} daemons run here; name the configuration to reload: {listed}")
        reply = _ask(found[0][0], request)
    if reply.exit_code:
        error = EdgeError(reply.text)
        error.exit_code = ExitCode(reply.exit_code)
        raise error
    return reply.text


def is_running(config: Path) -> bool:
    """True if a daemon that this user can reach reads this file."""
    running = False
    for channel, greeting in _daemons(None):
        channel.close()
        running = running or _reads(greeting, config)
    return running


def _ask(channel: Channel, request: AnyRequest) -> Reply:
    """Send a request, and wait for the reply, for as long as it takes.

    Raises:
        EdgeError: the daemon is gone, or of another version.
    """
    try:
        channel.send(msgspec.msgpack.encode(Ask(id=1, request=request)))
        return msgspec.msgpack.decode(channel.wait_for_message(), type=Replied).reply
    except (OSError, EOFError) as error:
        raise EdgeError("the daemon ended meanwhile") from error
    except msgspec.DecodeError as error:
        raise EdgeError(f"the daemon is of another version: {error}") from error


def _daemons(place: Path | None) -> Iterator[tuple[Channel, Greeting]]:
    """A channel to each daemon that this user may talk to."""
    usual = [Path(os.environ.get("RUNTIME_DIRECTORY") or SERVICE_FOLDER), Path(SERVICE_FOLDER), temporary()]
    places = [place] if place else list(dict.fromkeys(usual))
    for folder in places:
        for path in sorted(folder.glob(f"{PREFIX}*/{NAME}")):
            if (channel := _connected(path, folder)) is None:
                continue
            if greeting := _greeting(channel):
                yield channel, greeting
            else:
                channel.close()


def _connected(path: Path, place: Path) -> Channel | None:
    """A channel to the daemon at `path`, if it is one of this user, or of the owner of `place`."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.settimeout(GREETING_S)
    try:
        end.connect(str(path))
        if peer_user(end) in (os.geteuid(), place.stat().st_uid):
            return Channel(end)
    except OSError:
        pass
    end.close()
    return None


def _greeting(channel: Channel) -> Greeting | None:
    try:
        select.select([channel], [], [], GREETING_S)
        for message in channel.receive(1):
            return msgspec.msgpack.decode(message, type=Greeting)
    except (EOFError, msgspec.DecodeError):
        return None
    return None


def _reads(daemon: Greeting, config: Path) -> bool:
    return daemon.config == printable(str(config.absolute()))
