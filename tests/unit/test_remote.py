"""Models on servers, without servers: the protocol's bytes, the number of requests in flight, a server's state."""

import heapq
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.remote import grpc_protocol, http_protocol
from edge_daemon.models.remote.credit import Credit
from edge_daemon.models.remote.server import FIRST_S, IDLE_S, LONGEST_S, Server, freest
from edge_daemon.models.tensors import Metadata, declared
from edge_daemon.server_address import Address

DTYPES = st.sampled_from([np.dtype(kind) for kind in ("?", "u1", "<i2", "<i8", "<f2", "<f4", "<f8")])
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
TENSORS = st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, min_size=1, max_size=3)


def same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@given(TENSORS)
def test_tensors_survive_http(tensors: dict[str, NDArray[np.generic]]) -> None:
    head, blobs = http_protocol.request(tensors, list(tensors))
    described = json.loads(head)
    answer = json.dumps({"model_version": "3", "outputs": described["inputs"]}).encode()  # tensors are described alike
    read = http_protocol.answer(memoryview(answer + b"".join(blobs)), len(answer))
    assert read.version == "3"
    assert [one["name"] for one in described["outputs"]] == list(tensors)
    assert all(same(tensors[name], read.outputs[name]) for name in tensors)


@given(TENSORS, st.text(max_size=5))
def test_tensors_survive_grpc(tensors: dict[str, NDArray[np.generic]], version: str) -> None:
    asked = grpc_protocol.read_raw(grpc_protocol.request("m", version, tensors, list(tensors)))
    assert (asked.model, asked.version, asked.outputs) == ("m", version, list(tensors))
    answer = grpc_protocol.answer(grpc_protocol.write_raw("m", version, "7", asked.inputs, asked.raw))
    assert answer.version == version
    assert all(same(tensors[name], answer.outputs[name]) for name in tensors)


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    for read in (
        lambda: http_protocol.answer(memoryview(data), None),
        lambda: http_protocol.metadata(data),
        lambda: grpc_protocol.answer(data),
        lambda: grpc_protocol.metadata(data),
        lambda: grpc_protocol.read_raw(data),
    ):
        try:
            read()
        except ModelError:
            continue


def test_bytes_that_do_not_fit_their_shape_are_refused() -> None:
    head = b'{"outputs":[{"name":"o","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":4}}]}'
    with pytest.raises(ModelError, match="4 bytes are no FP32 tensor of 2"):
        http_protocol.answer(memoryview(head + bytes(4)), len(head))
    with pytest.raises(ModelError, match="no FP32 tensor"):
        http_protocol.answer(memoryview(head + bytes(2)), len(head))


def test_metadata_survives_grpc() -> None:
    about = Metadata(
        "m", ("1", "2"), (declared("i", "FP32", [-1, 3, 4, 4]),), (declared("o", "INT64", [5]),), "onnx", {"names": "a"}
    )
    read = grpc_protocol.metadata(grpc_protocol.write_metadata(about))
    assert (read, dict(read.properties)) == (about, {"names": "a"})


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("grpc://10.0.0.9:8001/yolox", "grpc://10.0.0.9:8001/yolox"),
        ("http://a/m", "http://a:8000/m"),
        ("https://a/b/v2/models/m/versions/3", "https://a:443/b/m/versions/3"),
        ("grpcs://[::1]:9/m", "grpcs://[::1]:9/m"),
    ],
)
def test_addresses(url: str, whole: str) -> None:
    assert str(Address.parse(url)) == whole
    assert Address.parse(whole) == Address.parse(url)


