"""Values of receivers that are brokers, files and folders, with their checks."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from edge_daemon.config.section import Section
from edge_daemon.config.values import URL_HINT, Bytes, Duration, SecretError, resolved_path
from edge_daemon.delivery.credentials import is_content

_RATES = {"KB": 1e3, "MB": 1e6, "GB": 1e9}
RATE = r"^[0-9]{1,6}(\.[0-9]{1,3})?(KB|MB|GB)/s$"


def _addresses(value: object) -> object:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value


def _nats(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("nats", "tls", "ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(map(str.isspace, value)):
        raise SecretError("must be an address, such as tls://hub.example.org:4222")
    if parts.username or parts.password:
        raise SecretError("must not have a user or password; write them as user: and password:")
    return value


def _mqtt(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path.strip("/") or parts.query or parts.fragment or any(map(str.isspace, value)):
        raise SecretError(f"must be an address, such as mqtts://edge:${{MQTT_PASSWORD}}@10.0.0.2; {URL_HINT}")
    return value


def _version(value: object) -> str:
    if isinstance(value, bool) or str(value) not in ("5", "3.1.1"):
        raise ValueError("must be 5 or 3.1.1")
    return str(value)


def parted(address: str) -> tuple[str, str | None, str | None]:
    """An address without user and password, and these."""
    parts = urlsplit(address)
    user, password = (unquote(one) if one else None for one in (parts.username, parts.password))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", user, password


def _kafka(value: str) -> str:
    if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):[0-9]{1,5}", value):
        raise ValueError("must be a host and port, such as broker.example.org:9092")
    return value


def _credentials(value: str, info: ValidationInfo) -> str:
    return value if is_content(value) else resolved_path(value, info)


def _rate(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(RATE, value) or not float(value[:-4]):
        raise ValueError("must be a rate, such as 500KB/s or 2MB/s")
    return round(float(value[:-4]) * _RATES[value[-4:-2]])


_SERVERS: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}
NatsServers = Annotated[
    list[Annotated[str, AfterValidator(_nats)]],
    BeforeValidator(_addresses),
    Field(min_length=1),
    WithJsonSchema(_SERVERS),
]
KafkaServers = Annotated[
    list[Annotated[str, AfterValidator(_kafka)]],
    BeforeValidator(_addresses),
    Field(min_length=1),
    WithJsonSchema(_SERVERS),
]
MqttServer = Annotated[str, AfterValidator(_mqtt)]
MqttVersion = Annotated[
    Literal["5", "3.1.1"],
    BeforeValidator(_version),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$")]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Credentials = Annotated[str, AfterValidator(_credentials)]
Rate = Annotated[int, BeforeValidator(_rate), WithJsonSchema({"type": "string", "pattern": RATE})]


class Rotate(Section):
    """When a file of lines is replaced by a new one, and how many older ones stay."""

    size: Bytes = Field(default="100MB", validate_default=True)
    """Size at which a new file begins."""
    age: Duration | None = Field(default=None, examples=["1d"])
    """Periods, each with a file of its own, counted in UTC: 1d changes at midnight, 1h on the hour."""
    keep: int = Field(default=10, ge=0, le=10_000)
    """Older files that stay; the oldest go."""
