"""Services that bring messages to people: for each, the requests that it takes, with and without a picture.

In addresses, fields and headers, `{title}`, `{text}`, `{to}` (whom a message is for), `{token}` and `{still}` (the
address of the picture) are filled in.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

Encoding = Literal["json", "form", "json-form", "text", "file"]
"""JSON; a form; a form whose first part is JSON; the text itself; or the picture itself, with the text in headers."""


class Shape(NamedTuple):
    """A request: its path below the service's address, how it is encoded, and what it contains.

    `part` is the name of the part of a form that has the picture, `json_part` of the one that has the fields.
    """

    path: str
    encoding: Encoding
    fields: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    method: str = "POST"
    part: str = ""
    json_part: str = ""


class Preset(NamedTuple):
    """A service: its usual address (none: everybody has an own one), what its requests look like without and with a
    picture (None: it takes none), the most characters of a text, and bytes of a picture. `escaped` are characters that
    mean something to it. `linked` is for a service that takes a picture by its address only.
    """

    server: str
    plain: Shape
    pictured: Shape | None
    most_characters: int
    most_bytes: int = 5_000_000
    escaped: Mapping[str, str] = {}
    linked: Shape | None = None


_GOTIFY = {"title": "{title}", "message": "{text}", "priority": 5}
_GOTIFY_STILL = {"client::notification": {"bigImageUrl": "{still}", "click": {"url": "{still}"}}}
_SLACK = {"text": "{title}\n{text}", "mrkdwn": False}
_SLACK_BLOCKS = [
    {"type": "section", "text": {"type": "plain_text", "text": "{title}\n{text}", "emoji": False}},
    {"type": "image", "image_url": "{still}", "alt_text": "{title}"},
]
_DISCORD = {"content": "**{title}**\n{text}", "allowed_mentions": {"parse": []}}
_NTFY = {"Title": "{title}", "Authorization": "Bearer {token}"}
_MARKDOWN = {character: f"\\{character}" for character in "\\*_~`|>[]"}
PRESETS: dict[str, Preset] = {
    "ntfy": Preset(
        "",
        Shape("", "text", headers=_NTFY),
        Shape("", "file", headers=_NTFY | {"Message": "{text}", "Filename": "still.jpg"}, method="PUT"),
        most_characters=1000,
    ),
    "telegram": Preset(
        "https://api.telegram.org",
        Shape("/bot{token}/sendMessage", "json", {"chat_id": "{to}", "text": "{title}\n{text}"}),
        Shape("/bot{token}/sendPhoto", "form", {"chat_id": "{to}", "caption": "{title}\n{text}"}, part="photo"),
        most_characters=1000,
    ),
    "pushover": Preset(
        "https://api.pushover.net",
        Shape(
            "/1/messages.json", "form", {"token": "{token}", "user": "{to}", "title": "{title}", "message": "{text}"}
        ),
        Shape(
            "/1/messages.json",
            "form",
            {"token": "{token}", "user": "{to}", "title": "{title}", "message": "{text}"},
            part="attachment",
        ),
        most_characters=1000,
    ),
    "gotify": Preset(
        "",
        Shape("/message", "json", _GOTIFY, {"X-Gotify-Key": "{token}"}),
        None,
        most_characters=4000,
        linked=Shape("/message", "json", _GOTIFY | {"extras": _GOTIFY_STILL}, {"X-Gotify-Key": "{token}"}),
    ),
    "discord": Preset(
        "",
        Shape("", "json", _DISCORD),
        Shape("", "json-form", _DISCORD, part="files[0]", json_part="payload_json"),
        most_characters=1800,
        escaped=_MARKDOWN,
    ),
    "slack": Preset(
        "",
        Shape("", "json", _SLACK),
        None,
        most_characters=1400,
        escaped={"&": "&amp;", "<": "&lt;", ">": "&gt;"},
        linked=Shape("", "json", _SLACK | {"blocks": _SLACK_BLOCKS}),
    ),
}
"""By the key in the configuration."""
NEED_TOKEN = ("telegram", "pushover", "gotify")
WITH_LINKS = tuple(name for name, preset in PRESETS.items() if preset.linked)
"""Those that fetch a picture from its address."""
SECRET_ADDRESS = ("discord", "slack", "pushover")
"""Those whose address, or user, is a secret itself."""


def filled(shape: Shape, values: Mapping[str, str]) -> Shape:
    """A request with what it names; headers with a value that there is not are left out."""
    headers = {
        name: _fill(text, values) for name, text in shape.headers.items() if "{token}" not in text or values["token"]
    }
    quoted = {name: quote(value, safe=":") for name, value in values.items()}
    return shape._replace(path=_fill(shape.path, quoted), fields=_fill_all(shape.fields, values), headers=headers)


def escaped(text: str, preset: Preset) -> str:
    """A text with the characters escaped that mean something to the service, and not too long."""
    short = text if len(text) <= preset.most_characters else f"{text[: preset.most_characters - 1]}…"
    return "".join(preset.escaped.get(character, character) for character in short)


def _fill(text: str, values: Mapping[str, str]) -> str:
    head, *rest = text.split("{")
    pieces = [(values[name], tail) for name, _, tail in (piece.partition("}") for piece in rest)]
    return head + "".join(value + tail for value, tail in pieces)


def _fill_all(value: Any, values: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _fill(value, values)
        case dict():
            return {key: _fill_all(item, values) for key, item in value.items()}
        case list():
            return [_fill_all(item, values) for item in value]
    return value