@pytest.mark.parametrize(
    "url", ["ftp://a/m", "http://a", "http://u:p@a/m", "grpc://a/b/m", "http://a:0/m", "http://a:x/m", "http:///m", "m"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        Address.parse(url)
    assert "u:p" not in str(caught.value)


class Simulated:
    """A server that takes `service_s` for a request, with `parallel` at once, at a `distance_s` there and back."""

    def __init__(self, service_s: float, distance_s: float, parallel: int, noise: list[float]) -> None:
        self.service_s, self.distance_s, self.noise = service_s, distance_s, itertools.cycle(noise)
        self.free_at = [0.0] * parallel

    def answer_at(self, sent_at: float) -> float:
        begun = max(sent_at + self.distance_s / 2, heapq.heappop(self.free_at))
        done = begun + self.service_s * next(self.noise)
        heapq.heappush(self.free_at, done)
        return done + self.distance_s / 2


@given(
    service_ms=st.floats(5, 100),
    distance_ms=st.sampled_from([0.5, 20.0, 100.0]),
    parallel=st.integers(1, 4),
    noise=st.lists(st.floats(0.7, 1.6), min_size=5, max_size=40),
)
def test_credit_keeps_a_server_busy_without_a_long_queue(
    service_ms: float, distance_ms: float, parallel: int, noise: list[float]
) -> None:
    server = Simulated(service_ms / 1e3, distance_ms / 1e3, parallel, noise)
    credit, now, flying, served = Credit(), 0.0, list[tuple[float, float, int]](), list[float]()
    until = 60.0
    while now < until:
        while len(flying) < credit.limit:
            heapq.heappush(flying, (server.answer_at(now), now, len(flying) + 1))
        now, sent_at, number = heapq.heappop(flying)
        credit.answered(now - sent_at, number, now)
        served.append(now)
    rate = sum(until / 2 < at < until for at in served) / (until / 2)
    most = parallel / (service_ms / 1e3 * sum(noise) / len(noise))
    needed = most * (distance_ms + service_ms * 2) / 1e3
    if needed < 25:  # more would need more in flight than there may be
        assert rate > 0.85 * most
        assert credit.limit <= 2.5 * needed + 8


def test_a_server_that_fails_is_tried_later_and_later() -> None:
    server, now, waits = Server("s", 5.0), 100.0, []
    for _ in range(8):
        assert server.is_due(now)
        server.tried()
        server.came_up(now)
        server.went_down("ended", now)
        before = now
        while not server.is_due(now):
            now += 0.05
        waits.append(now - before)
    assert waits[0] <= FIRST_S + 0.06
    assert waits == sorted(waits)
    assert abs(waits[-1] - LONGEST_S) < 0.1
    assert server.switches == 8


def test_the_server_with_least_in_flight_is_next() -> None:
    servers = [Server("a", 5.0), Server("b", 5.0), Server("c", 5.0)]
    assert freest(servers) is None
    for server in servers[:2]:
        server.came_up(0.0)
    servers[0].sent()
    assert freest(servers) is servers[1]
    servers[1].sent()
    assert freest(servers) is None


def test_patience_follows_the_usual_latency_within_what_is_configured() -> None:
    server = Server("s", 5.0)
    assert server.patience_s() == 2.0
    for _ in range(50):
        server.answered(0.05, server.sent(), 0.0)
    assert server.patience_s() == 0.7
    assert server.patience_s(alone=True) == 2.0
    for _ in range(50):
        server.answered(0.5, server.sent(), 0.0)
    assert 1.9 < server.patience_s() <= 2.0
    for _ in range(50):
        server.answered(3.0, server.sent(), 0.0)
    assert server.patience_s() == 5.0


def test_a_server_is_idle_a_while_after_its_last_answer_and_only_while_it_is_up() -> None:
    server = Server("s", 5.0)
    assert not server.is_idle(100.0)
    server.came_up(0.0)
    assert not server.is_idle(IDLE_S - 0.1)
    assert server.is_idle(IDLE_S)
    server.answered(0.1, server.sent(), 5.0)
    assert not server.is_idle(5.0 + IDLE_S - 0.1)
    server.sent()
    assert not server.is_idle(5.0 + IDLE_S)
    server.checked(9.0)
    assert not server.is_idle(9.0 + IDLE_S - 0.1)
    assert server.is_idle(9.0 + IDLE_S)
    server.went_down("ended", 12.0)
    assert not server.is_idle(100.0)


def test_errors_in_a_row_take_a_server_down() -> None:
    server = Server("s", 5.0)
    server.came_up(0.0)
    for _ in range(2):
        server.sent()
        server.erred(1.0)
    server.answered(0.1, server.sent(), 1.0)
    assert server.state == "up"
    for _ in range(3):
        server.sent()
        server.erred(1.0)
    assert (server.state, server.reason, server.in_flight) == ("down", "errors", 0)
