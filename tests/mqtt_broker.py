"""A real MQTT broker on this machine (mosquitto), and a subscriber to it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.brokers import Broker
from tests.components import SYSTEM_PATH, require_component
from tests.waiting import eventually

WAIT_S = 20.0
SESSION_S = 3600


class Mosquitto(Broker):
    """A mosquitto that keeps sessions in `folder`, with lines of its configuration in `more`. One that is never killed
    need not `save` them after each change.
    """

    def __init__(self, folder: Path, *more: str, save: bool = True, port: int | None = None) -> None:
        super().__init__(folder, port)
        lines = [
            "user root",  # otherwise root's files would be out of its reach
            f"listener {self.port} 127.0.0.1",
            *(more or ["allow_anonymous true"]),
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            f"autosave_on_changes {str(save).lower()}",
            "max_queued_messages 0",
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        require_component("mosquitto")
        program = shutil.which("mosquitto", path=SYSTEM_PATH)
        assert program
        return [program, "-c", str(self.folder / "mosquitto.conf")]


@contextmanager
def broker(folder: Path, *more: str, port: int | None = None) -> Iterator[Mosquitto]:
    """A broker that runs."""
    mosquitto = Mosquitto(folder, *more, port=port)
    with mosquitto.running():
        yield mosquitto


@dataclass
class Seen:
    """A message that the subscriber has got."""

    topic: str
    payload: bytes
    retained: bool
    at_s: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.payload)


class Watcher:
    """A subscriber to everything, which stays subscribed while the broker is away."""

    def __init__(self, port: int, name: str = "watcher") -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = self._count
        self._client.on_message = self._note
        lasts = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasts.SessionExpiryInterval = SESSION_S
        self._client.connect("127.0.0.1", port, 5, clean_start=False, properties=lasts)
        self._client.loop_start()
        eventually(lambda: self.connections, WAIT_S, what="a subscription")

    def _count(self, *_: object) -> None:
        self.connections += 1

    def _note(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self.seen.append(Seen(message.topic, bytes(message.payload), message.retain))

    def at(self, topic: str) -> list[Seen]:
        """What came at a topic."""
        return [one for one in self.seen if one.topic == topic]

    def payloads(self, topic: str) -> list[bytes]:
        """The payloads that came at a topic."""
        return [one.payload for one in self.at(topic)]

    def last(self, topic: str) -> bytes:
        """The last payload at a topic; empty without one."""
        return next((one.payload for one in reversed(self.seen) if one.topic == topic), b"")

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def watching(port: int, name: str = "watcher") -> Iterator[Watcher]:
    """A subscriber that is there."""
    watcher = Watcher(port, name)
    try:
        yield watcher
    finally:
        watcher.close()
