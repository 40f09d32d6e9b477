"""The content that is sent of a message: itself, some of its fields, or a template with its values."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge_daemon.delivery import template
from edge_daemon.delivery.message import Message

JSON, TEXT = "application/json", "text/plain; charset=utf-8"


class Payload(NamedTuple):
    """Bytes and their media type."""

    content: bytes
    media_type: str


class Composer:
    """Makes payloads by `payload` of the settings, for the machine `box`. `links` gives the addresses of an event's
    still and clip, by the names that templates have for them.
    """

    def __init__(
        self,
        payload: tuple[str, ...] | str | Mapping[str, Any] | None,
        box: str,
        time_zone: str,
        links: Callable[[str], Mapping[str, str]] = lambda event: {},
    ) -> None:
        self._payload, self._box, self._zone, self._links = payload, box, ZoneInfo(time_zone), links

    def payload(self, message: Message) -> Payload:
        """The payload of a message."""
        match self._payload:
            case None:
                return Payload(message.body, JSON)
            case str(text):
                return Payload(self.text(text, message).encode(), TEXT)
            case tuple():
                fields = {name: message.data[name] for name in self._payload if name in message.data}
                return Payload(msgspec.json.encode(fields), JSON)
            case _:
                return Payload(msgspec.json.encode(template.fill_all(self._payload, self.values(message))), JSON)

    def text(self, text: str, message: Message) -> str:
        """A template with what it names."""
        return template.fill(text, self.values(message))

    def values(self, message: Message) -> dict[str, str]:
        """The values of names in templates."""
        links = self._links(message.event) if message.event else {}
        return message.values(self._box, self._zone) | dict(links)
