"""The control socket with real callers: several at once, some that leave, some that send garbage or never read."""

import getpass
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from threading import Thread

import msgspec
import pytest

from edge_daemon.cli.reload import reload
from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.messages.requests import Reload, Reply, Requester
from edge_daemon.runtime.audit_log import AuditLog, read
from edge_daemon.runtime.control import Ask, Replied
from edge_daemon.supervisor.control_socket import NAME, Caller, ControlSocket, Greeting
from edge_daemon.supervisor.folders import PREFIX
from edge_daemon.supervisor.request_router import LONGEST_TEXT, RequestRouter, Respond
from edge_daemon.transport.channel import Channel

WAIT_S = 10.0
FORGED = Requester(name="root", role="administrator", via="signal", address="10.0.0.1")


class Daemon:
    """The supervisor's side: accepts callers and keeps their reloads until the test answers."""

    def __init__(self, place: Path, config: Path | None = None) -> None:
        folder = place / f"{PREFIX}{len(list(place.iterdir()))}"
        folder.mkdir()
        self.state, self.responders = place / "state", list[Respond]()
        self.socket = ControlSocket(folder, config)
        self.requests = RequestRouter(AuditLog(self.state))
        self.requests.on(Reload, lambda _, respond: self.responders.append(respond))
        self.callers: list[Caller] = []
        self._selector = DefaultSelector()
        self._selector.register(self.socket, EVENT_READ, None)

    def serve(self, wait_s: float = 0.0) -> None:
        """Do what the supervisor's loop does when something arrives."""
        for key, _ in self._selector.select(wait_s):
            if key.data is None:
                if caller := self.socket.accept():
                    self.callers.append(caller)
                    self._selector.register(caller, EVENT_READ, caller)
            elif (asks := key.data.receive()) is None:
                self._selector.unregister(key.data)
                self.callers.remove(key.data)
                key.data.close()
            else:
                for ask in asks:
                    self.requests.receive(ask.request, key.data, ask.id)

    def until(self, done: Callable[[], object]) -> None:
        """Serve until `done()` is true."""
        deadline = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < deadline
            self.serve(0.05)

    def close(self) -> None:
        for caller in self.callers:
            caller.close()
        self._selector.close()
        self.socket.__exit__()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.close()


def connected(place: Path) -> socket.socket:
    (path,) = place.glob(f"{PREFIX}*/{NAME}")
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.connect(str(path))
    return end


def ask(id: int) -> bytes:
    return msgspec.msgpack.encode(Ask(id=id, request=Reload(by=FORGED)))


class Client(Thread):
    """`edge-daemon reload`, in a thread."""

    def __init__(self, place: Path, config: Path | None = None) -> None:
        super().__init__(daemon=True)
        self._where, self.said = (config, place), list[str | EdgeError]()
        self.start()

    def run(self) -> None:
        try:
            self.said.append(reload(*self._where))
        except EdgeError as error:
            self.said.append(error)


def test_several_callers_at_once_are_all_answered_and_named_as_the_kernel_knows_them(
    tmp_path: Path, daemon: Daemon
) -> None:
    clients = [Client(tmp_path) for _ in range(5)]
    daemon.until(lambda: len(daemon.responders) == 5)
    for respond in daemon.responders:
        respond(Reply(text="camera yard is new"))
    for client in clients:
        client.join(WAIT_S)
        assert client.said == ["camera yard is new"]
    daemon.until(lambda: not daemon.callers)
    who = {(entry.who, entry.role, entry.via) for entry in read(daemon.state, 10)}
    assert who == {(getpass.getuser(), "administrator", "control-socket")}


