"""The ring of packets: it begins at a key frame, and is bounded by time and bytes."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.media.packets import Packet, PacketRing

packets = st.lists(st.tuples(st.booleans(), st.integers(1, 100), st.floats(0, 2)), max_size=60)


def packet(time_s: float, *, key: bool = False, size: int = 10) -> Packet:
    return Packet(data=bytes(size), size=size, key=key, arrived_s=time_s, stamp_s=time_s, time_s=time_s)


def filled(ring: PacketRing, sent: list[tuple[bool, int, float]]) -> list[Packet]:
    time_s, made = 0.0, []
    for key, size, later_s in sent:
        time_s += later_s
        made.append(packet(time_s, key=key, size=size))
        ring.add(made[-1])
    return made


@given(packets, st.floats(0, 10), st.integers(1, 1000))
def test_it_begins_at_a_key_frame_and_holds_what_it_is_for(
    sent: list[tuple[bool, int, float]], seconds: float, max_bytes: int
) -> None:
    ring = PacketRing(seconds, max_bytes)
    made = filled(ring, sent)
    held = ring.since(-1.0)
    assert held == made[len(made) - len(held) :], "the newest, without a gap"
    assert ring.bytes == sum(one.size for one in held) <= max_bytes
    assert not held or held[0].key
    keys = [one for one in held if one.key]
    if held:
        assert ring.span_s == made[-1].time_s - held[0].time_s
    if len(keys) > 1:
        assert made[-1].time_s - keys[1].time_s < seconds, "no more than one key frame longer than asked"
    wanted = [one for one in made if one.key and made[-1].time_s - one.time_s >= seconds]
    if not ring.shortened and wanted:
        assert held[0] is wanted[-1], "from the last key frame that is old enough"
    if not ring.shortened and not wanted:
        assert held == made[next((index for index, one in enumerate(made) if one.key), len(made)) :]


@given(packets, st.floats(-1, 60))
def test_what_is_asked_for_begins_at_the_key_frame_before_it(sent: list[tuple[bool, int, float]], at_s: float) -> None:
    ring = PacketRing(30.0, 1 << 20)
    filled(ring, sent)
    held, asked = ring.since(-1.0), ring.since(at_s)
    assert asked == held[len(held) - len(asked) :]
    if asked:
        assert asked[0].key
        assert asked[0] is held[0] or asked[0].time_s <= at_s
        later = [one for one in asked[1:] if one.key]
        assert not later or later[0].time_s > at_s


def test_a_group_that_is_too_large_is_let_go_as_a_whole() -> None:
    ring = PacketRing(10.0, 100)
    for index in range(12):
        ring.add(packet(index / 10, key=index == 0))
    assert ring.since(0.0) == []
    assert (ring.bytes, ring.span_s, ring.shortened) == (0, 0.0, True)
    ring.add(packet(2.0, key=True))
    assert [one.time_s for one in ring.since(0.0)] == [2.0]


def test_others_may_read_while_it_is_filled() -> None:
    ring = PacketRing(0.5, 1 << 20)
    done = threading.Event()

    def fill() -> None:
        for index in range(5000):
            ring.add(packet(index / 100, key=index % 10 == 0))
        done.set()

    writer = threading.Thread(target=fill)
    writer.start()
    while not done.is_set():
        held = ring.since(-1.0)
        assert [one.time_s for one in held] == sorted(one.time_s for one in held)
        assert not held or held[0].key
    writer.join()
