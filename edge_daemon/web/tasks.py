"""Messages between the web and the processes that decode uploads. A memory file travels beside each: the body of a
request there, the pixels of its picture back (BGR, uint8, height x width x 3).
"""

import fcntl
from typing import Literal

import msgspec

from edge_daemon.messages.frames import Input

MAX_BYTES = 64 << 10
"""Maximum size of a message."""
READY = b"ready"
"""First message of the process, when it can decode."""
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
"""Seals of sent pixels: neither their values nor their number can change while they are read."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that an inference request asks for: its `id`, and tensors in order; true for those sent as bytes."""

    id: str | None = None
    binary: dict[str, bool] = {}


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Find and decode the picture in a body: a `file`, a `form` (of this Content-Type) that contains one, number
    `index` of those in `json`, or an `inference` request, of which the first `head_length` bytes are JSON, if it has
    binary tensors.

    A picture has at most `max_pixels`; `input` is the size that the model needs, if a reduced picture is enough.
    """

    kind: Literal["file", "form", "json", "inference"]
    max_pixels: int
    content_type: str = ""
    index: int = 0
    head_length: int | None = None
    input: Input | None = None


class Decoded(msgspec.Struct, frozen=True, kw_only=True, tag="decoded"):
    """A picture of `width` x `height`, whose pixels are reduced to `scaled` (width, height), if that is set. `count` is
    the number of pictures if the body has a list of them.
    """

    width: int
    height: int
    scaled: tuple[int, int] | None = None
    decode_ms: float = 0.0
    asked: Asked = Asked()
    count: int | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """There is no picture, or none that may be decoded: HTTP status, and a sentence for the sender."""

    status: int
    why: str
