"""An MQTT broker: events as they happened, and the present as retained states, which Home Assistant may discover."""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge_daemon.bridge.mqtt_connection import MOST, Connection, Publication
from edge_daemon.bridge.push import picture_of
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered
from edge_daemon.bridge.retained import File, Payload, Retained
from edge_daemon.delivery import homeassistant
from edge_daemon.delivery.commands import Snapshot, command
from edge_daemon.delivery.homeassistant import Discovery
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.present import Present
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import MqttSettings
from edge_daemon.delivery.topics import Topics, identifier
from edge_daemon.messages.requests import Requester
from edge_daemon.store.cursor import FOLDER
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Query, Reader, StoreAway

logger = logging.getLogger(__name__)
TIMEOUT_S = 15.0
LANES = 8
"""Cameras whose messages are on their way to the broker at a time."""
MOST_BYTES = 500_000
"""Largest picture: brokers limit messages, some to 1 MB, and end the connection."""
CHUNK, LOOKED_AT, COUNTS_S, OPEN_S = 500, 2000, 7200.0, 3600.0
"""Entries read at once, and how far a new process looks back for events that go on, and counts."""
PICTURE_S = 5.0


def connect(settings: MqttSettings, context: Context) -> "Mqtt":
    """The receiver of a bridge."""
    return Mqtt(settings, context)


