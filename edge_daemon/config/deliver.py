"""The keys of receivers: who is sent what happens.

An entry has one of the keys `KINDS`, with the address, and the keys that go with it (`OWN`); the others are for all.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from edge_daemon.config.machines import BROKER_KEYS, BROKERS, MACHINES, MachineKeys
from edge_daemon.config.problems import KeyPath, either
from edge_daemon.config.rule_data import Data, Fault, mapping, strings
from edge_daemon.config.urls import HttpAddress, parts_of
from edge_daemon.config.values import Duration, FilePath, SecretError, Word, Words
from edge_daemon.delivery import template
from edge_daemon.delivery.credentials import is_content
from edge_daemon.delivery.presets import NEED_TOKEN, PRESETS, SECRET_ADDRESS, WITH_LINKS
from edge_daemon.delivery.settings import (
    SUBJECT,
    SUMMARY,
    AnyReceiver,
    MailSettings,
    PushSettings,
    SelectionSettings,
    Sent,
    WebhookSettings,
)
from edge_daemon.delivery.signature import key_of
from edge_daemon.messages.events import Phase
from edge_daemon.rules.during import During, Place

PEOPLE = (*PRESETS, "mail")
"""Kinds that bring messages to people."""
KINDS = ("webhook", *PEOPLE, *MACHINES)
"""Keys of an entry of which it has one."""
OWN: dict[str, tuple[str, ...]] = {
    "secret": ("webhook",),
    "token": ("webhook", "ntfy", *NEED_TOKEN, "nats"),
    "in_flight": ("webhook",),
    "still": ("webhook", *PEOPLE, "mqtt"),
    "server": ("mail", "telegram", "pushover"),
    "from": ("mail",),
    "title": PEOPLE,
    "text": PEOPLE,
    "ca": ("webhook", *PEOPLE, *BROKERS),
    **BROKER_KEYS,
    "private": ("webhook", *PRESETS),
    "payload": ("webhook", *BROKERS, "files"),
    "batch": ("webhook",),
}
"""Keys that are for receivers of these kinds only."""
SECRETS = ("secret", "token", "server", "password", "credentials", "mqtt", *SECRET_ADDRESS)
"""Keys whose values are secrets, or may contain one."""
WITH_PASSWORD = ("server", "mqtt")
"""Those that are addresses in which there may be a password."""
_PASSWORD = re.compile(r"://[^/?#]*:[^/?#]*@")
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _server(value: str) -> str:
    parts_of(value, ("smtps", "smtp", "http", "https"), "smtps://user:${PASSWORD}@smtp.example.org")
    return value


def _mailbox(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", value) or not value.isprintable():
        raise ValueError("must be a mail address, such as you@example.org")
    return value


def _mailboxes(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _recipient(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _limit(value: object) -> tuple[int, float]:
    count, _, unit = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not count.isascii() or not count.isdecimal() or not int(count) or unit not in _PER:
        raise ValueError("must be a number of messages in a time, such as 1/s, 20/min or 100/h")
    return int(count), _PER[unit]


def _secret(value: str) -> str:
    try:
        key_of(value)
    except ValueError as error:
        raise SecretError(str(error)) from None
    return value


def _template(value: str) -> str:
    template.check(value)
    return value


def _payload(value: object) -> object:
    for text in template.texts(value) if isinstance(value, str | dict) else []:
        template.check(text)
    if isinstance(value, str) or (isinstance(value, dict) and value):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError("must be a list of fields, a text with {names}, or a mapping with such texts")


SigningSecret = Annotated[str, AfterValidator(_secret)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Mailboxes = Annotated[
    list[Mailbox],
    BeforeValidator(_mailboxes),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Recipient = Annotated[
    Word,
    BeforeValidator(_recipient),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
Limit = Annotated[tuple[int, float], BeforeValidator(_limit), WithJsonSchema({"type": "string"})]
Template = Annotated[str, AfterValidator(_template)]
Payload = Annotated[
    Any,
    BeforeValidator(_payload),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "object"}]}),
]


class Deliver(MachineKeys):
    """A receiver of what happens. It has one of the keys that name a kind, such as webhook."""

    webhook: HttpAddress | None = Field(default=None, repr=False, examples=["https://example.org/hook"])
    """Address to which each message is posted, after the Standard Webhooks specification."""
    ntfy: HttpAddress | None = Field(default=None, repr=False, examples=["https://ntfy.sh/my-topic"])
    """Address of a topic of ntfy."""
    telegram: Recipient | None = Field(default=None, repr=False, examples=[123456789])
    """Number of a chat of Telegram, to which the bot of token writes."""
    pushover: Word | None = Field(default=None, repr=False, examples=["${PUSHOVER_USER}"])
    """Key of a user or group of Pushover, with token of the application."""
    gotify: HttpAddress | None = Field(default=None, repr=False, examples=["https://gotify.example.org"])
    """Address of a Gotify server, with token of the application. It has pictures by their address: see web.url."""
    discord: HttpAddress | None = Field(default=None, repr=False, examples=["${DISCORD_WEBHOOK}"])
    """Address of a webhook of Discord."""
    slack: HttpAddress | None = Field(default=None, repr=False, examples=["${SLACK_WEBHOOK}"])
    """Address of an incoming webhook of Slack. It has pictures by their address: see web.url."""
    mail: Mailboxes | None = Field(default=None, examples=["you@example.org"])
    """Mail address, or a list of them, with server."""
    server: Annotated[str, AfterValidator(_server)] | None = Field(
        default=None, repr=False, examples=["smtps://edge:${SMTP_PASSWORD}@smtp.example.org"]
    )
    """Mail server: smtps://, or smtp:// with STARTTLS. With telegram or pushover: a server that is not the usual one.
    """
    from_: Mailbox | None = Field(default=None, alias="from", examples=["edge@example.org"])
    """Sender of mails."""
    title: Template | None = Field(default=None, examples=["{camera}: {rule}"])
    """Template of the title of what people are sent; {subject} if left out."""
    text: Template | None = Field(default=None, examples=["{what} at {time}"])
    """Template of its text; {summary} if left out."""
    secret: SigningSecret | None = Field(default=None, repr=False, examples=["${HOOK_SECRET}"])
    """Secret by which requests are signed: whsec_ and 24 to 64 bytes in base64."""
    token: Word | None = Field(default=None, repr=False, examples=["${NTFY_TOKEN}"])
    """Token that the receiver asks for."""
    in_flight: int = Field(default=4, ge=1, le=64)
    """Requests that may be under way at a time; those of one camera never are."""
    still: bool | None = None
    """Send the picture of an event along, if cameras are recorded; if left out, to people and with discovery."""
    ca: FilePath | None = None
    """File of certificates (PEM) to accept from the receiver; if left out, those that this machine trusts."""
    private: bool = False
    """Allow an address on a private network or on this machine."""
    send: list[Sent] = Field(default=["events"], min_length=1)
    """Kinds of messages. Events, tracks and counts wait in the store while the receiver is away, others in memory."""
    rules: Words | None = Field(default=None, examples=[["visitor"]])
    """Only events of these rules."""
    cameras: Words | None = Field(default=None, examples=[["yard"]])
    """Only what is about these cameras."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Only events with one of these classes."""
    phases: list[Phase] | None = Field(default=None, min_length=1, examples=[["start", "end"]])
    """Only these phases of events; all if left out, only start with every, and for people."""
    alerts: bool = False
    """Only events of rules that are not quiet."""
    since: Literal["now", "beginning"] = "now"
    """Where a new receiver begins: with what happens from now on, or with all that is stored."""
    limit: Limit | None = Field(default=None, examples=["20/min"])
    """Most messages in a time; further ones wait."""
    batch: int = Field(default=1, ge=1, le=500)
    """Most messages in one delivery, where several wait."""
    every: Duration | None = Field(default=None, examples=["10min"])
    """Shortest time between two messages: events between are summarised in the next one."""
    during: Word | None = Field(default=None, examples=["01:00-05:00", "mon-fri 08:00-18:00"])
    """Local times in which it delivers; at others everything waits."""
    payload: Payload | None = Field(default=None, examples=[["rule", "camera", "at"], {"text": "{camera}: {what}"}])
    """Content: fields of the message, a text with {names}, or a mapping with such texts; all if left out."""

    @property
    def kind(self) -> str:
        """The key that names the kind."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def shows_states(self) -> bool:
        """True if the receiver shows states beside what happens."""
        return self.mqtt is not None

    @property
    def shows_last_still(self) -> bool:
        """True if the last still of each camera is among them."""
        return self.shows_states and (self.discovery is not None if self.still is None else self.still)

    @property
    def receiver(self) -> AnyReceiver:
        """The receiver for its bridge."""
        if self.webhook is not None:
            return WebhookSettings(
                url=self.webhook,
                ca=self.ca,
                private=self.private,
                secret=self.secret,
                token=self.token,
                in_flight=self.in_flight,
                still=bool(self.still),
            )
        if self.kind not in PEOPLE:
            return self.machine(self.token, self.ca)
        words = {"title": self.title or SUBJECT, "text": self.text or SUMMARY}
        still = self.still is not False
        if self.mail is not None:
            server, sender = self.server or "", self.from_ or self.mail[0]
            return MailSettings(server=server, sender=sender, to=tuple(self.mail), ca=self.ca, still=still, **words)
        usual, given = PRESETS[self.kind].server, str(getattr(self, self.kind))
        return PushSettings(
            preset=self.kind,
            url=(self.server or usual) if usual else given,
            to=given if usual else "",
            token=self.token or "",
            ca=self.ca,
            private=self.private,
            still=still,
            **words,
        )

    @property
    def selection(self) -> SelectionSettings:
        """Which messages are delivered."""
        phases = self.phases or (["start"] if self.every or self.kind in PEOPLE else None)
        cameras, rules, classes = (tuple(one) if one else None for one in (self.cameras, self.rules, self.classes))
        return SelectionSettings(
            cameras=cameras,
            rules=rules,
            classes=classes,
            phases=tuple(phases) if phases else None,
            alerts=self.alerts,
        )


def deliver_faults(data: Data) -> Iterator[Fault]:
    """Entries without a kind or with several, keys of other kinds, unknown names, and a store that is off."""
    entries = mapping(data.get("deliver"))
    storage = data.get("storage")
    for name, settings in entries.items():
        entry, path = mapping(settings), ("deliver", name)
        yield from _kind(path, entry)
        yield from _names(path, entry, data)
        yield from _links(path, entry, data)
        during = entry.get("during")
        if isinstance(during, str):
            try:
                During(during, Place(ZoneInfo("UTC")))
            except ValueError as error:
                yield (*path, "during"), str(error), []
    if entries and (storage is False or mapping(storage).get("enabled") is False):
        yield ("deliver",), "needs the store, which `storage` turns off", []


def plain_secrets(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Secrets that are written into the file itself, in data in which they are not filled in."""
    for name, settings in mapping(data.get("deliver")).items():
        for key in SECRETS:
            value = mapping(settings).get(key)
            if isinstance(value, str) and "${" not in value and _is_secret(key, value):
                yield ("deliver", name, key), "is a secret: write ${NAME}, and set NAME in the environment", []


