"""The lines between the dispatcher and the others, over real sockets."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_daemon.errors import StartError
from edge_daemon.messages.codec import MAX_BYTES
from edge_daemon.transport.channel import MORE, PIECE_BYTES, Channel, pieces
from edge_daemon.transport.hub import MAX_UNSENT, Hub
from edge_daemon.transport.peer import Peer
from edge_daemon.transport.zeromq import ipc
from tests.waiting import eventually

WAIT_S = 10.0
WAIT_MS = 10_000


@pytest.fixture
def address(tmp_path: Path) -> str:
    return ipc(tmp_path, "dispatcher")


def peer(address: str, name: str) -> Peer:
    made = Peer(address, name)
    eventually(made.renewed, WAIT_S, what="a connection")
    return made


def heard(hub: Hub, count: int) -> list[tuple[str, bytes]]:
    """The next so many messages."""
    messages: list[tuple[str, bytes]] = []

    def enough() -> bool:
        hub.wait(WAIT_MS)
        messages.extend(hub.receive())
        return len(messages) >= count

    eventually(enough, WAIT_S, every_s=0)
    return messages


def answers(one: Peer) -> Iterator[bytes]:
    eventually(lambda: one.connected, WAIT_S)
    yield from one.receive(100)


def test_a_hello_is_due_after_each_connection(address: str) -> None:
    one = Peer(address, "worker-0")
    one.send(b"nobody is there")
    for _ in range(3):
        with Hub(address) as hub:
            eventually(one.renewed, WAIT_S, what="a connection")
            assert not one.renewed(), "once for each connection"
            one.send(b"hello")
            assert heard(hub, 1) == [("worker-0", b"hello")]
            hub.send("worker-0", b"welcome")
            assert list(answers(one)) == [b"welcome"]
            hub.send("worker-0", b"farewell")
        assert list(one.receive(100)) == [b"farewell"], "what was said before is still heard"
        assert not one.connected
    one.close()


def test_it_is_tried_again_soon_and_then_less_often(address: str) -> None:
    one = Peer(address, "sink")
    assert one.wait_ms(500) == 0
    assert not one.renewed()
    assert one.wait_ms(500) <= 20
    one.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(sizes=st.lists(st.sampled_from([0, 1, 300, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 1]), min_size=1))
def test_messages_stay_whole_and_in_order(address: str, sizes: list[int]) -> None:
    sent = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    with Hub(address) as hub:
        one = peer(address, "door")
        for message in sent:
            one.send(message)
            assert heard(hub, 1) == [("door", message)]
        for message in sent:
            hub.send("door", message)
        got: list[bytes] = []

        def all_there() -> bool:
            got.extend(one.receive(100))
            hub.wait(0)  # what did not fit in at once
            return len(got) == len(sent)

        eventually(all_there, WAIT_S, every_s=0)
        assert got == sent
        one.close()


def test_of_each_peer_so_many_messages_are_read_at_once(address: str) -> None:
    with Hub(address) as hub, closing(peer(address, "a")) as a, closing(peer(address, "b")) as b:
        for one in (a, b):
            one.send(b"hello")
        assert sorted(heard(hub, 2)) == [("a", b"hello"), ("b", b"hello")]
        for number in b"123":
            a.send(bytes([number]))
            b.send(bytes([number]))
        hub.wait(WAIT_MS)
        assert sorted(hub.receive(2)) == [("a", b"1"), ("a", b"2"), ("b", b"1"), ("b", b"2")]
        assert sorted(hub.receive(2)) == [("a", b"3"), ("b", b"3")]


def test_a_dispatcher_that_has_not_read_for_long_is_told_anew(address: str) -> None:
    with Hub(address) as hub:
        one = peer(address, "door")
        eventually(lambda: one.send(b"news" * 1000) or not one.connected, WAIT_S, every_s=0)  # type: ignore[func-returns-value]
        eventually(one.renewed, WAIT_S, what="another connection")
        one.send(b"hello")
        eventually(lambda: ("door", b"hello") in heard(hub, 1), WAIT_S, what="the hello", every_s=0)
        hub.send("door", b"welcome")
        assert list(answers(one)) == [b"welcome"], "it is known by its new line"
        one.close()


def test_a_peer_that_does_not_read_waits_for_nothing_and_is_hung_up_on_in_the_end(address: str) -> None:
    with Hub(address) as hub:
        slow, quick = peer(address, "slow"), peer(address, "quick")
        for one in (slow, quick):
            one.send(b"hello")
        assert len(heard(hub, 2)) == 2
        for _ in range(MAX_UNSENT // 2):
            hub.send("slow", b"news" * 50)
        hub.send("quick", b"news")
        assert list(answers(quick)) == [b"news"]
        eventually(lambda: len(list(slow.receive(100))) > 0, WAIT_S)
        for _ in range(2 * MAX_UNSENT):
            hub.send("slow", b"news" * 50)

        def lost() -> bool:
            list(slow.receive(1000))
            return not slow.connected

        eventually(lost, WAIT_S, every_s=0)
        slow.close()
        quick.close()


def test_a_later_line_of_a_name_takes_its_place(address: str) -> None:
    with Hub(address) as hub:
        before = peer(address, "m-0")
        before.send(b"hello")
        heard(hub, 1)
        after = peer(address, "m-0")
        after.send(b"hello again")
        assert heard(hub, 1) == [("m-0", b"hello again")]
        hub.send("m-0", b"welcome")
        assert list(after.receive(100)) == [b"welcome"]
        assert list(before.receive(100)) == []
        assert not before.connected
        before.close()
        after.close()


def test_a_peer_that_is_gone_is_reported_after_its_last_message(address: str) -> None:
    with Hub(address) as hub:
        events: list[str] = []
        hub.on_disconnect = events.append
        with closing(peer(address, "w")), closing(peer(address, "w")) as newer:
            newer.send(b"hello")
            assert heard(hub, 1) == [("w", b"hello")]
            assert events == [], "the older connection of a name is replaced"
            newer.send(b"last words")

        def gone() -> bool:
            hub.wait(WAIT_MS)
            events.extend(message.decode() for _, message in hub.receive())
            return "w" in events

        eventually(gone, WAIT_S, every_s=0)
        assert events == ["last words", "w"]


def test_whoever_sends_without_end_is_hung_up_on(address: str) -> None:
    with Hub(address) as hub, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(address.removeprefix("ipc://"))
        channel = Channel(caller)
        channel.send(b"endless")

        def hung_up() -> bool:
            try:
                channel.send_piece(bytes([MORE]) * PIECE_BYTES)
            except BlockingIOError:
                hub.wait(0)
                assert list(hub.receive()) == []
            except OSError:
                return True
            return False

        eventually(hung_up, WAIT_S, every_s=0)


def test_what_is_longer_than_a_message_may_be() -> None:
    assert sum(len(piece) - 1 for piece in pieces(bytes(MAX_BYTES))) == MAX_BYTES


def test_an_address_that_is_taken(address: str) -> None:
    with Hub(address), pytest.raises(StartError, match=f"cannot .* on {address}: the address is in use"):
        Hub(address)


def test_an_address_that_was_left_is_taken_over(address: str) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(address.removeprefix("ipc://"))
    left.close()
    with Hub(address) as hub:
        one = peer(address, "sink")
        one.send(b"hello")
        assert heard(hub, 1) == [("sink", b"hello")]
        one.close()


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    address = ipc(tmp_path, "x" * 200)
    with pytest.raises(StartError, match="at most 107 bytes"):
        Hub(address)
    with pytest.raises(StartError, match="at most 107 bytes"):
        Peer(address, "sink")
