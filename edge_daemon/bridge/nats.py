"""NATS JetStream: each message is stored once, however often and long this process was dead.

A message carries its id as `Nats-Msg-Id`, by which the server recognises a repetition for as long as the stream's
duplicate window lasts. Beyond that, this bridge asks the stream for the last message of each camera that it holds: it
holds all up to that one, and none beyond it, since none is stored without those before it (`nats_window.py`).

The client does not reconnect by itself: it would send what was left in its buffer, without what was lost on the way.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import nats.errors
import nkeys
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext
from nats.js import errors as jetstream

from edge_daemon.bridge import network
from edge_daemon.bridge.nats_window import ID, MOST, Post, Publisher
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered
from edge_daemon.bridge.tls import tls_of
from edge_daemon.delivery.credentials import Credentials, is_content
from edge_daemon.delivery.message import TEST, Message
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import STORED, NatsSettings

TIMEOUT_S = 5
"""Longest wait for an answer of the server."""
PING_S = 5
"""Time between two pings; two that are not answered mean that the connection is lost."""
RECEIVER, TYPE = "Edge-Receiver", "Content-Type"
TOO_LARGE, FULL = 10054, 10077
"""Codes of JetStream's errors."""
NOBODY = "_"
"""Camera in the subjects of what is about no camera."""


def connect(settings: NatsSettings, context: Context) -> "Nats":
    """The receiver of a bridge."""
    return Nats(settings, context)


