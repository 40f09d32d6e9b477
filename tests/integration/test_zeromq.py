"""Real sockets: who learns of whom, and what an address that cannot be had says."""

import contextlib
import os
import socket
from pathlib import Path

import pytest
import zmq

from edge_daemon.errors import StartError
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.transport.connections import Connections
from edge_daemon.transport.zeromq import (
    HANDSHAKE_MS,
    collector,
    ipc,
    is_there,
    move,
    of_this_process,
    publisher,
    subscriber,
)
from tests.acceptance.harness import free_port
from tests.waiting import eventually

WAIT_S = 10.0


def test_an_ipc_address_of_ones_own_leaves_those_of_living_processes(tmp_path: Path) -> None:
    for name in (f"worker-0-{os.getppid()}", "worker-0-4194305", "worker-01-4194305"):  # beyond what a pid can be
        (tmp_path / name).touch()
    assert of_this_process(ipc(tmp_path, "worker-0")) == ipc(tmp_path, f"worker-0-{os.getpid()}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"worker-0-{os.getppid()}", "worker-01-4194305"]


def test_only_an_address_of_a_running_process_is_waited_for(tmp_path: Path) -> None:
    assert is_there(of_this_process(ipc(tmp_path, "web")))
    for name in ("nowhere", "nowhere-", "nowhere-/tmp", "nowhere-self", f"nowhere-{1 << 30}"):
        assert not is_there(f"ipc:///{name}")


def test_an_address_that_is_taken() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        taken.bind(address)
        with publisher(context) as out, pytest.raises(StartError, match=f"cannot .* {address}: the address is in use"):
            move(out, [], [address])


def test_an_address_of_another_machine() -> None:
    with zmq.Context() as context, publisher(context) as out, pytest.raises(StartError, match="has no such address"):
        move(out, [], ["tcp://192.0.2.1:5555"])


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with zmq.Context() as context, pytest.raises(StartError, match="longer than"):
        collector(context, ipc(tmp_path, "x" * 200))
    (tmp_path / ("x" * 100)).mkdir()
    with pytest.raises(StartError, match="path too long"):
        ControlSocket(tmp_path / ("x" * 100), None)


def test_ipv6() -> None:
    address = f"tcp://[::1]:{free_port()}"
    with zmq.Context() as context, publisher(context) as out, subscriber(context, address, 10) as reader:
        move(out, [], [address])
        reader.subscribe(b"")
        assert out.poll(int(WAIT_S * 1000))


class Door:
    """A publisher with an address, and its connections."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, most: int | None = None) -> None:
        self.socket, self.address = publisher(context), address
        self.connections = Connections(self.socket, most)
        move(self.socket, [], [address])

    def update(self) -> Connections:
        """Its connections, after what has happened."""
        self.connections.update()
        return self.connections

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        self.connections.close()
        self.socket.close(0)


def test_subscribers_are_counted_when_they_come_and_go(tmp_path: Path) -> None:
    address = ipc(tmp_path, "publish")
    with zmq.Context() as context, Door(context, address) as door:
        assert door.update().settled(0, 0.0)
        assert not door.update().settled(1, 0.0)
        with subscriber(context, address, 10), subscriber(context, address, 10):
            eventually(lambda: door.update().settled(2, 0.05), WAIT_S, what="two subscribers")
        eventually(lambda: not door.update().settled(1, 0.0), WAIT_S, what="their leaving")


def test_a_connection_without_a_handshake_is_no_subscriber_and_ends() -> None:
    port = free_port()
    with (
        zmq.Context() as context,
        Door(context, f"tcp://127.0.0.1:{port}") as door,
        socket.create_connection(("127.0.0.1", port), WAIT_S) as stranger,
        subscriber(context, door.address, 10),
    ):
        eventually(lambda: door.update().settled(1, 0.0), WAIT_S, what="the subscriber")
        with contextlib.suppress(ConnectionResetError):
            while stranger.recv(100):  # ZeroMQ's greeting
                continue
        assert door.update().settled(1, 0.0), "it was not counted, so its leaving is not either"
        assert not door.update().settled(2, 0.0)


def test_beyond_a_limit_new_connections_are_closed_and_those_before_are_served() -> None:
    port = free_port()
    with zmq.Context() as context, Door(context, f"tcp://127.0.0.1:{port}", most=4) as door:
        with contextlib.ExitStack() as strangers, subscriber(context, door.address, 10) as early:
            early.subscribe(b"")
            assert door.socket.poll(int(WAIT_S * 1000)), "its subscription"
            last = [strangers.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)][-1]
            last.settimeout(0.01)

            def is_closed() -> bool:
                door.update()
                try:
                    return not last.recv(100)
                except (TimeoutError, ConnectionResetError) as error:
                    return isinstance(error, ConnectionResetError)

            eventually(is_closed, HANDSHAKE_MS / 2e3, what="an end before the time for its handshake is over")
            door.socket.send(b"served")
            assert early.poll(int(WAIT_S * 1000)), "those who are connected are served"
        with subscriber(context, door.address, 10) as late:
            late.subscribe(b"late")
            eventually(lambda: door.update() and door.socket.poll(0) and door.socket.recv() == b"\1late", WAIT_S)
