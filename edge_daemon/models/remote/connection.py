"""A connection to a model on a server, over HTTP or gRPC: blocking calls, each with a deadline."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from edge_daemon.errors import ModelError
from edge_daemon.models.remote import grpc_library, grpc_protocol, http_protocol
from edge_daemon.models.tensors import LARGEST, Answer, Arrays, Metadata
from edge_daemon.server_address import Address
from edge_daemon.settings import RemoteSettings

TENSORS = "tensors"
"""The version of an edge-daemon's model that takes its own input tensor."""
CONNECT_S = 2.0
"""Longest time to connect."""
CLOSED = (ConnectionError, http.client.CannotSendRequest, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What the end of a connection looks like."""
WORDS = {401: "unauthorised", 403: "unauthorised", 404: "not found", 429: "busy", 502: "not ready", 503: "not ready"}


class AwayError(ModelError):
    """The server cannot be asked now; `reason` is why, in a word or two."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Connection(Protocol):
    """A model on a server. Threads may share it."""

    def metadata(self, timeout_s: float) -> Metadata:
        """What the server says of the model.

        Raises:
            AwayError: there is no answer.
            ModelError: the answer is malformed.
        """

    def infer(self, feeds: Arrays, outputs: Sequence[str], timeout_s: float) -> Answer:
        """These outputs for `feeds` (arrays of any shape and type).

        Raises:
            AwayError: there is no answer in time.
            ModelError: the model failed, or the answer is malformed.
        """

    def close(self) -> None:
        """Close it."""


def connect(address: Address, settings: RemoteSettings) -> Connection:
    """A connection to a server, which is made with the first call.

    Raises:
        ModelError: a library or a file that it needs is missing.
    """
    return GrpcConnection(address, settings) if address.is_grpc else HttpConnection(address, settings)


class HttpConnection:
    """HTTP/1.1 with binary tensors; each thread has a connection of its own, which stays open.

    Raises:
        ModelError: a file with certificates cannot be read.
    """

    def __init__(self, address: Address, settings: RemoteSettings) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        self._tls = _context(settings) if address.is_encrypted else None
        self._version = address.version
        self._local = threading.local()
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = False

    @property
    def _path(self) -> str:
        version = f"/versions/{self._version}" if self._version else ""
        return f"{self._address.prefix}/v2/models/{self._address.model}{version}"

    def metadata(self, timeout_s: float) -> Metadata:
        """See `Connection.metadata`; of another edge-daemon, the description of the model's own tensors.

        Raises:
            AwayError: there is no answer.
            ModelError: the answer is malformed.
        """
        until = time.monotonic() + timeout_s
        about = http_protocol.metadata(bytes(self._ask("GET", self._path, timeout_s)[0]))
        if TENSORS in about.versions and not self._version:
            self._version = TENSORS
            about = http_protocol.metadata(bytes(self._ask("GET", self._path, until - time.monotonic())[0]))
        try:
            self._ask("GET", f"{self._path}/ready", until - time.monotonic())
        except AwayError:
            raise
        except ModelError as error:  # with whatever status a server says so
            raise AwayError(f"{self._address.place} has a model {about.name} that is not ready", "not ready") from error
        return about

    def infer(self, feeds: Arrays, outputs: Sequence[str], timeout_s: float) -> Answer:
        """See `Connection.infer` (arrays of any shape and type).

        Raises:
            AwayError: there is no answer in time.
            ModelError: the model failed, or the answer is malformed.
        """
        head, blobs = http_protocol.request(feeds, outputs)
        body, length = self._ask("POST", f"{self._path}/infer", timeout_s, [head, *blobs])
        return http_protocol.answer(body, length)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._closed = True
        for line in list(self._open):
            _shut(line)

    def _ask(
        self, method: str, path: str, timeout_s: float, body: Sequence[bytes | memoryview] = ()
    ) -> tuple[memoryview, int | None]:
        """Body of the answer, and the length of its JSON if tensors follow.

        A connection that the server has closed meanwhile is made again once.
        """
        until = time.monotonic() + timeout_s
        reused = getattr(self._local, "line", None) is not None
        try:
            try:
                return self._exchange(method, path, until, body)
            except CLOSED:
                self._drop()
                if not reused or self._closed:
                    raise
                return self._exchange(method, path, until, body)
        except AwayError:
            self._drop()
            raise
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise away(self._address, error) from error

    def _exchange(
        self, method: str, path: str, until: float, body: Sequence[bytes | memoryview]
    ) -> tuple[memoryview, int | None]:
        line = self._line(until)
        line.putrequest(method, path)
        for name, value in self._headers.items():
            line.putheader(name, value)
        if body:
            line.putheader("Content-Type", "application/octet-stream")
            line.putheader(http_protocol.LENGTH, str(len(body[0])))
            line.putheader("Content-Length", str(sum(len(one) for one in body)))
        line.endheaders(body[0] if body else None)
        for blob in body[1:]:
            self._wait_until(line, until)
            line.send(blob)
        self._wait_until(line, until)
        response = line.getresponse()
        data = self._read(line, response, until)
        if response.will_close:
            self._drop()
        if response.status != 200:
            raise _refused(self._address, response.status, bytes(data))
        length = response.headers.get(http_protocol.LENGTH)
        return data, int(length) if length and length.isdecimal() else None

    def _read(self, line: http.client.HTTPConnection, response: http.client.HTTPResponse, until: float) -> memoryview:
        expected = response.length
        if expected is None:
            return memoryview(response.read(LARGEST))
        if expected > LARGEST:
            raise ModelError(f"its answer of {expected} bytes is too long")
        data, at = memoryview(bytearray(expected)), 0
        while at < expected:
            self._wait_until(line, until)
            count = response.readinto(data[at:])
            if not count:
                raise ConnectionResetError("the answer ended early")
            at += count
        response.read()
        return data

    def _line(self, until: float) -> http.client.HTTPConnection:
        """This thread's connection."""
        line: http.client.HTTPConnection | None = getattr(self._local, "line", None)
        if line is None:
            left = min(CONNECT_S, max(until - time.monotonic(), 0.001))
            host, port = self._address.host, self._address.port
            if self._tls:
                line = http.client.HTTPSConnection(host, port, timeout=left, context=self._tls)
            else:
                line = http.client.HTTPConnection(host, port, timeout=left)
            line.connect()
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._local.line = line
            self._open.add(line)
        self._wait_until(line, until)
        return line

    @staticmethod
    def _wait_until(line: http.client.HTTPConnection, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if line.sock:
            line.sock.settimeout(left)

    def _drop(self) -> None:
        if line := getattr(self._local, "line", None):
            self._local.line = None
            self._open.discard(line)
            line.close()


def _shut(line: http.client.HTTPConnection) -> None:
    """End a connection that another thread may be waiting at."""
    with suppress(OSError):
        if line.sock:
            line.sock.shutdown(socket.SHUT_RDWR)
    line.close()


class GrpcConnection:
    """gRPC; all threads share a channel.

    Raises:
        ModelError: gRPC is not installed, or a file with certificates cannot be read.
    """

    def __init__(self, address: Address, settings: RemoteSettings) -> None:
        try:
            grpc = grpc_library.load()
        except ModuleNotFoundError as error:
            raise ModelError(grpc_library.MISSING) from error
        self._address, self._grpc = address, grpc
        self._metadata = [("authorization", f"Bearer {settings.token}")] if settings.token else []
        self._version = address.version
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", LARGEST),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if address.is_encrypted:
            roots, key, chain = (_content(file) for file in (settings.ca, settings.key, settings.certificate))
            self._channel = grpc.secure_channel(address.place, grpc.ssl_channel_credentials(roots, key, chain), options)
        else:
            self._channel = grpc.insecure_channel(address.place, options)
        self._calls = {
            name: self._channel.unary_unary(f"{grpc_protocol.SERVICE}{name}")
            for name in ("ModelMetadata", "ModelReady", "ModelInfer")
        }

    def metadata(self, timeout_s: float) -> Metadata:
        """See `Connection.metadata`; of another edge-daemon, the description of the model's own tensors.

        Raises:
            AwayError: there is no answer.
            ModelError: the answer is malformed.
        """
        until = time.monotonic() + timeout_s
        about = grpc_protocol.metadata(self._ask("ModelMetadata", self._named(), timeout_s))
        if TENSORS in about.versions and not self._version:
            self._version = TENSORS
            about = grpc_protocol.metadata(self._ask("ModelMetadata", self._named(), until - time.monotonic()))
        if not grpc_protocol.flag(self._ask("ModelReady", self._named(), until - time.monotonic())):
            raise AwayError(f"{self._address.place} has model {self._address.model}, which is not ready", "not ready")
        return about

    def infer(self, feeds: Arrays, outputs: Sequence[str], timeout_s: float) -> Answer:
        """See `Connection.infer` (arrays of any shape and type).

        Raises:
            AwayError: there is no answer in time.
            ModelError: the model failed, or the answer is malformed.
        """
        message = grpc_protocol.request(self._address.model, self._version, feeds, outputs)
        return grpc_protocol.answer(self._ask("ModelInfer", message, timeout_s))

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _named(self) -> bytes:
        return grpc_protocol.named(self._address.model, self._version)

    def _ask(self, call: str, message: bytes, timeout_s: float) -> bytes:
        try:
            answer: bytes = self._calls[call](message, timeout=max(timeout_s, 0.001), metadata=self._metadata)
        except self._grpc.RpcError as error:
            raise self._error(error) from error
        except ValueError as error:  # the channel is closed
            raise AwayError(f"the connection to {self._address.place} is closed", "closed") from error
        return answer

    def _error(self, error: Any) -> ModelError:
        codes, details = self._grpc.StatusCode, (error.details() or "")[:300]
        words = {
            codes.UNAVAILABLE: _word_in(details, "ended"),
            codes.DEADLINE_EXCEEDED: "timeout",
            codes.CANCELLED: "closed",
            codes.UNAUTHENTICATED: "unauthorised",
            codes.PERMISSION_DENIED: "unauthorised",
            codes.NOT_FOUND: "not found",
            codes.UNIMPLEMENTED: "not found",
            codes.RESOURCE_EXHAUSTED: "busy",
        }
        if word := words.get(error.code()):
            return AwayError(f"{self._address.place}: {word}: {details}", word)
        if "unknown model" in details or "not found" in details.lower():  # Triton's and KServe's word for it
            return AwayError(f"{self._address.place}: {details}", "not found")
        return ModelError(f"{self._address.place} answers: {details or error.code().name}")


SIGNS = (
    ("expired", "certificate expired"),
    ("wrong_version_number", "no TLS"),
    ("certificate", "no trusted certificate"),
    ("ssl", "no trusted certificate"),
    ("handshake", "no trusted certificate"),
    ("refused", "refused"),
    ("unreachable", "unreachable"),
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("resolv", "unknown host"),
    ("parsing http/2", "no gRPC"),
    ("not ready", "not ready"),
)
"""Reasons by what is found, first of all, in the text of a failed connection."""


def _word_in(text: str, otherwise: str) -> str:
    """The reason in the text of a failed connection."""
    lowered = text.lower()
    return next((word for sign, word in SIGNS if sign in lowered), otherwise)


def away(address: Address, error: Exception) -> AwayError:
    """A failed exchange as an error that says why."""
    match error:
        case ConnectionRefusedError():
            word = "refused"
        case http.client.BadStatusLine() if not isinstance(error, ConnectionError):
            return AwayError(f"{address.place} answers, but not in HTTP: for gRPC write grpc://", "no HTTP")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionError() | http.client.HTTPException():
            word = "ended"
        case ssl.SSLError():
            word = _word_in(str(error), "no trusted certificate")
        case TimeoutError():
            word = "timeout"
        case socket.gaierror():
            word = "unknown host"
        case _:
            word = "unreachable"
    details = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return AwayError(f"{address.place}: {word}{f' ({details})' if details and word != 'refused' else ''}", word)


def _refused(address: Address, status: int, body: bytes) -> ModelError:
    said = http_protocol.error_in(body) or f"HTTP status {status}"
    if word := WORDS.get(status):
        return AwayError(f"{address.place}: {said}", word)
    return ModelError(f"{address.place} answers: {said}")


def _context(settings: RemoteSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        raise ModelError(f"cannot read its certificates: {error.strerror or error}") from error
    return context


def _content(file: str | None) -> bytes | None:
    try:
        if file is None:
            return None
        return Path(file).read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror}") from error