def _is_secret(key: str, value: str) -> bool:
    """True unless a value has no password, or is a path."""
    if key in WITH_PASSWORD:
        return bool(_PASSWORD.search(value))
    return key != "credentials" or is_content(value)


def _kind(path: KeyPath, entry: Data) -> Iterator[Fault]:
    given = [kind for kind in KINDS if entry.get(kind) is not None]
    if not given:
        yield path, f"needs a receiver: {either(KINDS)}", []
    elif len(given) > 1:
        yield (*path, given[1]), f"is a second receiver, beside {given[0]}; make two entries of them", []
    for key, kinds in OWN.items():
        if entry.get(key) is not None and given and given[0] not in kinds:
            yield (*path, key), f"is for {either(kinds)}", []
    if entry.get("every") is not None and entry.get("send") not in (None, ["events"]):
        yield (*path, "every"), "summarises events: send has to be [events]", []
    server = entry.get("server")
    for kind in given[:1]:
        is_mail = isinstance(server, str) and server.startswith("smtp")
        if isinstance(server, str) and is_mail != (kind == "mail"):
            yield (*path, "server"), f"must begin with {'smtps://' if kind == 'mail' else 'https://'}", []
        if kind in NEED_TOKEN and entry.get("token") is None:
            yield (*path, "token"), f"is missing: {kind} needs it, as ${{NAME}}", []
        if kind == "mail" and entry.get("server") is None:
            yield (*path, "server"), "is missing; for example smtps://edge:${SMTP_PASSWORD}@smtp.example.org", []
        if kind in (*PEOPLE, "folder") and entry.get("send") not in (None, ["events"]):
            yield (*path, "send"), f"has to be [events] with {kind}", []
        if kind == "kafka" and entry.get("topic") is None:
            yield (*path, "topic"), "is missing: kafka needs it", []


