"""Subscriber for Python programs: results as objects, annotated frames as RGB arrays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec
import zmq

from edge_daemon.errors import PictureError, RequestError, WireError
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import FRAME, RESULT, STATUS, TOPICS, TYPES, Published
from edge_daemon.transport.curve import client_keys
from edge_daemon.transport.zeromq import subscriber

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DEFAULT_ADDRESS", "AnnotatedFrame", "End", "Message", "Result", "Status", "Subscriber"]
DEFAULT_ADDRESS = "tcp://127.0.0.1:5555"


@dataclass(frozen=True, eq=False)
class AnnotatedFrame:
    """An annotated frame: `result` is the result drawn in it, `jpeg` the picture as it was published."""

    result: Result
    jpeg: bytes

    @cached_property
    def rgb(self) -> "npt.NDArray[np.uint8]":
        """The decoded picture: height x width x 3, uint8, red first.

        Raises:
            PictureError: it cannot be decoded, or OpenCV is not installed.
        """
        try:
            import cv2  # large, so only when pixels are needed
            import numpy as np
        except ModuleNotFoundError as error:
            raise PictureError(f"pixels need OpenCV (pip install opencv-python); `jpeg` does not: {error}") from error
        bgr = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR) if self.jpeg else None
        if bgr is None:
            raise PictureError(f"the picture of {self.result.camera} cannot be decoded")
        return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


Message = Published | AnnotatedFrame


class Subscriber:
    """Receives what a running daemon publishes. Iterate over it, and close it (or use `with`).

    Args:
        address: address of the daemon (`publish.bind`).
        cameras: receive only these cameras; all if None.
        results, frames, status: kinds of messages to receive. Frames cost the daemon drawing and encoding.
        topics: further topics to receive, by name.
        timeout_s: longest wait for each message; None waits without limit.
        newest: skip to the newest message of each topic when this program falls behind.
        server_key: the daemon's public key, or a file with it; needed if it has one (`publish.secret_key`).
        secret_key: this program's own secret key, or a file with it; its public key is in `publish.clients`.

    Raises:
        RequestError: no kind of message is selected, or the address is not valid.
        StartError: a file contains no key, or other users may read the secret key.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        cameras: list[str] | None = None,
        results: bool = True,
        frames: bool = False,
        status: bool = False,
        topics: Iterable[str] = (),
        timeout_s: float | None = None,
        newest: bool = False,
        server_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        flags = {RESULT.name: results, FRAME.name: frames, STATUS.name: status}
        selected = dict.fromkeys([*(name for name, wanted in flags.items() if wanted), *topics])
        if unknown := [name for name in selected if name not in TOPICS]:
            raise RequestError(f"there is no topic {unknown[0]}; there are {', '.join(TOPICS)}")
        if not selected:
            raise RequestError("a subscriber must select results, frames or status")
        keys = client_keys(server_key, secret_key)
        self._timeout_ms = None if timeout_s is None else max(round(timeout_s * 1000), 0)
        self._newest = newest
        self._waiting: dict[bytes, list[bytes]] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = subscriber(self._context, address, hwm=1000, keys=keys)
        except zmq.ZMQError as error:
            self._context.term()
            raise RequestError(f"cannot subscribe at {address}: {error.strerror}") from error
        for topic in (TOPICS[name] for name in selected):
            for prefix in topic.prefixes(cameras):
                self._socket.subscribe(prefix)

    def receive(self) -> Message:
        """The next message.

        Raises:
            TimeoutError: none arrived in time.
            WireError: the message is malformed or of another version.
        """
        parts = self._receive_newest() if self._newest else self._receive_next()
        return _decode(parts)

    def __iter__(self) -> Iterator[Message]:
        """All messages from now on; ends when `timeout_s` passes without one, or when the subscriber is closed."""
        while not self._socket.closed:
            try:
                yield self.receive()
            except TimeoutError:
                return

    def close(self) -> None:
        """Stop receiving. Closing again has no effect."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive_next(self) -> list[bytes]:
        if not self._socket.poll(self._timeout_ms):
            raise TimeoutError("nothing was published in time")
        return self._socket.recv_multipart()

    def _receive_newest(self) -> list[bytes]:
        """Read all available messages, keeping the last of each topic, in order of arrival."""
        while self._socket.poll(0) or not self._waiting:
            parts = self._receive_next()
            self._waiting.pop(parts[0], None)
            self._waiting[parts[0]] = parts
        return self._waiting.pop(next(iter(self._waiting)))


def _decode(parts: list[bytes]) -> Message:
    if len(parts) < 2:
        raise WireError(f"a message of {len(parts)} parts; expected topic, header and perhaps a picture")
    try:
        kind = msgspec.json.decode(parts[1], type=_Kind)
        if kind.v != 1 or kind.type not in TYPES:
            raise WireError(f"a message of unknown version {kind.v} or type {kind.type!r}")
        message = msgspec.json.decode(parts[1], type=TYPES[kind.type])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"malformed message: {error}") from error
    if kind.type != "frame" or not isinstance(message, Result):
        return message
    if len(parts) < 3 or message.encoding is msgspec.UNSET:
        raise WireError("a frame without its picture or its encoding")
    return AnnotatedFrame(message, parts[2])


class _Kind(msgspec.Struct):
    v: int
    type: str
