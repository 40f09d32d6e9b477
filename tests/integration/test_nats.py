"""Events in NATS JetStream: stored once each, whatever happens to the server and the bridge."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from edge_daemon.bridge import nats as nats_bridge
from edge_daemon.bridge.nats import token
from edge_daemon.bridge.nats_window import ID, Outcome, Post, Publisher
from edge_daemon.bridge.tls import tls_of
from edge_daemon.delivery import retry
from edge_daemon.delivery.settings import NatsSettings
from tests.acceptance.harness import free_port
from tests.brokers import Held, NatsServer, add_stream, ask, held, operated, run, user
from tests.http_files import self_signed
from tests.integration.test_bridge import Site, until
from tests.unit.test_store import counts, event, track


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(retry, "FIRST_S", 0.05)
    monkeypatch.setattr(retry, "LONGEST_S", 0.2)
    monkeypatch.setattr(nats_bridge, "TIMEOUT_S", 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    with server.running():
        yield server


def site(folder: Path, server: NatsServer, name: str, **more: Any) -> Site:
    """A bridge whose subjects begin with a name."""
    return Site(folder, NatsSettings(servers=(server.url,), prefix=name), **more)


def ids(messages: list[Held]) -> list[str]:
    return [f"{one.body['id']}/{one.body['phase']}" for one in messages]


def test_messages_have_subjects_ids_and_wait_for_a_stream(tmp_path: Path, server: NatsServer) -> None:
    async def scenario() -> None:
        here = site(tmp_path, server, "first", send=("events", "tracks", "counts"))
        rules: dict[str, Any] = {"rule": "a.rule", "camera": "the yard"}
        here.add(event(1), event(2, **rules), event(3, camera=""), track(1), counts(1))
        async with here.running() as bridge:
            await until(lambda: bridge.report().tries >= 1)
            assert bridge.report().reason == "no stream of JetStream has the subjects first.box.>"
            await add_stream(server.url, "FIRST", subjects=["first.>"])
            await until(lambda: bridge.report().delivered == 5)
            assert bridge.report().kind == ""
            assert bridge.state == "up"
        found = {one.subject: one for one in await held(server.url, "FIRST")}
        assert set(found) == {
            "first.box.event.yard.visitor",
            "first.box.event.the%20yard.a%2Erule",
            "first.box.event._.visitor",
            "first.box.track.yard",
            "first.box.counts.yard",
        }
        assert found["first.box.event.yard.visitor"].id == f"{here.store.id}:1"
        here.store.close()

    run(scenario())


def test_what_the_stream_holds_is_not_stored_again_however_long_the_bridge_was_dead(
    tmp_path: Path, server: NatsServer
) -> None:
    async def scenario() -> None:
        await add_stream(server.url, "LATE", subjects=["late.>"], duplicate_window=0.1)
        here = site(tmp_path, server, "late")
        here.add(event(1), event(2, camera="gate"), event(3), event(4, camera="gate"))
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 4)
        await asyncio.sleep(0.2)  # the server has forgotten the ids
        (tmp_path / "store/deliver/phone.json").unlink()
        here.add(event(5), event(6, camera="gate"))
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 6)
            assert len(await held(server.url, "LATE")) == 6
            await asyncio.sleep(0.2)
            bridge.replay("2026-11-28T22:05:00Z")
            await until(lambda: bridge.report().delivered == 8, bridge)
        found = await held(server.url, "LATE")
        assert sorted(one.body["id"] for one in found[:6]) == [f"event-{number}" for number in range(1, 7)]
        assert sorted(one.id for one in found[6:]) == [f"{here.store.id}:5", f"{here.store.id}:6"]
        here.store.close()

    run(scenario())


def test_a_server_that_is_killed_and_frozen_has_everything_once_and_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = NatsServer(tmp_path / "nats")
        with server.running():
            await add_stream(server.url)
            here = site(tmp_path, server, "edge")
            async with here.running() as bridge:
                for number in range(1, 61):
                    here.add(event(number), event(100 + number, camera="gate"))
                    bridge.wake(news=True)
                    await asyncio.sleep(0)
                    if number == 10:
                        await until(lambda: bridge.report().delivered >= 5, bridge)
                        server.kill()
                        await until(lambda: bridge.report().reason == "refused")
                        server.start()
                        await until(lambda: bridge.report().waiting == 0, bridge)
                    if number == 40:
                        server.freeze()
                        await until(lambda: bridge.report().reason == "no answer in time")
                        server.thaw()
                await until(lambda: bridge.report().delivered == 120, bridge)
            found = await held(server.url)
            for camera, first in (("yard", 1), ("gate", 101)):
                of_camera = ids([one for one in found if one.body["camera"] == camera])
                assert of_camera == [f"event-{number}/start" for number in range(first, first + 60)]
            here.store.close()

    run(scenario())


def test_nothing_is_stored_before_a_message_that_is_refused(tmp_path: Path, server: NatsServer) -> None:
    async def scenario() -> None:
        full: dict[str, Any] = {"subjects": ["full.>"], "discard": DiscardPolicy.NEW, "discard_new_per_subject": True}
        await add_stream(server.url, "FULL", max_msgs_per_subject=2, **full)
        here = site(tmp_path, server, "full")
        rules = ["visitor", "visitor", "visitor", "parcel", "visitor", "parcel"]
        here.add(*(event(number, rule=rule) for number, rule in enumerate(rules, start=1)))
        async with here.running() as bridge:
            await until(lambda: bridge.report().tries >= 2)
            assert ids(await held(server.url, "FULL")) == ["event-1/start", "event-2/start"]
            more = StreamConfig(name="FULL", max_msgs_per_subject=-1, **full | {"discard_new_per_subject": False})
            await ask(server.url, lambda js: js.update_stream(more))
            await until(lambda: bridge.report().delivered == 6, bridge)
        assert ids(await held(server.url, "FULL")) == [f"event-{number}/start" for number in range(1, 7)]
        here.store.close()

    run(scenario())


def test_a_stream_that_others_write_to_has_everything_once_and_in_order(tmp_path: Path, server: NatsServer) -> None:
    async def scenario() -> None:
        await add_stream(server.url, "SHARED", subjects=["shared.>"], duplicate_window=0.1)
        other = await nats.connect(server.url)
        client = await nats.connect(server.url)
        publisher = Publisher(client, "shared.box.>", 5.0)
        await publisher.open()
        posts = [Post(f"{n}", f"{n % 3}", f"shared.box.{n % 3}", b"%d" % n, {}) for n in range(3000)]
        for first in range(0, len(posts), 100):
            publishing = asyncio.ensure_future(publisher.publish(posts[first : first + 100]))
            for number in range(5):
                await other.publish("shared.other", b"0", headers={ID: f"other-{first}-{number}"})
                await other.flush()
            assert await publishing == Outcome(100)
        found = [one.body for one in await held(server.url, "SHARED") if one.subject != "shared.other"]
        assert [number for number in found if number % 3 == 0] == list(range(0, 3000, 3))
        assert len(found) == len(set(found)) == 3000
        await client.close()
        await other.close()

    run(scenario())


def test_nkeys_certificates_and_rights(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate, key = self_signed(tmp_path)
        box, other = user(), user()
        rights = '{ publish: ["edge.box.>", "$JS.API.>"], subscribe: ["_INBOX.>"] }'
        server = NatsServer(
            tmp_path / "nats",
            f'tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{certificate}", verify: true }}\n'
            f"authorization {{ users [ {{ nkey: {box.public}, permissions: {rights} }} ] }}",
        )
        files = {"ca": str(certificate), "certificate": str(certificate), "key": str(key)}
        url = server.url.replace("nats:", "tls:")
        good = NatsSettings(servers=(url,), credentials=box.seed, **files)
        seed = tmp_path / "other.seed"
        seed.write_text(other.seed + "\n")
        with server.running():
            connect: dict[str, Any] = {"nkeys_seed_str": box.seed, "tls": tls_of(good)}
            await add_stream(url, connect=connect)
            for receiver, why in (
                (NatsSettings(servers=(url,), credentials=str(seed), **files), "authorization violation"),
                (NatsSettings(servers=(url,), credentials=box.seed), "no trusted certificate"),
                (
                    NatsSettings(servers=(url,), credentials=str(tmp_path / "none"), **files),
                    "cannot read the credentials: no such file or directory",
                ),
                (
                    NatsSettings(servers=(url,), credentials=box.seed, prefix="other", stream="EDGE", **files),
                    "permissions",
                ),
            ):
                here = Site(tmp_path / why, receiver)
                here.add(event(1))
                async with here.running() as bridge:
                    await until(lambda: bridge.report().tries >= 1)
                    assert why in str(bridge.report().reason)
                    assert box.seed not in str(bridge.report())
                here.store.close()
            here = Site(tmp_path / "good", good)
            here.add(event(1))
            async with here.running() as bridge:
                await until(lambda: bridge.report().delivered == 1)
            assert len(await held(url, **connect)) == 1
            here.store.close()

    run(scenario())


def test_credentials_of_an_account(tmp_path: Path) -> None:
    async def scenario() -> None:
        conf, credentials = operated()
        server = NatsServer(tmp_path / "nats", conf)
        with server.running():
            path = tmp_path / "user.creds"
            path.write_text(credentials)
            await add_stream(server.url, connect={"user_credentials": str(path)})
            here = Site(tmp_path, NatsSettings(servers=(server.url,), credentials=credentials))
            here.add(event(1))
            async with here.running() as bridge:
                await until(lambda: bridge.report().delivered == 1)
            here.store.close()

    run(scenario())


def test_a_hub_behind_a_leaf_node(tmp_path: Path) -> None:
    async def scenario() -> None:
        leaves = free_port()
        hub = NatsServer(tmp_path / "hub", f"leafnodes {{ listen: 127.0.0.1:{leaves} }}", domain="hub")
        remotes = f'leafnodes {{ remotes [ {{ url: "nats-leaf://127.0.0.1:{leaves}" }} ] }}'
        leaf = NatsServer(tmp_path / "leaf", remotes, domain="box1")
        with hub.running(), leaf.running():
            await add_stream(leaf.url)
            await add_stream(hub.url, "DIRECT", subjects=["direct.>"])
            external = {"api": "$JS.box1.API", "deliver": "deliver.box1"}
            source = {"name": "ALL", "sources": [{"name": "EDGE", "external": external}]}
            await ask(hub.url, lambda js: js._api_request("$JS.API.STREAM.CREATE.ALL", json.dumps(source).encode()))
            here = Site(tmp_path, NatsSettings(servers=(leaf.url,)))
            here.add(*(event(number) for number in range(1, 21)))
            async with here.running() as bridge:
                await until(lambda: bridge.report().delivered == 20)
            there = Site(tmp_path / "there", NatsSettings(servers=(leaf.url,), prefix="direct", domain="hub"))
            there.add(event(1))
            async with there.running() as bridge:
                await until(lambda: bridge.report().delivered == 1)
            assert len(await held(hub.url, "DIRECT")) == 1

            async def arrived() -> list[Held]:
                while len(found := await held(hub.url, "ALL")) < 20:
                    await asyncio.sleep(0.2)
                return found

            async with asyncio.timeout(60):
                assert ids(await arrived()) == [f"event-{number}/start" for number in range(1, 21)]
            here.store.close()
            there.store.close()

    run(scenario())


@pytest.mark.parametrize(("name", "one"), [("yard", "yard"), ("a.b *", "a%2Eb%20%2A"), ("größe", "größe"), ("", "_")])
def test_a_name_is_one_token(name: str, one: str) -> None:
    assert token(name) == one
