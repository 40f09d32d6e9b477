"""Settings of the bridges, each of which delivers to one receiver.

To add a kind of receiver: define its settings here, list them in `AnyReceiver`, add its keys to `config/deliver.py`,
and write the module `edge_daemon/bridge/KIND.py` with its `connect` (see `bridge/receiver.py`).
"""

from typing import Any, Literal

import msgspec

from edge_daemon.messages.events import Phase
from edge_daemon.settings import StorageSettings

Sent = Literal["events", "tracks", "counts", "status", "results"]
STORED: dict[Sent, str] = {"events": "event", "tracks": "track", "counts": "counts"}
"""Messages that come from the store, and the type of its messages; the rest is what is published at present."""


class SelectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are delivered: of these cameras; of events, those of these rules and phases, with one of these
    classes, or only alerts. None: all.
    """

    cameras: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    phases: tuple[Phase, ...] | None = None
    alerts: bool = False


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """At most `count` messages in `per_s`."""

    count: int
    per_s: float


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The address at which the page is reached from outside, and the folder `state` with the key of signed links."""

    url: str
    state: str


class ReceiverSettings(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A receiver."""


class HttpSettings(ReceiverSettings, frozen=True, kw_only=True):
    """An address, a file of certificates to accept from it, and if it may be on a private network."""

    url: str
    ca: str | None = None
    private: bool = False


class WebhookSettings(HttpSettings, frozen=True, kw_only=True, tag="webhook"):
    """A webhook: the secret of its signatures, a bearer token, the requests that may be under way, and if the still
    goes along.
    """

    secret: str | None = None
    token: str | None = None
    in_flight: int = 4
    still: bool = False


SUBJECT, SUMMARY = "{subject}", "{summary}"
"""Usual templates of what people are sent."""


class PushSettings(HttpSettings, frozen=True, kw_only=True, tag="push"):
    """A service in `delivery/presets.py`, whom its messages are for, and templates of their title and text."""

    preset: str
    to: str = ""
    token: str = ""
    title: str = SUBJECT
    text: str = SUMMARY
    still: bool = True


class MailSettings(ReceiverSettings, frozen=True, kw_only=True, tag="mail"):
    """An address of a mail server (smtps:// or smtp://), with user and password, and whom mails are from and for."""

    server: str
    sender: str
    to: tuple[str, ...]
    ca: str | None = None
    title: str = SUBJECT
    text: str = SUMMARY
    still: bool = True


class BrokerSettings(ReceiverSettings, frozen=True, kw_only=True):
    """A broker: its addresses, certificates to accept from it, and a certificate with its key to show it; files."""

    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class MqttSettings(BrokerSettings, frozen=True, kw_only=True, tag="mqtt"):
    """A broker (mqtt:// or mqtts://), the version of MQTT, and the first level of topics. With `discovery`, the box is
    announced to Home Assistant; it may take `commands`. `stills` are the cameras whose last still is shown.
    """

    version: Literal["5", "3.1.1"] = "5"
    prefix: str = "edge"
    discovery: bool = False
    commands: bool = False
    stills: tuple[str, ...] = ()


class NatsSettings(BrokerSettings, frozen=True, kw_only=True, tag="nats"):
    """NATS servers, and what to show them: a token, or the content or path of a file of credentials or of a seed.
    Subjects begin with `prefix`; `stream` and `domain` are those of JetStream, if they are not found by the subjects.
    """

    token: str | None = None
    credentials: str | None = None
    prefix: str = "edge"
    stream: str | None = None
    domain: str | None = None


class KafkaSettings(BrokerSettings, frozen=True, kw_only=True, tag="kafka"):
    """Kafka brokers and a topic; with `user`, the SASL mechanism."""

    topic: str
    tls: bool = False
    mechanism: str = "SCRAM-SHA-512"


class FilesSettings(ReceiverSettings, frozen=True, kw_only=True, tag="files"):
    """A file of lines. It is replaced by a new one at `size_bytes`, or when a period of `age_s` is over; `keep` older
    ones stay.
    """

    path: str
    size_bytes: int
    age_s: float | None
    keep: int


class FolderSettings(ReceiverSettings, frozen=True, kw_only=True, tag="folder"):
    """A folder for copies of stills and clips, which are made at a `rate` in bytes per second."""

    path: str
    rate: int | None = None


AnyReceiver = (
    WebhookSettings
    | PushSettings
    | MailSettings
    | MqttSettings
    | NatsSettings
    | KafkaSettings
    | FilesSettings
    | FolderSettings
)


class PlacesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera has that states are about: zones, lines and rules; `troubles` are the rules about states of the
    camera or the machine.
    """

    zones: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver of a bridge, and the messages that it delivers.

    It reads from `storage` and learns from the `recorder` that there is something new; what is not stored comes from
    the address `published`. A new receiver begins with what happened from `begun_at` on (UTC; empty: from now on),
    unless it is to begin at the beginning. With `every_s`, events that follow one another sooner are summarised.
    `payload` are the names of fields, a template of a text, or a mapping with such templates; None is the message
    itself. `stills` are the cameras of whose events there are stills. `during` are ranges of local time in which it
    delivers. Receivers that show states have the `places` of each camera, and the `modes`. `links` to
    stills and clips can be made if the page is reached from outside.
    """

    name: str
    kind: str = ""
    receiver: AnyReceiver
    send: tuple[Sent, ...] = ("events",)
    selection: SelectionSettings = SelectionSettings()
    since: Literal["now", "beginning"] = "now"
    begun_at: str = ""
    limit: LimitSettings | None = None
    batch: int = 1
    every_s: float | None = None
    during: str | None = None
    payload: tuple[str, ...] | str | dict[str, Any] | None = None
    storage: StorageSettings
    recorder: str
    published: str | None = None
    stills: tuple[str, ...] = ()
    places: dict[str, PlacesSettings] | None = None
    modes: tuple[str, ...] = ()
    links: LinkSettings | None = None
    box: str = ""
    time_zone: str = "UTC"
