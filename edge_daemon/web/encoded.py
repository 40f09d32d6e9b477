"""Pictures in JSON: `{"image": BASE64}`, or several as `{"images": [BASE64, ...]}`."""

import binascii
from typing import Annotated, Any

import msgspec

from edge_daemon.errors import RequestError
from edge_daemon.web.forms import NO_PICTURE

MOST_IMAGES = 32
"""Maximum number of pictures in a request."""
_BASE64 = {"type": "string", "contentEncoding": "base64", "description": "A picture file; data: URLs are read too"}
REQUEST: dict[str, Any] = {
    "oneOf": [
        {"type": "object", "properties": {"image": _BASE64}, "required": ["image"], "additionalProperties": False},
        {
            "type": "object",
            "properties": {"images": {"type": "array", "items": _BASE64, "minItems": 1, "maxItems": MOST_IMAGES}},
            "required": ["images"],
            "additionalProperties": False,
        },
    ]
}
"""The JSON body, for OpenAPI."""
EXPECTED = 'expected {"image": "BASE64"} or {"images": ["BASE64", ...]}'


class EncodedError(RequestError):
    """A JSON body cannot be read, or has no picture."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    image: str | None = None
    images: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST_IMAGES)] | None = None


def picture_of_json(body: memoryview, index: int) -> tuple[bytes, int | None]:
    """The bytes of picture number `index` of a JSON body, and how many are in it (None: it is one, not in a list).

    Raises:
        EncodedError: there is none.
    """
    if not body:
        raise EncodedError(NO_PICTURE)
    try:
        read = msgspec.json.decode(body, type=_Body)
        if (read.image is None) == (read.images is None):
            raise EncodedError(EXPECTED)
        if read.images is None:
            return _decoded(read.image or "", "image"), None
        return _decoded(msgspec.json.decode(read.images[index], type=str), f"images[{index}]"), len(read.images)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EncodedError(f"the JSON cannot be read: {error}; {EXPECTED}") from error


def _decoded(text: str, name: str) -> bytes:
    """The bytes in base64, or in a data: URL of them."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        picture = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise EncodedError(f"{name} is not base64: {error}") from error
    if not picture:
        raise EncodedError(f"{name} is empty")
    return picture
