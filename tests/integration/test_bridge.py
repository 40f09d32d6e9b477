"""A bridge between a store and a receiver, which may refuse, reject, or be away."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from edge_daemon.bridge.bridge import Bridge
from edge_daemon.bridge.live import Live
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered, connect
from edge_daemon.delivery import retry
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import AnyReceiver, BridgeSettings, SelectionSettings, WebhookSettings
from edge_daemon.delivery.signature import key_of, signature
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import DeliveryAction, Reply, Requester, SteerDelivery
from edge_daemon.runtime.control import Serve, Served
from edge_daemon.settings import StorageSettings
from edge_daemon.store.cursor import CursorFile, needed
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Reader
from edge_daemon.store.store import Store
from edge_daemon.transport import zeromq
from tests.receiving import Answering, HttpReceiver, Received, receiving
from tests.spawned import Spawned
from tests.unit.test_store import counts, event, track
from tests.waiting import eventually

WAIT_S = 20.0
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Site:
    """A store in a folder, and the bridge `phone`, which can be replaced by another one."""

    def __init__(self, folder: Path, receiver: HttpReceiver | AnyReceiver, **more: Any) -> None:
        self.folder, self.store = folder, Store(folder / "store")
        if isinstance(receiver, HttpReceiver):
            own = {key: more.pop(key) for key in ("secret", "still", "in_flight", "private", "token") if key in more}
            receiver = WebhookSettings(url=f"{receiver.url}/hook", **{"private": True, **own})
        storage = StorageSettings(folder=str(folder / "store"), media=str(folder / "media"))
        self.settings = BridgeSettings(
            name="phone", receiver=receiver, since="beginning", storage=storage, recorder="", box="box", **more
        )

    def bridge(self, live: Live | None = None) -> Bridge:
        settings = self.settings
        composer = Composer(settings.payload, settings.box, settings.time_zone)
        reader = Reader(Path(settings.storage.folder))
        context = Context(settings, composer, reader, lambda _: None)
        return Bridge(settings, connect(context), live, chance=lambda: 0.5)

    @asynccontextmanager
    async def running(self, live: Live | None = None, bridge: Bridge | None = None) -> AsyncIterator[Bridge]:
        """A bridge that runs."""
        bridge = bridge or self.bridge(live)

        async def run() -> None:
            while True:
                await bridge.step(0.05)

        task = asyncio.ensure_future(run())
        try:
            yield bridge
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(WAIT_S):
                while not bridge.is_idle:
                    await bridge.step(0.05)
            await bridge.close()
            assert isinstance(ended, asyncio.CancelledError), ended

    @property
    def cursor(self) -> CursorFile:
        return CursorFile(self.folder / "store", "phone")

    def add(self, *bodies: bytes) -> None:
        self.store.add(bodies)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(retry, "FIRST_S", 0.02)
    monkeypatch.setattr(retry, "LONGEST_S", 0.1)


async def until(predicate: Callable[[], Any], bridge: Bridge | None = None) -> None:
    async with asyncio.timeout(WAIT_S):
        while not predicate():
            if bridge:
                bridge.wake(news=True)
            await asyncio.sleep(0.01)


class Picky(Receiver):
    """Takes messages by themselves, many at a time, but not the one that it `refuses`."""

    streams, batch = True, 100

    def __init__(self, refuses: str) -> None:
        self.refuses, self.taken = refuses, list[str]()

    async def deliver(self, messages: Sequence[Message]) -> None:
        ids = [str(message.data["id"]) for message in messages]
        self.taken += [id for id in ids if id != self.refuses]
        if self.refuses in ids:
            raise Undelivered(Failure("not authorised"), ids.index(self.refuses))


def seen(receiver: HttpReceiver) -> list[str]:
    return [request.json["id"] + "/" + request.json["phase"] for request in receiver.accepted]


def test_what_comes_after_a_message_that_is_refused_is_not_repeated_with_each_try(tmp_path: Path) -> None:
    async def scenario() -> None:
        receiver = Picky("event-3")
        site = Site(tmp_path, WebhookSettings(url="http://127.0.0.1:1"))
        site.add(*map(event, range(1, 10)))
        async with site.running(bridge=Bridge(site.settings, receiver, chance=lambda: 0.5)) as bridge:
            await until(lambda: bridge.report().tries >= 5)
            assert receiver.taken == [f"event-{number}" for number in (1, 2, *range(4, 10))]
            receiver.refuses = ""
            await until(lambda: bridge.report().delivered == 9, bridge)
        assert receiver.taken[-7:] == [f"event-{number}" for number in range(3, 10)]
        site.store.close()

    asyncio.run(scenario())


def test_messages_arrive_once_in_order_signed_and_as_cloud_events(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver, secret=SECRET)
            site.add(event(1), counts(0), event(1, "end", 5), track(1), event(2))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 3)
                site.add(event(2, "end", 9))
                await until(lambda: len(receiver.accepted) >= 4, bridge)
                await until(lambda: site.cursor.read().position == 6, bridge)  # type: ignore[union-attr]
                assert bridge.report().delivered == 4
                assert bridge.report().waiting == 0
            assert seen(receiver) == ["event-1/start", "event-1/end", "event-2/start", "event-2/end"]
            first = receiver.accepted[0]
            assert first.body == event(1)
            assert first.headers["ce-type"] == "edge-daemon.event.start"
            assert first.headers["ce-source"] == "/edge-daemon/box/camera/yard"
            assert first.headers["ce-time"] == "2026-11-28T22:01:00Z"
            assert first.headers["webhook-id"] == first.headers["ce-id"] == f"{site.store.id}:1"
            assert first.headers["content-type"] == "application/json"
            at = int(first.headers["webhook-timestamp"])
            signed = signature(key_of(SECRET), first.headers["webhook-id"], at, first.body)
            assert first.headers["webhook-signature"] == signed
            site.store.close()

    asyncio.run(scenario())


def test_another_bridge_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver)
            site.add(event(1))
            async with site.running():
                await until(lambda: len(receiver.accepted) >= 1)
            site.add(event(2))
            site.store.rebuild()
            async with site.running():
                await until(lambda: len(receiver.accepted) >= 2)
            assert seen(receiver) == ["event-1/start", "event-2/start"]
            site.store.close()

    asyncio.run(scenario())


def test_a_receiver_that_is_away_holds_the_line_and_gets_everything_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        statuses = iter([503, 429, 500])
        with receiving(lambda _: Answering(next(statuses, 200))) as receiver:
            site = Site(tmp_path, receiver, in_flight=1)
            site.add(*(event(number) for number in range(1, 6)))
            receiver.stop()
            async with site.running() as bridge:
                await until(lambda: bridge.report().tries >= 2)
                assert bridge.report().reason == "refused"
                assert bridge.report().waiting == 5
                receiver.start()
                await until(lambda: len(receiver.accepted) >= 5)
                assert bridge.report().dead == 0
            assert seen(receiver) == [f"event-{number}/start" for number in range(1, 6)]
            ids = [request.headers["webhook-id"] for request in receiver.requests[:4]]
            assert ids == [f"{site.store.id}:1"] * 4
            site.store.close()

    asyncio.run(scenario())


def test_what_is_rejected_becomes_a_dead_letter_and_the_next_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(request: Received) -> Answering:
            return Answering(422 if request.json["id"] == "event-2" and strict else 200)

        strict = True
        with receiving(judge) as receiver:
            site = Site(tmp_path, receiver, token="hush")
            site.add(event(1), event(2), event(3))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 2)
                await until(lambda: bridge.report().dead == 1)
                (letter,) = site.cursor.dead()
                assert (letter.id, letter.why) == (f"{site.store.id}:2", "answers 422 unprocessable entity")
                assert letter.message["id"] == "event-2"
                assert b"hush" not in (tmp_path / "store/deliver/phone.dead.jsonl").read_bytes()
                assert len(receiver.requests) == 5
                strict = False
                bridge.raise_dead()
                await until(lambda: len(receiver.accepted) >= 3)
            assert seen(receiver) == ["event-1/start", "event-3/start", "event-2/start"]
            assert not site.cursor.dead()
            site.store.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [401, 301])
def test_a_receiver_that_refuses_this_machine_gets_everything_later(tmp_path: Path, status: int) -> None:
    async def scenario() -> None:
        answers = iter([status] * 6)
        with receiving(lambda _: Answering(next(answers, 200), {"Location": "http://127.0.0.1:1/"})) as receiver:
            site = Site(tmp_path, receiver)
            site.add(event(1))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 1)
                assert bridge.report().dead == 0
            site.store.close()

    asyncio.run(scenario())


def test_a_camera_whose_message_is_rejected_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(request: Received) -> Answering:
            return Answering(400 if request.json["camera"] == "gate" else 200, {"Retry-After": "60"})

        with receiving(judge) as receiver:
            site = Site(tmp_path, receiver)
            site.add(event(1, camera="gate"), *(event(number) for number in range(2, 40)))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 38)
                await until(lambda: len(site.cursor.read().done) == 38, bridge)  # type: ignore[union-attr]
            receiver.judge = lambda _: Answering()
            async with site.running():
                await until(lambda: len(receiver.accepted) >= 39)
            assert len(seen(receiver)) == len(set(seen(receiver)))
            site.store.close()

    asyncio.run(scenario())


def test_batches_are_arrays_of_cloud_events_and_one_bad_message_is_found(tmp_path: Path) -> None:
    async def scenario() -> None:
        def judge(request: Received) -> Answering:
            return Answering(400 if any(one["data"]["id"] == "event-3" for one in request.json) else 200)

        with receiving(judge) as receiver:
            site = Site(tmp_path, receiver, batch=10)
            site.add(*(event(number) for number in range(1, 6)))
            async with site.running() as bridge:
                await until(lambda: bridge.report().dead == 1 and bridge.report().delivered == 4)
            assert receiver.requests[0].headers["content-type"] == "application/cloudevents-batch+json"
            assert len(receiver.requests[0].json) == 5
            found = [one["data"]["id"] for request in receiver.accepted for one in request.json]
            assert found == ["event-1", "event-2", "event-4", "event-5"]
            site.store.close()

    asyncio.run(scenario())


def test_a_bridge_rests_while_its_receiver_is_slow_or_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        def slow(_: Received) -> Answering:
            time.sleep(0.4)
            return Answering()

        with receiving(slow) as receiver:
            site = Site(tmp_path, receiver, in_flight=1)
            site.add(*(event(number, camera=f"camera-{number}") for number in range(4)))
            bridge, steps, until_s = site.bridge(), 0, time.monotonic() + 1.0
            while time.monotonic() < until_s:
                await bridge.step(0.5)
                steps += 1
            receiver.stop()
            until_s = time.monotonic() + 0.5
            while time.monotonic() < until_s:
                await bridge.step(0.5)
                steps += 1
            await bridge.close()
            assert steps < 60
            site.store.close()

    asyncio.run(scenario())


def test_steering_is_answered_by_what_was_done(tmp_path: Path) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, receiver)
        site.store.close()
        shutil.rmtree(site.store.folder)
        bridge = Spawned("edge_daemon.bridge.process", site.settings)
        try:

            def reply(action: DeliveryAction, since: str | None = None) -> Reply:
                request = SteerDelivery(
                    by=Requester(via="control-socket"), receiver="phone", action=action, since=since
                )
                bridge.send(Serve(id=7, request=request))
                served = eventually(lambda: [one for one in bridge.read() if isinstance(one, Served)], WAIT_S)
                assert [one.id for one in served] == [7]
                return served[0].reply

            assert reply("pause") == Reply(exit_code=1, text="phone: there is no store yet")
            assert not site.cursor.read()
            store = Store(site.store.folder)
            store.add([event(1)])
            assert reply("pause").exit_code == 0
            assert site.cursor.read().paused  # type: ignore[union-attr]
            assert "what was stored since 2026-11-28T22:00:00Z is" in reply("replay", "2026-11-28T22:00:00Z").text
            assert reply("dead").text == "phone: 0 dead letters are delivered again"
            assert reply("resume").text == "phone: delivery goes on"
            eventually(lambda: receiver.accepted, WAIT_S)
            store.close()
        finally:
            bridge.stop()


def test_selection_templates_and_pauses(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            selection = SelectionSettings(phases=("start",), cameras=("yard",))
            site = Site(tmp_path, receiver, selection=selection, payload={"text": "{camera}: {what}"})
            site.add(event(1), event(1, "end", 3), event(2, camera="gate"))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 1)
                await until(lambda: site.cursor.read().position == 3, bridge)  # type: ignore[union-attr]
                bridge.pause(True)
                site.add(event(3))
                bridge.wake(news=True)
                await until(lambda: bridge.report().waiting == 1, bridge)
                assert bridge.state == "paused"
            async with site.running() as bridge:
                await until(lambda: bridge.is_paused, bridge)
                bridge.pause(False)
                await until(lambda: len(receiver.accepted) >= 2, bridge)
                bridge.replay("2026-11-28T22:01:00Z")
                await until(lambda: len(receiver.accepted) >= 4, bridge)
            assert [one.json["text"] for one in receiver.accepted] == ["yard: person 1", "yard: person 3"] * 2
            assert receiver.accepted[0].headers["webhook-id"] == receiver.accepted[2].headers["webhook-id"]
            site.store.close()

    asyncio.run(scenario())


def test_events_that_follow_soon_are_summarised(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver, every_s=0.6, selection=SelectionSettings(phases=("start",)))
            site.add(event(1))
            async with site.running() as bridge:
                await until(lambda: len(receiver.accepted) >= 1)
                site.add(event(2), event(3), event(4, camera="gate"))
                await until(lambda: len(receiver.accepted) >= 2, bridge)
                await until(lambda: site.cursor.read().position == 4, bridge)  # type: ignore[union-attr]
            summary = receiver.accepted[1].json
            assert (summary["type"], summary["count"]) == ("digest", 3)
            assert summary["events"][1] == {"camera": "gate", "rule": "visitor", "count": 1}
            site.store.close()

    asyncio.run(scenario())


def test_the_still_goes_along_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        id = "0193715e-8f5a-7c3e-9d2b-6c1f0a7b2e44"
        with receiving() as receiver:
            site = Site(tmp_path, receiver, still=True, stills=("yard",))
            at = utc(time.time_ns())
            site.add(json.dumps(json.loads(event(1)) | {"id": id, "at": at}).encode())
            async with site.running() as bridge:
                await until(lambda: bridge.report().waiting == 1, bridge)
                assert not receiver.requests
                path = path_of(tmp_path / "media", "yard", id, "still")
                path.parent.mkdir(parents=True)
                path.write_bytes(b"\xff\xd8picture")
                await until(lambda: len(receiver.accepted) >= 1, bridge)
            parts = receiver.accepted[0].parts
            assert list(parts) == ["event", "still"]
            assert json.loads(parts["event"][1])["id"] == id
            assert parts["still"] == ("image/jpeg", b"\xff\xd8picture", "still.jpg")
            site.store.close()

    asyncio.run(scenario())


def test_results_wait_in_memory_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_daemon.bridge.live.MOST_BYTES", 2000)
    context = zmq.Context[zmq.Socket[bytes]]()
    publisher = zeromq.publisher(context)

    def publish(topic: bytes, **more: Any) -> None:
        publisher.send_multipart([topic, json.dumps({"model": "m", "epoch": 1, **more}).encode()])

    async def scenario() -> None:
        with receiving() as receiver:
            selection = SelectionSettings(cameras=("yard",))
            address = f"ipc://{tmp_path}/live"
            site = Site(tmp_path, receiver, send=("status", "results"), selection=selection, published=address)
            live = Live(site.settings, address)
            zeromq.publish_locally(publisher, address)
            subscribed = set[bytes]()

            def is_subscribed() -> bool:
                live.receive()
                while publisher.poll(0):
                    subscribed.add(publisher.recv())
                return len(subscribed) == 2

            await until(is_subscribed)
            receiver.stop()
            async with site.running(live) as bridge:
                publish(b"status/", type="status", at="2026-11-28T22:00:00Z")
                publish(b"result/gate/", type="result", camera="gate", seq=0)
                for seq in range(400):
                    publish(b"result/yard/", type="result", camera="yard", seq=seq, captured_at="2026-11-28T22:00:00Z")
                    await asyncio.sleep(0.001)
                    bridge.wake()
                await until(lambda: bridge.report().lost > 50 and bridge.report().tries > 0, bridge)
                receiver.start()
                await until(lambda: receiver.accepted and bridge.report().waiting == 0, bridge)
                report = bridge.report()
                assert report.delivered + report.lost == 401
            live.close()
            ids = [request.headers["ce-id"] for request in receiver.accepted]
            assert ids[-1] == "result/yard/m/1/399"
            assert not any("gate" in id for id in ids)
            numbers = [int(id.rpartition("/")[2]) for id in ids if id.startswith("result")]
            assert numbers == sorted(set(numbers))
            site.store.close()

    asyncio.run(scenario())
    publisher.close(linger=0)
    context.term()


def test_private_networks_are_not_reached_unless_that_is_allowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver, private=False)
            site.add(event(1))
            async with site.running() as bridge:
                await until(lambda: bridge.report().tries >= 1)
                assert "private: true" in str(bridge.report().reason)
            assert not receiver.requests
            site.store.close()

    asyncio.run(scenario())


def test_retention_waits_for_receivers_and_another_store_is_read_from_its_beginning(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver)
            site.add(event(1), event(2))
            async with site.running() as bridge:
                await until(lambda: site.cursor.read().position == 2 if site.cursor.read() else False, bridge)  # type: ignore[union-attr]
            assert needed(tmp_path / "store", site.store.id, ["phone"]) == 2
            assert needed(tmp_path / "store", site.store.id, ["gone"]) is None
            site.store.close()
            for path in (tmp_path / "store").glob("*"):
                if path.is_file():
                    path.unlink()
            for path in (tmp_path / "store/journal").iterdir():
                path.unlink()
            site.store = Store(tmp_path / "store")
            site.add(event(3))
            async with site.running():
                await until(lambda: len(receiver.accepted) >= 3)
            site.store.close()

    asyncio.run(scenario())


def test_a_new_receiver_begins_with_what_happens_from_now_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            site = Site(tmp_path, receiver)
            site.settings = msgspec.structs.replace(site.settings, since="now")
            site.add(event(1))
            async with site.running() as bridge:
                await until(lambda: site.cursor.read() is not None, bridge)
                site.add(event(2))
                await until(lambda: len(receiver.accepted) >= 1, bridge)
            assert seen(receiver) == ["event-2/start"]
            begun = msgspec.structs.replace(site.settings, name="other", begun_at="2026-11-28T22:02:00Z")
            site.settings = begun
            async with site.running():
                await until(lambda: len(receiver.accepted) >= 2)
            assert seen(receiver) == ["event-2/start"] * 2, "it was stored before its bridge came"
            assert (tmp_path / "store/deliver").stat().st_mode & 0o077 == 0
            site.store.close()

    asyncio.run(scenario())
