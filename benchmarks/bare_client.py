"""The best client that an inference server can have: it sends the bytes of one request again and again, several at a
time, and does not look into the answers.
"""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

from edge_daemon.models.remote import grpc_library, grpc_protocol, http_protocol
from edge_daemon.models.remote.connection import TENSORS
from edge_daemon.models.remote.reading import look
from edge_daemon.server_address import Address
from edge_daemon.settings import ModelSettings, RemoteSettings

AT_ONCE = (1, 2, 3, 4, 8)
TIMEOUT_S = 60.0


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

    def rate(self, at_once: int, seconds: float) -> float:
        """Answers a second with this number of requests in flight."""
        return self._grpc(at_once, seconds) if self._address.is_grpc else self._http(at_once, seconds)

    def best(self, seconds: float) -> int:
        """The number in flight with the highest rate."""
        return max(AT_ONCE, key=lambda at_once: self.rate(at_once, seconds))

    def _grpc(self, at_once: int, seconds: float) -> float:
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        with grpc_library.load().insecure_channel(self._address.place, options) as channel:
            call = channel.unary_unary(f"{grpc_protocol.SERVICE}ModelInfer")
            return _counted(at_once, seconds, lambda: lambda: call(self._request, timeout=TIMEOUT_S))

    def _http(self, at_once: int, seconds: float) -> float:
        version = f"/versions/{self._version}" if self._version else ""
        path = f"/v2/models/{self._address.model}{version}/infer"
        headers = {http_protocol.LENGTH: str(len(self._head)), "Content-Type": "application/octet-stream"}

        def connected() -> Callable[[], Any]:
            line = http.client.HTTPConnection(self._address.host, self._address.port, timeout=TIMEOUT_S)

            def ask() -> None:
                line.request("POST", path, self._request, headers)
                response = line.getresponse()
                body = response.read()
                assert response.status == 200, body[:300]

            return ask

        return _counted(at_once, seconds, connected)


def _counted(at_once: int, seconds: float, connected: Callable[[], Callable[[], Any]]) -> float:
    """Calls a second that these threads make, each over what is `connected` for it; the first calls are not counted."""
    counts, ready = [0] * at_once, threading.Barrier(at_once + 1)

    def run(number: int) -> None:
        ask = connected()
        ask()
        ready.wait()
        while time.monotonic() < until:
            ask()
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(at_once)]
    until = time.monotonic() + 1e9
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.monotonic()
    until = began + seconds
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)