class Mqtt(Receiver):
    """Publishes each message once (QoS 1), and states when they change. Each connection is a new one, after which all
    states are published again.
    """

    batch, lanes, streams, shows_states, timeout_s = MOST, LANES, True, True, TIMEOUT_S

    def __init__(self, settings: MqttSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        bridge = context.settings
        url = urlsplit(settings.servers[0])
        self.to = f"{url.hostname}:{url.port or (8883 if url.scheme == 'mqtts' else 1883)}"
        self._topics = Topics(settings.prefix, bridge.box)
        self._places = bridge.places or {}
        folder = Path(bridge.storage.folder) / FOLDER
        self._retained = Retained(folder / f"{bridge.name}.mqtt.json")
        self._announced = dict(self._announcements()) if settings.discovery else {}
        self._recollection = Recollection(context.reader)
        self._connection: Connection | None = None
        self._shows_all = True
        self._pictures: set[asyncio.Task[None]] = set()

    @property
    def trouble(self) -> str:
        """Why there is no connection."""
        return self._connection.lost if self._connection else ""

    async def open(self) -> None:
        """Connect, and publish all states."""
        if self._connection:
            self._connection.drop()
        bridge, is_test = self._context.settings, self._context.is_test
        client = identifier("edge", bridge.box, bridge.name, *([f"test-{os.getpid()}"] if is_test else []))
        will = None if is_test else Publication(self._topics.status, b"offline", retain=True)
        self._connection = Connection(self._settings, client, will, self._receive, lasts=not is_test)
        await self._connection.open([] if is_test else self._patterns)
        if not is_test:
            self._shows_all = True
            await self.show()

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Publish messages."""
        if self._connection is None:
            raise Undelivered(Failure("not connected"))
        composer = self._context.composer
        await self._connection.publish(
            [Publication(self._topics.of(one), composer.payload(one).content, one.type == "counts") for one in messages]
        )

    async def show(self) -> None:
        """Publish the states that have changed."""
        if self._connection is None:
            return
        if self._shows_all:
            self._retained.forget()
            self._shows_all = False
        try:
            self._recollection.renew()
        except StoreAway as error:
            logger.debug("%s", error)
        changes = list(self._retained.changes(dict(self._states())))
        publications = [Publication(topic, _read(payload), retain=True) for topic, payload in changes]
        done = 0
        try:
            await self._connection.publish(publications)
            done = len(publications)
        except Undelivered as error:
            done = error.acknowledged
            raise
        finally:
            for topic, payload in changes[:done]:
                self._retained.note(topic, payload)

    async def close(self) -> None:
        """Disconnect."""
        for task in self._pictures:
            task.cancel()
        if self._connection and self._context.is_test:
            self._connection.drop()
        elif self._connection:
            await self._connection.close(Publication(self._topics.status, b"offline", retain=True))

    @property
    def _patterns(self) -> list[str]:
        births = [homeassistant.BIRTH] if self._settings.discovery else []
        return [*births, *(self._topics.commands if self._settings.commands else [])]

    def _announcements(self) -> Iterator[tuple[str, Payload]]:
        """The messages for Home Assistant, which also remove what is not there any more."""
        settings, bridge = self._settings, self._context.settings
        discovery = Discovery(
            self._topics, bridge.box, version("edge-daemon"), commands=settings.commands, stills=settings.stills
        )
        devices = [discovery.box(bridge.modes), *(discovery.camera(*one) for one in self._places.items())]
        for topic, message in filter(None, devices):
            before = self._retained.platforms(topic)
            self._retained.note_platforms(topic, homeassistant.platforms(message))
            yield topic, msgspec.json.encode(homeassistant.with_removed(message, before))

    def _states(self) -> Iterator[tuple[str, Payload]]:
        """All that is to be retained."""
        yield from self._announced.items()
        present = self._recollection.present
        present.status = self._context.live.status if self._context.live else None
        for topic, payload in present.states(self._topics, self._places, time.monotonic()):
            yield topic, payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
        media = Path(self._context.settings.storage.media)
        for camera in self._settings.stills:
            if event := present.stills.get(camera):
                yield self._topics.still(camera), File(path_of(media, camera, event, "still"))

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take in what was published to this box."""
        if topic == homeassistant.BIRTH:
            self._shows_all |= payload == b"online"
            return
        by = Requester(name=self._context.settings.name, role="operator", via="mqtt")
        try:
            if retained:
                raise ValueError("is retained, and would be carried out again and again")
            asked = command(self._topics, self._places, by, topic, payload)
        except ValueError as error:
            logger.warning("a command at %s %s", topic, error)
            return
        if isinstance(asked, Snapshot):
            task = asyncio.ensure_future(self._send_picture(asked.camera))
            self._pictures.add(task)
            task.add_done_callback(self._pictures.discard)
        else:
            self._context.ask(asked)

    async def _send_picture(self, camera: str) -> None:
        """Publish the next picture of a camera."""
        if self._context.live is None or self._connection is None:
            return
        try:
            async with asyncio.timeout(PICTURE_S):
                picture = await self._context.live.picture(camera)
                await self._connection.publish([Publication(self._topics.snapshot(camera), picture)])
        except (TimeoutError, Undelivered) as error:
            logger.warning("no picture of camera %s: %s", camera, error or "it gives none now")


class Recollection:
    """The present, of what is stored."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._position: int | None = None
        self.present = Present()

    def renew(self) -> None:
        """Take in what was stored since the last time.

        Raises:
            StoreAway: the store cannot be read now.
        """
        if self._position is None:
            self._position = self._begin()
        while found := self._reader.entries(self._position, CHUNK, ("event", "counts")):
            for position, _, body in found:
                self._note(msgspec.json.decode(body))
                self._position = position
            if len(found) < CHUNK:
                break

    def _begin(self) -> int:
        """Take in what is stored already; return the position after which there may be more."""
        position, now_s = self._reader.position(), time.time()
        for report in self._reader.counts([], now_s - COUNTS_S, now_s + COUNTS_S):
            self._note(report)
        for event in reversed(self._reader.events(Query(since_s=now_s - OPEN_S), LOOKED_AT)):
            self._note(event | {"phase": "start" if event["open"] else "end"})
        return position

    def _note(self, data: Mapping[str, Any]) -> None:
        self.present.note(data, time.monotonic())


def _read(payload: Payload) -> bytes:
    return payload if isinstance(payload, bytes) else picture_of(payload.path, MOST_BYTES) or b""
