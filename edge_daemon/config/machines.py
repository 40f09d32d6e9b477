"""The keys of receivers that are brokers, files and folders, with their checks."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from edge_daemon.config.section import Section
from edge_daemon.config.urls import parts_of
from edge_daemon.config.values import URL_HINT, Bytes, Duration, FilePath, SecretError, Word, resolved_path
from edge_daemon.delivery.credentials import is_content
from edge_daemon.delivery.settings import (
    AnyReceiver,
    FilesSettings,
    FolderSettings,
    KafkaSettings,
    MqttSettings,
    NatsSettings,
)

BROKERS = ("mqtt", "nats", "kafka")
MACHINES = (*BROKERS, "files", "folder")
BROKER_KEYS: dict[str, tuple[str, ...]] = {
    "certificate": BROKERS,
    "key": BROKERS,
    "user": BROKERS,
    "password": BROKERS,
    "credentials": ("nats",),
    "prefix": ("mqtt", "nats"),
    "version": ("mqtt",),
    "discovery": ("mqtt",),
    "commands": ("mqtt",),
    "stream": ("nats",),
    "domain": ("nats",),
    "topic": ("kafka",),
    "tls": ("kafka",),
    "mechanism": ("kafka",),
    "rotate": ("files",),
    "rate": ("folder",),
}
"""Keys that are for receivers of these kinds only."""
_RATES = {"KB": 1e3, "MB": 1e6, "GB": 1e9}
RATE = r"^[0-9]{1,6}(\.[0-9]{1,3})?(KB|MB|GB)/s$"


def _addresses(value: object) -> object:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value


def _nats(value: str) -> str:
    parts = parts_of(value, ("nats", "tls"), "tls://hub.example.org:4222")
    if parts.username or parts.password:
        raise SecretError("must not have a user or password; write them as user: and password:")
    return value


def _mqtt(value: str) -> str:
    example = "mqtts://edge:${MQTT_PASSWORD}@10.0.0.2"
    parts = parts_of(value, ("mqtt", "mqtts"), f"{example}; {URL_HINT}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SecretError(f"must be a host and maybe a port, such as {example}; {URL_HINT}")
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


class MachineKeys(Section):
    """The keys of receivers that are brokers, files and folders."""

    mqtt: MqttServer | None = Field(default=None, repr=False, examples=["mqtts://edge:${MQTT_PASSWORD}@10.0.0.2"])
    """Address of an MQTT broker: mqtts:// (TLS) or mqtt://. Needs pip install edge-daemon[mqtt]. See docs/mqtt.md."""
    nats: NatsServers | None = Field(default=None, examples=["tls://hub.example.org:4222"])
    """Address of a NATS server with JetStream, or several of a cluster. Needs pip install edge-daemon[nats]."""
    kafka: KafkaServers | None = Field(default=None, examples=["broker.example.org:9092"])
    """Host and port of a Kafka broker, or several, with topic. Needs pip install edge-daemon[kafka]."""
    files: FilePath | None = Field(default=None, examples=["/var/lib/edge-daemon/events.jsonl"])
    """File to which each message is appended as a line of JSON."""
    folder: FilePath | None = Field(default=None, examples=["/mnt/nas/yard-box"])
    """Folder, such as on a network drive, to which stills and clips are copied. It has to exist."""
    user: Word | None = Field(default=None, examples=["edge"])
    """User that the broker asks for."""
    password: Word | None = Field(default=None, repr=False, examples=["${BROKER_PASSWORD}"])
    """Its password."""
    credentials: Credentials | None = Field(default=None, repr=False, examples=["${NATS_CREDS}"])
    """Credentials of NATS (JWT) or the seed of an NKEY: a file, or its content as a secret."""
    certificate: FilePath | None = None
    """Certificate (PEM) of this machine, for brokers that ask for one."""
    key: FilePath | None = None
    """Its key (PEM), if that is a file of its own."""
    prefix: Prefix | None = Field(default=None, examples=["edge"])
    """First part of topics or subjects; edge if left out."""
    discovery: Literal["homeassistant"] | None = None
    """Announce cameras, with their zones, lines and rules, to Home Assistant."""
    commands: bool = False
    """Receive commands: a rule on or off, the mode, a picture."""
    version: MqttVersion = "5"
    """Version of MQTT."""
    stream: TopicName | None = Field(default=None, examples=["EDGE"])
    """Stream of JetStream; the one that has the subjects if left out."""
    domain: TopicName | None = Field(default=None, examples=["hub"])
    """Domain of JetStream, for a stream beyond a leaf node."""
    topic: TopicName | None = Field(default=None, examples=["edge"])
    """Topic of Kafka."""
    tls: bool = False
    """Encrypt the connection to Kafka; true with ca or certificate."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """SASL mechanism of user and password."""
    rotate: Rotate = Field(default_factory=Rotate)
    rate: Rate | None = Field(default=None, examples=["2MB/s"])
    """Most bytes in a second that are copied to a folder."""

    def machine(self, token: str | None, ca: str | None) -> AnyReceiver:
        """The receiver, with keys that others have too."""
        if self.files is not None:
            rotate = self.rotate
            return FilesSettings(path=self.files, size_bytes=rotate.size, age_s=rotate.age, keep=rotate.keep)
        if self.folder is not None:
            return FolderSettings(path=self.folder, rate=self.rate)
        shown = {name: getattr(self, name) for name in ("user", "password", "certificate", "key")}
        shown["ca"] = ca
        if self.kafka is not None:
            topic = self.topic or ""
            return KafkaSettings(
                servers=tuple(self.kafka), topic=topic, tls=self.tls, mechanism=self.mechanism, **shown
            )
        if self.mqtt is not None:
            server, user, password = parted(self.mqtt)
            own = {"user": user or self.user, "password": password or self.password}
            return MqttSettings(
                servers=(server,),
                version=self.version,
                prefix=self.prefix or "edge",
                discovery=self.discovery is not None,
                commands=self.commands,
                **(shown | own),
            )
        return NatsSettings(
            servers=tuple(self.nats or ()),
            token=token,
            credentials=self.credentials,
            prefix=self.prefix or "edge",
            stream=self.stream,
            domain=self.domain,
            **shown,
        )
