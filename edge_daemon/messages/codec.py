"""Encodes and decodes messages; one error for everything that is malformed."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from edge_daemon.errors import WireError

MAX_BYTES = 4 << 20
"""Maximum size of a message without its picture."""
M = TypeVar("M")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message between two processes of the daemon."""


class Decoder(Generic[M]):
    """Decodes the messages of one direction; anything else raises WireError, and is counted in `rejected`."""

    def __init__(self, kind: Any, *, max_bytes: int = MAX_BYTES) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._max_bytes = max_bytes
        self.rejected = 0

    def __call__(self, data: bytes | memoryview) -> M:
        """Decode the message in `data`.

        Raises:
            WireError: it is malformed, too large, or of an unexpected kind or version.
        """
        if len(data) > self._max_bytes:
            raise self.reject(f"a message of {len(data)} bytes is over the limit of {self._max_bytes}")
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.reject(f"malformed or unexpected message: {error}") from error

    def reject(self, why: str) -> WireError:
        """Count a message that cannot be used, and return the error that explains it."""
        self.rejected += 1
        return WireError(why)


_encoder = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """Encode one message."""
    return _encoder.encode(message)


def pack(messages: Sequence[Message]) -> bytes:
    """Encode several messages as one packet; a decoder of lists reads it."""
    return _encoder.encode(messages)