class Nats(Receiver):
    """Publishes to a stream, by the subjects `PREFIX.BOX.event.CAMERA.RULE`, `PREFIX.BOX.track.CAMERA` and so on."""

    streams = True
    lanes = 2  # what is stored here, and what is not
    batch = MOST

    def __init__(self, settings: NatsSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._root = f"{settings.prefix}.{token(context.settings.box)}"
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._stream = ""
        self._held: dict[str, int] = {}
        self._error: Exception | None = None
        self._publisher: Publisher | None = None
        self.to = ", ".join(urlsplit(one).netloc for one in settings.servers)

    @property
    def trouble(self) -> str:
        """Why the connection is gone."""
        return "" if self._client and self._client.is_connected else "connection lost"

    def lane_of(self, message: Message) -> str:
        """One lane for all, in the order of the stream."""
        return ""

    async def open(self) -> None:
        """Connect, and find the stream.

        Raises:
            Undelivered: that failed.
        """
        await self.close()
        self._held.clear()
        self._error = None
        options = self._options() | credentials(self._settings)
        client = Client()
        try:
            await client.connect(list(self._settings.servers), **options)
            self._client = client
            domain = {"domain": self._settings.domain} if self._settings.domain else {}
            self._jetstream = client.jetstream(timeout=TIMEOUT_S, **domain)
            self._stream = self._settings.stream or await self._find_stream()
            self._publisher = Publisher(client, f"{self._root}.>", TIMEOUT_S)
            await self._publisher.open()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await _close(client)
            raise Undelivered(self._failure_of(error)) from None

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Publish messages that the stream does not hold; those that are stored here in order."""
        if self._publisher is None:
            raise Undelivered(Failure("connection lost"))
        try:
            wanted = [number for number, message in enumerate(messages) if not await self._is_held(message)]
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Undelivered(self._failure_of(error)) from None
        posts = [self._post(messages[number]) for number in wanted]
        found = await self._publisher.publish(posts, in_order=any(message.positions for message in messages))
        if found.error:
            raise Undelivered(self._failure_of(found.error), wanted[found.stored])

    async def close(self) -> None:
        """Disconnect."""
        if self._publisher:
            self._publisher.lose()
        client, self._client, self._jetstream, self._publisher = self._client, None, None, None
        if client:
            await _close(client)

    def _post(self, message: Message) -> Post:
        payload = self._context.composer.payload(message)
        headers = {RECEIVER: quote(self._context.settings.name), TYPE: payload.media_type}
        return Post(message.id, message.camera, self._subject(message), payload.content, headers)

    async def _is_held(self, message: Message) -> bool:
        """True if the stream held a message when this connection began."""
        if not message.positions:
            return False
        camera = message.camera
        if camera not in self._held:
            self._held[camera] = await self._last(camera, message.id.rpartition(":")[0])
        if message.positions[-1] <= self._held[camera]:
            return True
        self._held[camera] = 0
        return False

    async def _last(self, camera: str, store: str) -> int:
        """The highest position of the store in messages of a camera that the stream holds from this bridge."""
        about = token(camera)
        subjects = {"event": f"event.{about}.>", "track": f"track.{about}", "counts": f"counts.{about}"}
        wanted = [subjects[STORED[one]] for one in self._context.settings.send if one in STORED]
        if self._context.settings.every_s:
            wanted.append("digest")
        return max([await self._last_of(f"{self._root}.{one}", store) for one in wanted], default=0)

    async def _last_of(self, subject: str, store: str) -> int:
        try:
            found = await self._stored_there.get_last_msg(self._stream, subject)
        except jetstream.NotFoundError:
            return 0
        headers = found.headers or {}
        if headers.get(RECEIVER) != quote(self._context.settings.name):
            return 0
        of, _, positions = headers.get(ID, "").rpartition(":")
        last = positions.rpartition("-")[2]
        return int(last) if of == store and last.isdecimal() else 0

    async def _find_stream(self) -> str:
        try:
            return await self._stored_there.find_stream_name_by_subject(f"{self._root}.>")
        except jetstream.NotFoundError:
            raise jetstream.NoStreamResponseError from None

    @property
    def _stored_there(self) -> JetStreamContext:
        """JetStream over the present connection."""
        if self._jetstream is None:
            raise nats.errors.ConnectionClosedError
        return self._jetstream

    def _subject(self, message: Message) -> str:
        about = token(message.camera)
        if message.id.startswith(TEST):  # among events it would hide the last one that is stored
            return f"{self._root}.test"
        match message.type:
            case "event":
                return f"{self._root}.event.{about}.{token(message.rule)}"
            case "digest" | "status":
                return f"{self._root}.{message.type}"
            case "end":
                return f"{self._root}.result.{about}"
        return f"{self._root}.{message.type}.{about}"

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        wants_tls = settings.ca or settings.certificate or any(one.startswith("tls:") for one in settings.servers)
        return {
            "name": f"edge-daemon {self._context.settings.box}",
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.1,
            "connect_timeout": TIMEOUT_S,
            "ping_interval": PING_S,
            "error_cb": self._note,
            "closed_cb": self._on_closed,
            **({"tls": tls_of(settings)} if wants_tls else {}),
        }

    async def _note(self, error: Exception) -> None:
        self._error = error

    async def _on_closed(self) -> None:
        if self._publisher:
            self._publisher.lose()

    def _failure_of(self, error: Exception) -> Failure:
        match error:
            case jetstream.NoStreamResponseError() | jetstream.ServiceUnavailableError():
                return Failure(f"no stream of JetStream has the subjects {self._root}.>")
            case nats.errors.MaxPayloadError():
                return Failure("too large for the server", rejected=True)
            case jetstream.APIError():
                if error.err_code == TOO_LARGE:
                    return Failure("too large for the stream", rejected=True)
                return Failure("the stream is full" if error.err_code == FULL else str(error.description))
            case nats.errors.NoServersError() | nats.errors.TimeoutError() | TimeoutError():
                return Failure(_why(self._error or error))
        return Failure(_why(error))


def credentials(settings: NatsSettings) -> dict[str, Any]:
    """What a client shows the server.

    Raises:
        Undelivered: they cannot be read.
    """
    if settings.token:
        return {"token": settings.token}
    if settings.user:
        return {"user": settings.user, "password": settings.password or ""}
    if not settings.credentials:
        return {}
    try:
        given = settings.credentials
        token, seed = Credentials.parse(given if is_content(given) else Path(given).read_text())
        nkeys.from_seed(bytearray(seed.encode())).wipe()
    except (OSError, ValueError, nkeys.NkeysError) as error:
        why = error.strerror if isinstance(error, OSError) else "no token and seed of NATS"
        raise Undelivered(Failure(f"cannot read the credentials: {why}".lower())) from None
    if not token:
        return {"nkeys_seed_str": seed}
    return {"user_credentials": RawCredentials(_CREDENTIALS.format(token, seed))}


_CREDENTIALS = "-----BEGIN NATS USER JWT-----\n{}\n-----END-----\n-----BEGIN USER NKEY SEED-----\n{}\n-----END-----\n"


@lru_cache(1000)
def token(name: str) -> str:
    """A name as one token of a subject: what ends or widens it is percent-encoded."""
    return "".join(f"%{ord(one):02X}" if one in ".*>%" or one.isspace() else one for one in name) or NOBODY


def _why(error: Exception) -> str:
    text = str(error).lower()
    match error:
        case nats.errors.AuthorizationError():
            return "unauthorised"
        case nats.errors.TimeoutError():
            return "no answer in time"
        case nats.errors.ConnectionClosedError() | nats.errors.UnexpectedEOF():
            return "connection lost"
        case OSError():
            return network.why(error)
    if "permissions violation" in text or "authorization" in text or "authentication" in text:
        return text.removeprefix("nats: ").strip("'")
    return text.removeprefix("nats: ")


async def _close(client: Client) -> None:
    with suppress(nats.errors.Error, OSError, TimeoutError):
        await asyncio.wait_for(client.close(), 1.0)
