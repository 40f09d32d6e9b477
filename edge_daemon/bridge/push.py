"""Messages to people, by one of the services in `delivery/presets.py`."""

import base64
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_daemon.bridge.http import HttpClient, Request
from edge_daemon.bridge.receiver import Context, Receiver
from edge_daemon.bridge.webhook import Part, form
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import JSON, TEXT, Payload
from edge_daemon.delivery.presets import PRESETS, Shape, escaped, filled
from edge_daemon.delivery.settings import PushSettings
from edge_daemon.store.media import ENDINGS

STILL = "still.jpg"


def connect(settings: PushSettings, context: Context) -> "Push":
    """The receiver of a bridge."""
    return Push(settings, context)


class Push(Receiver):
    """Sends a message in a request."""

    def __init__(self, settings: PushSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._preset = PRESETS[settings.preset]
        self._client = HttpClient(settings)
        self.to = self._client.to
        links = context.settings.links is not None and self._preset.linked is not None
        self.shows_stills = settings.still and (links or self._preset.pictured is not None)

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Send one request."""
        (message,) = messages
        picture = picture_of(message.still, self._preset.most_bytes) if self.shows_stills else None
        payload, request = self._request(message, self._shape(message, picture), picture)
        path = f"{self._client.path.rstrip('/')}{request.path}" if request.path else self._client.path
        headers = {name: header(text) for name, text in request.headers.items()}
        headers["Content-Type"] = payload.media_type
        await self._client.send(Request(path, payload.content, headers, request.method))

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _shape(self, message: Message, picture: bytes | None) -> Shape:
        """What a request looks like, with the picture if there is one."""
        with_picture = self._preset.pictured or (self._preset.linked if message.event else None)
        return with_picture if picture and with_picture else self._preset.plain

    def _request(self, message: Message, shape: Shape, picture: bytes | None) -> tuple[Payload, Shape]:
        """The body of a request, and its shape with all that it names."""
        composer, settings = self._context.composer, self._settings
        title, text = (escaped(composer.text(one, message), self._preset) for one in (settings.title, settings.text))
        known = {"title": title, "text": text, "to": settings.to, "token": settings.token}
        request = filled(shape, known | {"still": composer.text("{still}", message)})
        still = [Part(shape.part, Payload(picture, "image/jpeg"), STILL)] if picture else []
        match shape.encoding:
            case "json":
                return Payload(msgspec.json.encode(request.fields), JSON), request
            case "text":
                return Payload(text.encode(), TEXT), request
            case "file":
                return Payload(picture or b"", "image/jpeg"), request
            case "json-form":
                head = Part(shape.json_part, Payload(msgspec.json.encode(request.fields), JSON))
                return form([head, *still]), request
            case "form":
                fields = [Part(name, Payload(str(value).encode(), TEXT)) for name, value in request.fields.items()]
                return form([*fields, *still]), request


def header(text: str) -> str:
    """A text as the value of a header: as it is, or encoded after RFC 2047."""
    if text.isascii() and text.isprintable() and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def picture_of(still: Path | None, most_bytes: int) -> bytes | None:
    """The bytes of a still, or of the small one if it is too large; None if there is no file."""
    small = still.with_name(still.name.replace(ENDINGS["still"], ENDINGS["small"])) if still else None
    for path in (still, small):
        try:
            if path and len(content := path.read_bytes()) <= most_bytes:
                return content
        except OSError:
            continue
    return None
