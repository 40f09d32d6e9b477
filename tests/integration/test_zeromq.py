"""Real sockets: who learns of whom, and what an address that cannot be had says."""

import os
from pathlib import Path

import pytest
import zmq

from edge_daemon.errors import StartError
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.transport.zeromq import (
    ConnectionCount,
    collector,
    ipc,
    is_there,
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
        with pytest.raises(StartError, match=f"cannot .* on {address}: the address is in use"):
            publisher(context, [address])


def test_an_address_of_another_machine() -> None:
    with zmq.Context() as context, pytest.raises(StartError, match="this machine has no such address"):
        publisher(context, ["tcp://192.0.2.1:5555"])


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with zmq.Context() as context, pytest.raises(StartError, match="longer than"):
        collector(context, ipc(tmp_path, "x" * 200))
    (tmp_path / ("x" * 100)).mkdir()
    with pytest.raises(StartError, match="path too long"):
        ControlSocket(tmp_path / ("x" * 100), None)


def test_ipv6() -> None:
    address = f"tcp://[::1]:{free_port()}"
    with zmq.Context() as context, publisher(context, [address]) as out, subscriber(context, address, 10) as reader:
        reader.subscribe(b"")
        assert out.poll(int(WAIT_S * 1000))


def test_guests_are_counted_when_they_come_and_go(tmp_path: Path) -> None:
    address = ipc(tmp_path, "publish")
    with zmq.Context() as context, publisher(context, [address]) as out:
        guests = ConnectionCount(out)
        assert guests.settled(0, 0.0)
        assert not guests.settled(1, 0.0)
        with subscriber(context, address, 10), subscriber(context, address, 10):
            eventually(lambda: guests.settled(2, 0.05), WAIT_S, what="two guests")
        eventually(lambda: not guests.settled(1, 0.0), WAIT_S, what="their leaving")
        guests.close()
