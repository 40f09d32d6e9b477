"""Events in a topic of a broker that speaks Kafka's protocol."""

import asyncio
import itertools
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from edge_daemon.bridge import kafka as kafka_bridge
from edge_daemon.bridge.kafka import connect
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered
from edge_daemon.delivery import retry
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.settings import BridgeSettings, KafkaSettings
from edge_daemon.settings import StorageSettings
from edge_daemon.store.cursor import Cursor
from edge_daemon.store.reader import Reader
from tests.brokers import KafkaBroker, add_topic, consumed, run
from tests.integration.test_bridge import Site, until
from tests.unit.test_store import counts, event

MOST_PRODUCED = 100
"""Messages that are on their way to the broker while it ends."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(retry, "FIRST_S", 0.05)
    monkeypatch.setattr(retry, "LONGEST_S", 0.2)
    monkeypatch.setattr(kafka_bridge, "TIMEOUT_S", 2.0)


def test_messages_have_the_camera_as_key_and_all_arrive_in_order_whatever_the_broker_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        broker = KafkaBroker(tmp_path / "kafka")
        here = Site(tmp_path, KafkaSettings(servers=(broker.address,), topic="edge"), send=("events", "counts"))
        here.add(event(1), event(101, camera="gate"), counts(1))
        with broker.running():
            async with here.running() as bridge:
                await until(lambda: bridge.report().delivered == 3)
                broker.freeze()
                here.add(*(event(number) for number in range(2, 21)))
                bridge.wake(news=True)
                await until(lambda: bridge.report().tries >= 1)
                assert bridge.report().reason == "no answer in time"
                broker.thaw()
                await until(lambda: bridge.report().delivered == 22, bridge)
                await until(lambda: bridge.report().waiting == 0, bridge)
            here.cursor.write(Cursor(store=here.store.id, position=10))
            async with here.running() as bridge:
                await until(lambda: bridge.report().delivered == 12)
            found = await asyncio.to_thread(consumed, broker.address, "edge")
        first = found[0]
        assert (first.key, first.headers["id"], first.headers["type"]) == ("box/yard", f"{here.store.id}:1", "event")
        by_id = {one.headers["id"]: one for one in found}
        assert len(by_id) == 22
        assert all(by_id[one.headers["id"]].body == one.body for one in found), "repeated with another content"
        yard = [one.body["id"] for one in by_id.values() if one.key == "box/yard" and one.body["type"] == "event"]
        assert yard == [f"event-{number}" for number in range(1, 21)]
        assert len({one.partition for one in found if one.key == "box/yard"}) == 1
        here.store.close()

    run(scenario())


class TwoPartitions:
    """A producer of whose partitions only that of the gate answers."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.callbacks = list[tuple[str, Any]]()

    def list_topics(self, topic: str, _: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None)})

    def produce(self, topic: str, value: bytes, key: str, *, on_delivery: Any, **_: Any) -> None:
        self.callbacks.append((key, on_delivery))

    def flush(self, _: float) -> None:
        for key, callback in self.callbacks:
            if key == "box/gate":
                callback(None, None)

    def purge(self) -> None:
        self.callbacks.clear()


def test_partitions_that_answer_early_do_not_count_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_bridge, "Producer", TwoPartitions)
    monkeypatch.setattr(kafka_bridge, "TIMEOUT_S", 0.1)

    async def scenario() -> None:
        receiver = made(tmp_path, KafkaSettings(servers=("127.0.0.1:1",), topic="edge"))
        await receiver.open()
        bodies = [event(1, camera="gate"), event(2), event(3, camera="gate")]
        messages = [Message(id=f"s:{n}", body=body, data=json.loads(body)) for n, body in enumerate(bodies)]
        with pytest.raises(Undelivered) as caught:
            await receiver.deliver(messages)
        assert (caught.value.acknowledged, caught.value.failure.why) == (1, "no answer in time")
        await receiver.deliver(messages[:1])
        await receiver.close()

    run(scenario())


def test_a_broker_that_is_ended_keeps_what_it_has_acknowledged(tmp_path: Path) -> None:
    broker, acknowledged = KafkaBroker(tmp_path / "kafka"), set[int]()

    def note(error: KafkaError | None, message: Any) -> None:
        if error is None:
            acknowledged.add(int(message.value()))

    with broker.running():
        add_topic(broker.address, "edge", 1)
        producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 0, "log_level": 0})
        ending = threading.Thread(target=broker.end)
        for number in itertools.count():
            producer.produce("edge", str(number), "key", on_delivery=note)
            producer.poll(0.01 if len(producer) > MOST_PRODUCED else 0)
            if len(acknowledged) > MOST_PRODUCED and not ending.ident:
                ending.start()
            if ending.ident and not ending.is_alive():
                break
        producer.purge()
        producer.flush(1.0)
        broker.start()
        assert acknowledged <= {one.body for one in consumed(broker.address, "edge")}


def made(folder: Path, settings: KafkaSettings) -> Receiver:
    storage = StorageSettings(folder=str(folder), media="")
    bridge = BridgeSettings(name="lake", receiver=settings, storage=storage, recorder="", box="box")
    return connect(settings, Context(bridge, Composer(None, "box", "UTC"), Reader(folder), lambda _: None))


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = KafkaSettings(servers=("127.0.0.1:1",), topic="edge", user="edge", password="hush", tls=True)
        receiver = made(tmp_path, settings)
        with pytest.raises(Undelivered) as caught:
            await receiver.open()
        assert caught.value.failure.why == "refused"
        assert receiver.to == "127.0.0.1:1/edge"
        await receiver.close()

    run(scenario())
