"""The best client that an inference server can have: it sends the bytes of one request again and again, several at a
time, and does not look into the answers.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any

from edge_daemon.models.remote import grpc_library, grpc_protocol, http_protocol
from edge_daemon.models.remote.connection import TENSORS
from edge_daemon.models.remote.reading import look
from edge_daemon.server_address import Address
from edge_daemon.settings import ModelSettings, RemoteSettings

AT_ONCE = (1, 2, 3, 4, 6)
TIMEOUT_S = 60.0
RAMP_S = 0.7
"""Time until a client is at work."""


class BareClient:
    """A client of the model at `url`."""

    def __init__(self, url: str) -> None:
        self._address = Address.parse(url)
        looked = look(self._address, ModelSettings(name="m", path="", remote=RemoteSettings(urls=[url])))
        identity = looked.identity
        self._version = TENSORS if TENSORS in identity.about.versions else ""
        if self._address.is_grpc:
            self._request = grpc_protocol.request("m", self._version, identity.feeds, identity.outputs)
        else:
            self._head, blobs = http_protocol.request(identity.feeds, identity.outputs)
            self._request = self._head + b"".join(blobs)
        looked.connection.close()

    @contextmanager
    def connected(self, at_once: int) -> Iterator[Callable[[float], float]]:
        """Connections for this number of requests in flight. Called with a number of seconds, it sends for these, and
        gives the answers a second.
        """
        with ExitStack() as stack:
            asks = self._grpc(stack, at_once) if self._address.is_grpc else self._http(stack, at_once)
            yield partial(_rate, asks)

    def best(self, seconds: float) -> int:
        """The number in flight with the highest rate."""
        rates = {}
        for at_once in AT_ONCE:
            with self.connected(at_once) as rate:
                rates[at_once] = rate(seconds)
        return max(rates, key=lambda at_once: rates[at_once])

    def _grpc(self, stack: ExitStack, at_once: int) -> list[Callable[[], Any]]:
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        channel = stack.enter_context(grpc_library.load().insecure_channel(self._address.place, options))
        call = channel.unary_unary(f"{grpc_protocol.SERVICE}ModelInfer")
        return [lambda: call(self._request, timeout=TIMEOUT_S)] * at_once

    def _http(self, stack: ExitStack, at_once: int) -> list[Callable[[], Any]]:
        version = f"/versions/{self._version}" if self._version else ""
        path = f"/v2/models/{self._address.model}{version}/infer"
        headers = {http_protocol.LENGTH: str(len(self._head)), "Content-Type": "application/octet-stream"}

        def ask(line: HTTPConnection) -> None:
            line.request("POST", path, self._request, headers)
            response = line.getresponse()
            body = response.read()
            assert response.status == 200, body[:300]

        lines = [HTTPConnection(self._address.host, self._address.port, timeout=TIMEOUT_S) for _ in range(at_once)]
        return [partial(ask, stack.enter_context(closing(line))) for line in lines]


def _rate(asks: Sequence[Callable[[], Any]], seconds: float) -> float:
    """Calls a second, each in a thread of its own, once all are at work."""
    counts, stop = [0] * len(asks), threading.Event()

    def run(number: int) -> None:
        while not stop.is_set():
            asks[number]()
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(asks))]
    for thread in threads:
        thread.start()
    time.sleep(RAMP_S)
    before, began = sum(counts), time.monotonic()
    time.sleep(seconds)
    counted, took_s = sum(counts) - before, time.monotonic() - began
    stop.set()
    for thread in threads:
        thread.join()
    return counted / took_s
