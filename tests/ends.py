"""Receivers of each kind, which can be harmed and made well again, and tell what has arrived."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from edge_daemon.delivery.settings import (
    AnyReceiver,
    FilesSettings,
    KafkaSettings,
    MqttSettings,
    NatsSettings,
    WebhookSettings,
)
from tests.brokers import Broker, KafkaBroker, NatsServer, add_stream, add_topic, consumed, held
from tests.mqtt_broker import Mosquitto, Watcher
from tests.receiving import Answering, HttpReceiver, Received
from tests.waiting import eventually

ARRIVED_S, REST_S = 120.0, 1.5
"""Longest time until nothing more is on its way, and the time without anything after which that is so."""
WINDOW_S = 2.0
"""For this time the stream knows ids again: what comes later has to be recognised by the bridge."""
MOODS = ("refuses", "slow", "busy", "hangs up", "rejects")


class Arrived(NamedTuple):
    """A message at its receiver."""

    id: str
    camera: str
    body: bytes


class End:
    """A receiver. Each of `hits` harms it, `away` takes it away; `heal` makes it well again."""

    doubles = True
    """True if it may have messages twice."""
    by_event = False
    """True if the ids of what arrives are those of events and their phases, not those in the store."""
    settings: AnyReceiver
    hits: Mapping[str, Callable[[], object]]

    def heal(self) -> None:
        raise NotImplementedError

    def away(self) -> None:
        raise NotImplementedError

    def arrived(self) -> list[Arrived]:
        """All messages, in order."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it."""


class Webhook(End):
    """A web server with moods."""

    def __init__(self, folder: Path) -> None:
        self._chance, self._mood = random.Random(0), ""
        self._receiver = HttpReceiver(self._judge)
        self._receiver.start()
        self.settings = WebhookSettings(url=self._receiver.url, private=True)
        self.hits = {"away": self.away} | {mood: partial(setattr, self, "_mood", mood) for mood in MOODS}

    def heal(self) -> None:
        self._mood = ""
        if not self._receiver.is_listening:
            self._receiver.start()

    def away(self) -> None:
        self._receiver.stop()

    def arrived(self) -> list[Arrived]:
        return [one for request in list(self._receiver.accepted) for one in _in_request(request)]

    def stop(self) -> None:
        self._receiver.stop()

    def _judge(self, _: Received) -> Answering:
        match self._mood:
            case "refuses":
                return Answering(503)
            case "slow":
                time.sleep(self._chance.random() * 0.3)
            case "busy":
                return Answering(429, {"Retry-After": "1"})
            case "hangs up":
                raise ConnectionError("hangs up")
            case "rejects" if self._chance.random() < 0.2:
                return Answering(422)
        return Answering()


def _in_request(request: Received) -> list[Arrived]:
    if "ce-id" in request.headers:
        return [Arrived(request.headers["ce-id"], request.json["camera"], request.body)]
    return [Arrived(one["id"], one["data"]["camera"], json.dumps(one["data"]).encode()) for one in request.json]


class Served(End):
    """A broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._broker.start()

    def heal(self) -> None:
        if self._broker.is_running:
            self._broker.thaw()
        else:
            self._broker.start()

    def away(self) -> None:
        self._broker.kill(signal.SIGTERM)

    def stop(self) -> None:
        self._broker.kill()


class Nats(Served):
    doubles = False

    def __init__(self, folder: Path) -> None:
        self._server = NatsServer(folder / "nats")
        super().__init__(self._server)
        asyncio.run(add_stream(self._server.url, duplicate_window=WINDOW_S))
        self.settings = NatsSettings(servers=(self._server.url,))
        self.hits = {"killed": self._restart, "away": self._server.kill, "frozen": self._server.freeze}

    def arrived(self) -> list[Arrived]:
        found = asyncio.run(held(self._server.url))
        return [Arrived(one.id, one.body["camera"], json.dumps(one.body).encode()) for one in found]

    def _restart(self) -> None:
        self._server.kill()
        self._server.start()


class Kafka(Served):
    """A broker that loses what it has acknowledged if it gets a signal, so it is ended in its own way."""

    def __init__(self, folder: Path) -> None:
        self._kafka = KafkaBroker(folder / "kafka")
        super().__init__(self._kafka)
        add_topic(self._kafka.address, "edge", 3)
        self.settings = KafkaSettings(servers=(self._kafka.address,), topic="edge")
        self.hits = {"away": self.away, "frozen": self._kafka.freeze}

    def away(self) -> None:
        self._kafka.end()

    def arrived(self) -> list[Arrived]:
        found = consumed(self._kafka.address, "edge", ARRIVED_S)
        return [Arrived(one.headers["id"], one.body["camera"], json.dumps(one.body).encode()) for one in found]


class Mqtt(Served):
    """A broker that loses what it has acknowledged if it is killed, so it is ended instead, and a subscriber."""

    by_event = True

    def __init__(self, folder: Path) -> None:
        self._mosquitto = Mosquitto(folder / "mosquitto", save=False)
        super().__init__(self._mosquitto)
        self._watcher = Watcher(self._mosquitto.port)
        self.settings = MqttSettings(servers=(self._mosquitto.url,))
        self.hits = {"away": self.away, "frozen": self._mosquitto.freeze}

    def arrived(self) -> list[Arrived]:
        eventually(lambda: time.monotonic() - self._watcher.seen[-1].at_s > REST_S, ARRIVED_S, what="rest")
        return [_named(one.json, one.payload) for one in self._watcher.seen if "/event/" in one.topic]

    def stop(self) -> None:
        self._watcher.close()
        super().stop()


class Files(End):
    doubles = False
    by_event = True

    def __init__(self, folder: Path) -> None:
        self._folder, self._gone = folder / "lines", folder / "gone"
        self._folder.mkdir()
        path = str(self._folder / "events.jsonl")
        self.settings = FilesSettings(path=path, size_bytes=50_000, age_s=None, keep=10_000)
        self.hits = {"away": self.away}

    def heal(self) -> None:
        if self._gone.exists():
            self._gone.rename(self._folder)

    def away(self) -> None:
        self._folder.rename(self._gone)

    def arrived(self) -> list[Arrived]:
        older = sorted(self._folder.glob("events-*.jsonl"))
        last = [path for path in [self._folder / "events.jsonl"] if path.exists()]
        lines = [line for path in [*older, *last] for line in path.read_bytes().splitlines()]
        return [_named(json.loads(line), line) for line in lines]


def _named(event: Any, body: bytes) -> Arrived:
    return Arrived("{id}/{phase}".format(**event), event["camera"], body)


ENDS: dict[str, Callable[[Path], End]] = {
    "webhook": Webhook,
    "mqtt": Mqtt,
    "nats": Nats,
    "kafka": Kafka,
    "files": Files,
}
