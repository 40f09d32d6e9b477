"""Real sockets: who learns of whom, and what an address that cannot be had says."""

import os
from pathlib import Path

import pytest
import zmq

from edge_daemon import link
from edge_daemon.errors import ModelError, StartError
from edge_daemon.link import Exited, Failed, Finished, Link, Ready, Report, Stop
from edge_daemon.settings import DispatcherSettings
from edge_daemon.sockets import Guests, collector, ipc, of_this_process, publisher, subscriber
from edge_daemon.supervisor.control import Control
from tests.acceptance.harness import free_port
from tests.waiting import eventually

WAIT_S = 10.0


def test_an_ipc_address_of_ones_own_leaves_those_of_living_processes(tmp_path: Path) -> None:
    for name in (f"worker-0-{os.getppid()}", "worker-0-4194305", "worker-01-4194305"):  # beyond what a pid can be
        (tmp_path / name).touch()
    assert of_this_process(ipc(tmp_path, "worker-0")) == ipc(tmp_path, f"worker-0-{os.getpid()}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"worker-0-{os.getppid()}", "worker-01-4194305"]


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
        Control(tmp_path / ("x" * 100), None)


def test_ipv6() -> None:
    address = f"tcp://[::1]:{free_port()}"
    with zmq.Context() as context, publisher(context, [address]) as out, subscriber(context, address, 10) as reader:
        reader.subscribe(b"")
        assert out.poll(int(WAIT_S * 1000))


def test_guests_are_counted_when_they_come_and_go(tmp_path: Path) -> None:
    address = ipc(tmp_path, "publish")
    with zmq.Context() as context, publisher(context, [address]) as out:
        guests = Guests(out)
        assert guests.settled(0, 0.0)
        assert not guests.settled(1, 0.0)
        with subscriber(context, address, 10), subscriber(context, address, 10):
            eventually(lambda: guests.settled(2, 0.05), WAIT_S, what="two guests")
        eventually(lambda: not guests.settled(1, 0.0), WAIT_S, what="their leaving")
        guests.close()


def test_settings_and_orders_go_down_and_news_comes_up() -> None:
    ours, theirs = link.pair()
    settings = DispatcherSettings(bind="ipc://x", cameras={})
    link.send_start(ours, link.start(settings, hang_s=1.0))
    child = Link(theirs.detach())
    assert child.settings(DispatcherSettings) == settings
    assert child.rest_ms(100) == 100
    assert child.rest_ms(2000) <= 500, "it would not be heard in time"
    child.ready()
    child.beat("up", {"served": 3})
    child.beat("up", {"served": 4})
    child.beat("down")
    child.failed(ModelError("no such model"))
    child.finished()
    assert link.receive(ours) == [
        Ready(),
        Report(state="up", detail={"served": 3}),
        Report(state="down"),
        Failed(exit_code=3, sentence="no such model"),
        Finished(),
    ]
    link.send(ours, Exited(process="a", role="worker"))
    assert child.orders() == [Exited(process="a", role="worker")]
    before = child.stopping
    link.send(ours, Stop())
    assert child.orders() == [Stop()]
    assert (before, child.stopping) == (False, True)
    child.close()
    ours.close()


def test_a_child_that_dies_before_it_has_its_settings_is_gone_like_any_other() -> None:
    ours, theirs = link.pair()
    theirs.close()
    link.send_start(ours, link.start(DispatcherSettings(bind="ipc://x", cameras={})))
    assert link.receive(ours) is None
    ours.close()


def test_settings_that_cannot_be_told_are_refused() -> None:
    with pytest.raises(StartError, match="is not UTF-8"):
        link.start(DispatcherSettings(bind="ipc:///tmp/\udce9", cameras={}))
    ours, theirs = link.pair()
    with pytest.raises(StartError, match="cannot be handed over"):
        link.send_start(ours, bytes(100 << 20))
    ours.close()
    theirs.close()


def test_each_end_learns_that_the_other_is_gone() -> None:
    ours, theirs = link.pair()
    child = Link(theirs.detach())
    ours.close()
    assert child.orders() == []
    assert child.stopping
    child.ready()
    child.close()
    ours, theirs = link.pair()
    child = Link(theirs.detach())
    child.ready()
    link.send(ours, Stop())
    child.close()  # with an order that it never read, which must not cost us what it said
    assert link.receive(ours) == [Ready()]
    assert link.receive(ours) is None
    ours.close()
