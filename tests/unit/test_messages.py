"""Messages round trip, and what is none is told so."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.errors import WireError
from edge_daemon.messages.accounting import Assigned
from edge_daemon.messages.codec import Decoder, encode
from edge_daemon.messages.published import utc
from edge_daemon.messages.scheduling import Announce, Sent, ToDispatcher, WorkerReady
from edge_daemon.messages.topics import RESULT, STATUS

decode: Decoder[ToDispatcher] = Decoder(ToDispatcher)


@given(st.text(), st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62))
def test_round_trip(camera: str, epoch: int, seq: int, captured_ns: int) -> None:
    message = Announce(camera=camera, epoch=epoch, seq=seq, captured_ns=captured_ns, paced=0)
    assert decode(encode(message)) == message


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@given(st.data())
def test_damage_is_a_wire_error_or_another_message(data: st.DataObject) -> None:
    whole = encode(Sent(camera="door", epoch=1, model="m", worker="m-0", inbox="ipc://x", seq=7))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WireError):
        decode(whole[:cut])
    broken = bytearray(whole)
    broken[cut] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(broken))
    except WireError:
        return


@pytest.mark.parametrize(
    "data",
    [
        msgspec.msgpack.encode({"type": "free.2", "worker": "w"}),
        msgspec.msgpack.encode({"type": "free.1", "worker": 3}),
        msgspec.msgpack.encode({"type": "free.1"}),
        encode(Assigned(camera="c", model="m", epoch=1, seq=1, dropped={})),
        b"\x91" * 5000,
    ],
)
def test_other_versions_types_and_directions(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError, match="over the limit of 10"):
        Decoder(WorkerReady, max_bytes=10)(encode(WorkerReady(worker="w" * 20, camera="c", epoch=1, seq=1)))


def test_topics_do_not_run_into_one_another() -> None:
    assert not RESULT.prefix("10").startswith(RESULT.prefix("1"))
    assert RESULT.prefix("10").startswith(RESULT.prefix())
    assert RESULT.prefixes(["1", "2"]) == {b"result/1/", b"result/2/"}
    assert RESULT.prefixes(None) == {b"result/"}
    assert STATUS.prefixes(["1", "2"]) == {STATUS.prefix("1")} == {b"status/"}, "it is not of cameras"


def test_utc() -> None:
    assert utc(1_763_808_060_123_456_789) == "2025-11-22T10:41:00.123456Z"
    assert utc(0) == "1970-01-01T00:00:00.000000Z"
