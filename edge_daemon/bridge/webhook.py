"""A webhook: requests after the Standard Webhooks specification, with the attributes of CloudEvents as headers.

Several messages in one request (`batch`) are a batch of CloudEvents in JSON. With `still`, the request is a form with
two parts: the JSON first, then the picture.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from edge_daemon.bridge.http import TIMEOUT_S, HttpClient, Request
from edge_daemon.bridge.receiver import Context, Receiver
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import JSON, Payload
from edge_daemon.delivery.settings import WebhookSettings
from edge_daemon.delivery.signature import key_of, signature

BATCH = "application/cloudevents-batch+json"
MOST_BATCH = 500
SOURCE = "/edge-daemon"


def connect(settings: WebhookSettings, context: Context) -> "Webhook":
    """The receiver of a bridge."""
    return Webhook(settings, context)


class Webhook(Receiver):
    """Sends a message, or a batch of them, in a request; each is acknowledged by a status from 200 to 299."""

    batch = MOST_BATCH
    timeout_s = 3 * TIMEOUT_S

    def __init__(self, settings: WebhookSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._client = HttpClient(settings)
        self._key = key_of(settings.secret) if settings.secret else None
        self.to, self.lanes, self.shows_stills = self._client.to, settings.in_flight, settings.still
        if settings.still:
            self.batch = 1

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Send one request."""
        if len(messages) > 1 or self._context.settings.batch > 1:
            id = f"{messages[0].id}-{messages[-1].id.rpartition(':')[2]}"
            payload, headers = self._batch(messages), dict[str, str]()
        else:
            (message,) = messages
            id, headers = message.id, {f"ce-{name}": quote(value, _PLAIN) for name, value in self._about(message)}
            payload = self._context.composer.payload(message)
            if self._settings.still and (still := picture(message.still)):
                payload = form([Part("event", payload), Part("still", Payload(still, "image/jpeg"), "still.jpg")])
        headers |= {"Content-Type": payload.media_type, "Webhook-Id": id}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        at = int(time.time())
        headers["Webhook-Timestamp"] = str(at)
        if self._key is not None:
            headers["Webhook-Signature"] = signature(self._key, id, at, payload.content)
        await self._client.send(Request(self._client.path, payload.content, headers))

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _about(self, message: Message) -> list[tuple[str, str]]:
        """The attributes of a message as a CloudEvent."""
        box = quote(self._context.settings.box, safe="")
        of_camera = f"/camera/{quote(message.camera, safe='')}" if message.camera else ""
        return [
            ("specversion", "1.0"),
            ("id", message.id),
            ("source", f"{SOURCE}/{box}{of_camera}"),
            ("type", f"edge-daemon.{message.type}{'.' + phase if (phase := message.data.get('phase')) else ''}"),
            ("time", message.at),
            *([("subject", message.rule)] if message.rule else []),
        ]

    def _batch(self, messages: Sequence[Message]) -> Payload:
        events = list[Mapping[str, Any]]()
        for message in messages:
            payload = self._context.composer.payload(message)
            is_json = payload.media_type == JSON
            data: object = msgspec.Raw(payload.content) if is_json else payload.content.decode()
            events.append(dict(self._about(message)) | {"datacontenttype": payload.media_type, "data": data})
        return Payload(msgspec.json.encode(events), BATCH)


_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""Characters that the values of CloudEvents headers have as they are; all others are percent-encoded."""


class Part(NamedTuple):
    """A part of a form; one with a file name is a file."""

    name: str
    payload: Payload
    file: str = ""


def form(parts: Sequence[Part]) -> Payload:
    """A form with parts (multipart/form-data)."""
    boundary = secrets.token_hex(16)
    lines = list[bytes]()
    for part in parts:
        named = f'; filename="{part.file}"' if part.file else ""
        head = f'Content-Disposition: form-data; name="{part.name}"{named}\r\nContent-Type: {part.payload.media_type}'
        lines.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + part.payload.content + b"\r\n")
    content = b"".join([*lines, f"--{boundary}--\r\n".encode()])
    return Payload(content, f"multipart/form-data; boundary={boundary}")


def picture(path: Path | None) -> bytes | None:
    """The bytes of a still; None if there is none, or not any more."""
    try:
        return path.read_bytes() if path else None
    except OSError:
        return None