def test_what_a_caller_says_about_itself_is_not_believed(tmp_path: Path, daemon: Daemon) -> None:
    channel = Channel(connected(tmp_path))
    channel.send(ask(9))
    daemon.until(lambda: daemon.responders)
    daemon.responders[0](Reply())
    (entry,) = read(daemon.state, 1)
    assert (entry.who, entry.via, entry.address) == (getpass.getuser(), "control-socket", "")
    greeting = msgspec.msgpack.decode(channel.wait_for_message(), type=Greeting)
    assert (greeting.pid, greeting.config) == (os.getpid(), None)
    assert msgspec.msgpack.decode(channel.wait_for_message(), type=Replied) == Replied(id=9, reply=Reply())
    channel.close()


def test_errors_have_their_exit_code(tmp_path: Path, daemon: Daemon) -> None:
    client = Client(tmp_path)
    daemon.until(lambda: daemon.responders)
    text = "x" * LONGEST_TEXT
    daemon.responders[0](Reply(exit_code=ExitCode.CONFIG, text=text))
    client.join(WAIT_S)
    (error,) = client.said
    assert isinstance(error, EdgeError)
    assert (str(error), error.exit_code) == (text, ExitCode.CONFIG)


def test_a_caller_that_goes_away_and_one_that_sends_garbage_are_let_go(tmp_path: Path, daemon: Daemon) -> None:
    gone = Channel(connected(tmp_path))
    gone.send(ask(1))
    daemon.until(lambda: daemon.responders)
    gone.close()
    garbage = [connected(tmp_path) for _ in range(4)]
    for end, bad in zip(garbage, (b"\0", b"\0reload", b"\0" + ask(1)[:-1], b"\1" * 100), strict=True):
        end.send(bad)
        end.shutdown(socket.SHUT_WR)
    daemon.until(lambda: not daemon.callers)
    daemon.responders[0](Reply(text="nobody is there"))
    client = Client(tmp_path)
    daemon.until(lambda: len(daemon.responders) == 2)
    daemon.responders[1](Reply(text="still there"))
    client.join(WAIT_S)
    assert client.said == ["still there"]
    for end in garbage:
        end.close()


def test_a_caller_that_never_reads_is_cut_off(tmp_path: Path, daemon: Daemon) -> None:
    channel = Channel(connected(tmp_path))
    for id in range(100):
        channel.send(ask(id))
    while True:
        daemon.until(lambda: daemon.responders or not daemon.callers)
        if not daemon.callers:
            break
        daemon.responders.pop()(Reply(text="x" * LONGEST_TEXT))
    channel.close()


def test_a_daemon_that_ends_meanwhile_is_said_to(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    client = Client(tmp_path)
    daemon.until(lambda: daemon.responders)
    daemon.close()
    client.join(WAIT_S)
    assert [str(said) for said in client.said] == ["the daemon ended meanwhile"]


def test_the_daemon_that_is_meant_has_to_be_clear(tmp_path: Path) -> None:
    configs = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    daemons = [Daemon(tmp_path, config) for config in configs]
    for config, clear in ((None, False), (configs[1], True), (tmp_path / "c.yaml", False)):
        client = Client(tmp_path, config)
        while client.is_alive() and not daemons[1].responders:
            for daemon in daemons:
                daemon.serve(0.05)
        if clear:
            daemons[1].responders.pop()(Reply(text="b"))
        client.join(WAIT_S)
        (said,) = client.said
        assert (said == "b") == isinstance(said, str) == clear
        assert clear or isinstance(said, EdgeError)
    for daemon in daemons:
        daemon.close()


def test_a_socket_of_another_user_is_not_talked_to(
    tmp_path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's answer stands for another user: a test cannot become one."""
    ours = socket.socket.getsockopt

    def of_another(end: socket.socket, level: int, name: int, size: int = 0) -> bytes | int:
        if name == socket.SO_PEERCRED:
            return struct.pack("3i", 1, os.getuid() + 4321, 1)
        return ours(end, level, name, size)

    monkeypatch.setattr(socket.socket, "getsockopt", of_another)
    with pytest.raises(StartError, match="no running daemon found"):
        reload(None, tmp_path)