def _names(path: KeyPath, entry: Data, data: Data) -> Iterator[Fault]:
    rules = [*mapping(data.get("rules")), DEFAULT_RULE]
    for key, known in (("cameras", list(mapping(data.get("cameras")))), ("rules", rules)):
        for i, name in enumerate(strings(entry.get(key))):
            if known and name not in known:
                yield (*path, key, i), f"must name one of {key}: {either(known)}", known


def _links(path: KeyPath, entry: Data, data: Data) -> Iterator[Fault]:
    """Links to a page that nobody says the address of, or that is not there."""
    web = mapping(data.get("web"))
    if web.get("url") is not None and web.get("enabled") is not False:
        return
    missing = "web, which is not enabled" if web.get("enabled") is False else f"web.url: {OUTSIDE}"
    for key in ("title", "text", "payload"):
        with suppress(ValueError):  # which is a problem of its own
            for name in template.links_in(entry.get(key)):
                yield (*path, key), f"names {{{name}}}, which needs {missing}", []
    if entry.get("still") is True and any(entry.get(kind) is not None for kind in WITH_LINKS):
        yield (*path, "still"), f"is by its address, which needs {missing}", []


OUTSIDE = "the address at which this box is reached from outside, such as https://cameras.example.org"
DEFAULT_RULE = "offline"
"""The rule that is there as soon as there is a receiver, unless a rule is about the state of cameras."""
