"""Requests over HTTP to a receiver: its address is checked after it was looked up, and redirects are not followed."""

import asyncio
import http.client
import ipaddress
import json
import queue
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from edge_daemon.bridge import network
from edge_daemon.bridge.receiver import Undelivered
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import HttpSettings

TIMEOUT_S = 10.0
MOST_ANSWER = 64 << 10
"""Bytes of an answer that are read."""
AGENT = "edge-daemon"
AWAY = (408, 425, 429)
"""Statuses of a receiver that is busy, not of a message that is wrong."""
NOT_US = (401, 403, 407)
"""It is this machine that is refused: no other message would be taken either."""


class Answer(NamedTuple):
    """Status, headers and the beginning of the body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """A request to a path of the receiver."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


class HttpClient:
    """Keeps up to `most` connections to the server of an address. Requests may run at the same time."""

    def __init__(self, settings: HttpSettings, most: int = 1) -> None:
        parts = urlsplit(settings.url)
        self._host, self._private = parts.hostname or "", settings.private
        self._is_tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context = _tls(settings.ca) if self._is_tls else None
        self._idle: queue.SimpleQueue[_Connection] = queue.SimpleQueue()
        self._is_closed = False

    @property
    def to(self) -> str:
        """Host and port."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    async def send(self, request: Request) -> Answer:
        """Send a request, and return the answer to it if that is a success.

        Raises:
            Undelivered: the answer is no success, or there is no answer.
        """
        connection = self._connection()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await asyncio.to_thread(self._exchange, connection, request)
        except TimeoutError:
            connection.abort()
            raise Undelivered(Failure("no answer in time")) from None
        except (OSError, http.client.HTTPException) as error:
            raise Undelivered(Failure(_why(error))) from None
        except asyncio.CancelledError:
            connection.abort()
            raise
        if not 200 <= answer.status < 300:
            raise Undelivered(failure_of(answer))
        return answer

    def close(self) -> None:
        """Close the connections; one that is in use closes itself."""
        self._is_closed = True
        while not self._idle.empty():
            self._idle.get().close()

    def _connection(self) -> "_Connection":
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return _Connection(self._host, self._port, self._context, private=self._private)

    def _exchange(self, connection: "_Connection", request: Request) -> Answer:
        """Send a request over a connection, or a new one if it was closed meanwhile; keep it if that succeeds."""
        fresh = connection.sock is None
        try:
            answer = connection.exchange(request)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            if fresh:
                raise
            answer = connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if self._is_closed:
            connection.close()
        else:
            self._idle.put(connection)
        return answer


class _Connection(http.client.HTTPConnection):
    """A connection to one of the addresses of a host, if they may be used."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, *, private: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._context, self._private = context, private
        self.default_port = 443 if context else 80

    def connect(self) -> None:
        """Connect to the first address that answers."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        error: OSError = PrivateNetwork()
        for *_, place in found:
            address = str(place[0]), int(place[1])
            if not self._private and not is_public(address[0]):
                continue
            try:
                self.sock = socket.create_connection(address, self.timeout)
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                break
            except OSError as failed:
                error = failed
        else:
            raise error
        if self._context:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def exchange(self, request: Request) -> Answer:
        """Send a request and read its answer."""
        self.request(request.method, request.path, request.body, {"User-Agent": AGENT, **request.headers})
        response = self.getresponse()
        body = response.read(MOST_ANSWER)
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(response.status, headers, body)

    def abort(self) -> None:
        """End what is under way, from another thread."""
        if self.sock:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


class PrivateNetwork(OSError):
    """The address is on a private network, which is not allowed."""


def is_public(address: str) -> bool:
    """True for an address of the internet, not of a private network, this machine or a group."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_global and not found.is_multicast


def failure_of(answer: Answer) -> Failure:
    """The failure in an answer that is no success."""
    status, after_s = answer.status, _after_s(answer)
    if 300 <= status < 400:
        return Failure(f"redirects ({status}), which is not followed: write the address that it redirects to")
    if status in NOT_US:
        return Failure(f"unauthorised ({status})", after_s=after_s)
    rejected = 400 <= status < 500 and status not in AWAY
    return Failure(_phrase(status), rejected=rejected, after_s=after_s)


def _phrase(status: int) -> str:
    try:
        return f"answers {status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return f"answers {status}"


def _after_s(answer: Answer) -> float | None:
    """The delay that an answer asks for: a number of seconds or a date in a header, or a number in its JSON."""
    value = answer.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, TypeError):
        return _after_s_in(answer.body) if answer.status == HTTPStatus.TOO_MANY_REQUESTS else None


def _after_s_in(body: bytes) -> float | None:
    try:
        found: Any = json.loads(body)
        found = found.get("retry_after") or found.get("parameters", {}).get("retry_after")
        return max(0.0, float(found)) if found else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _why(error: Exception) -> str:
    match error:
        case PrivateNetwork():
            return "private network: set private: true if it is meant"
        case http.client.HTTPException() if not isinstance(error, ConnectionError):
            return "no HTTP answer"
    return network.why(error)


def _tls(ca: str | None) -> ssl.SSLContext:
    """TLS with the authorities that this machine trusts, or those in a file."""
    return ssl.create_default_context(cafile=ca)
