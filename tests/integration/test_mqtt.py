"""A bridge between a store and a real MQTT broker, which may be killed, freeze or refuse."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from edge_daemon.bridge.bridge import Bridge
from edge_daemon.bridge.live import Live
from edge_daemon.bridge.mqtt import Mqtt
from edge_daemon.bridge.mqtt_connection import Connection, Publication
from edge_daemon.bridge.receiver import Context, Undelivered, connect
from edge_daemon.config.machines import parted
from edge_daemon.delivery import retry
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.settings import BridgeSettings, MqttSettings, PlacesSettings
from edge_daemon.messages.requests import AnyRequest, SetMode, SwitchRule
from edge_daemon.messages.status import CameraStatus, Status
from edge_daemon.messages.switches import SwitchState
from edge_daemon.messages.topics import STATUS
from edge_daemon.settings import StorageSettings
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Reader
from edge_daemon.store.store import Store
from edge_daemon.transport import zeromq
from tests.certificates import certify
from tests.integration.test_bridge import until
from tests.mqtt_broker import Mosquitto, Watcher, broker, watching
from tests.unit.test_store import event

ROOT = "edge/box"
PLACES = {"yard": PlacesSettings(zones=("drive",), rules=("visitor", "offline"), troubles=("offline",))}
STILL = "0193715e-8f5a-7c3e-9d2b-6c1f0a7b2e44"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(retry, "FIRST_S", 0.05)
    monkeypatch.setattr(retry, "LONGEST_S", 0.2)


class Site:
    """A store in a folder, and the bridge `home`, which can be replaced by another one."""

    def __init__(self, folder: Path, url: str, places: dict[str, PlacesSettings] | None = None, **more: Any) -> None:
        self.folder, self.store, self.asked = folder, Store(folder / "store"), list[AnyRequest]()
        server, user, password = parted(url)
        self.settings = BridgeSettings(
            name="home",
            receiver=MqttSettings(servers=(server,), user=user, password=password, **more),
            since="beginning",
            storage=StorageSettings(folder=str(folder / "store"), media=str(folder / "media")),
            recorder="",
            box="box",
            places=PLACES if places is None else places,
            published=zeromq.ipc(folder, "live"),
        )

    def add(self, *bodies: bytes) -> None:
        self.store.add(bodies)

    def position(self, bridge: Bridge) -> int:
        return bridge.report().position

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bridge]:
        settings = self.settings
        live = Live(settings, settings.published or "")
        composer = Composer(settings.payload, settings.box, settings.time_zone)
        reader = Reader(Path(settings.storage.folder))
        context = Context(settings, composer, reader, self.asked.append, live)
        bridge = Bridge(settings, connect(context), live, chance=lambda: 0.5)

        async def run() -> None:
            while True:
                await bridge.step(0.05)

        task = asyncio.ensure_future(run())
        try:
            yield bridge
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await bridge.close()
            live.close()
            self.store.close()

    @asynccontextmanager
    async def status(self, switches: SwitchState, state: str = "up") -> AsyncIterator[None]:
        """The sink publishes this status."""
        cameras = {"yard": CameraStatus(state=state, models={})}
        status = Status(at="2026-11-28T22:00:00Z", cameras=cameras, processes=[], switches=switches)
        with zmq.Context() as context, context.socket(zmq.PUB) as socket:
            socket.connect(self.settings.published or "")

            async def publish() -> None:
                while True:
                    socket.send_multipart([STATUS.prefix(), msgspec.json.encode(status)])
                    await asyncio.sleep(0.05)

            task = asyncio.ensure_future(publish())
            try:
                yield
            finally:
                task.cancel()


def phases(watcher: Watcher) -> list[str]:
    found = [one.json for one in watcher.at(f"{ROOT}/event/yard/visitor")]
    return [f"{one['id']}/{one['phase']}" for one in found]


def test_events_come_once_in_order_states_are_retained_and_commands_are_passed_on(tmp_path: Path) -> None:
    async def scenario(serving: Mosquitto, watcher: Watcher) -> None:
        site = Site(tmp_path, serving.url, discovery=True, commands=True, stills=("yard",))
        site.settings = msgspec.structs.replace(site.settings, modes=("home", "away"))
        occurs = f"{ROOT}/event/yard/visitor/state"
        site.add(event(1), event(1, "end", 5))
        async with site.running() as bridge, site.status(SwitchState(mode="home", off={"visitor": None})):
            await until(lambda: watcher.last(occurs) == b"OFF", bridge)
            site.add(event(2))
            await until(lambda: site.position(bridge) == 3, bridge)
            await until(lambda: watcher.last(occurs) == b"ON", bridge)
            site.add(json.dumps(json.loads(event(2, "update", 8)) | {"id": STILL, "still": "/x"}).encode())
            picture = path_of(tmp_path / "media", "yard", STILL, "still")
            picture.parent.mkdir(parents=True)
            picture.write_bytes(b"\xff\xd8picture")
            site.add(event(2, "end", 9))
            await until(lambda: watcher.last(occurs) == b"OFF", bridge)
            await until(lambda: watcher.last(f"{ROOT}/camera/yard/still") == b"\xff\xd8picture", bridge)
            await until(lambda: b'"up"' in watcher.last(f"{ROOT}/camera/yard/state"), bridge)
            assert phases(watcher)[:3] == ["event-1/start", "event-1/end", "event-2/start"]
            assert watcher.at(f"{ROOT}/event/yard/visitor")[0].payload == event(1)
            assert watcher.last(f"{ROOT}/rule/visitor/state") == b"OFF"
            assert watcher.last(f"{ROOT}/mode/state") == b"home"
            with watching(serving.port, "later") as later:
                await until(lambda: later.last(f"{ROOT}/status") == b"online")
                await until(lambda: later.last(occurs) == b"OFF")
                assert not later.at(f"{ROOT}/event/yard/visitor")
                assert all(one.retained for one in later.seen)
            before = len(watcher.at(occurs))
            watcher.publish("homeassistant/status", "online")
            await until(lambda: len(watcher.at(occurs)) > before, bridge)
            watcher.publish(f"{ROOT}/rule/visitor/set", "ON")
            watcher.publish(f"{ROOT}/mode/set", "away", retain=True)
            watcher.publish(f"{ROOT}/rule/nobody/set", "ON")
            await until(lambda: len(site.asked) == 2)
            assert isinstance(site.asked[0], SwitchRule)
            assert site.asked[0].enabled
            assert isinstance(site.asked[1], SetMode)
            assert site.asked[0].by.via == "mqtt"
        await until(lambda: watcher.last(f"{ROOT}/status") == b"offline")
        device = "homeassistant/device/edge__box__yard/config"
        assert "rule__visitor" in json.loads(watcher.last(device))["components"]
        gone = b'"rule__visitor":{"platform":"binary_sensor"}'
        site = Site(tmp_path, serving.url, {"yard": PlacesSettings(zones=("drive",))}, discovery=True, commands=True)
        async with site.running() as bridge:
            await until(lambda: watcher.last(occurs) == b"" and gone in watcher.last(device))
            assert not site.asked, "a retained command would be carried out at each connection"
        site = Site(tmp_path, serving.url, {}, discovery=True)
        async with site.running() as bridge:
            await until(lambda: watcher.last(device) == b"")
        connection = Connection(
            MqttSettings(servers=(serving.url,)), "x", Publication("x/status", b"gone"), lambda *_: None
        )
        await connection.open([])
        connection.drop()
        await until(lambda: watcher.last("x/status") == b"gone")

    with broker(tmp_path / "broker") as serving, watching(serving.port) as watcher:
        asyncio.run(scenario(serving, watcher))


def test_a_broker_that_is_killed_and_one_that_freezes_get_everything_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mqtt, "timeout_s", 1.0)

    async def scenario(serving: Mosquitto, watcher: Watcher) -> None:
        site = Site(tmp_path, serving.url)
        number = 0

        def add(count: int) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                site.add(event(number), event(number, "end", 1))

        async with site.running() as bridge:
            add(20)
            await until(lambda: len(phases(watcher)) >= 10, bridge)
            serving.kill()
            add(20)
            await until(lambda: bridge.report().tries >= 2, bridge)
            assert bridge.report().reason == "refused"
            acknowledged = bridge.delivered
            bridge.pause(True)
            serving.start()
            await until(lambda: watcher.connections == 2)
            bridge.pause(False)
            await until(lambda: site.position(bridge) == 2 * number, bridge)
            serving.freeze()
            add(10)
            await until(lambda: bridge.report().tries >= 1, bridge)
            assert bridge.report().reason == "no answer"
            serving.thaw()
            await until(lambda: site.position(bridge) == 2 * number, bridge)
            expected = [f"event-{one}/{phase}" for one in range(1, number + 1) for phase in ("start", "end")]
            await until(lambda: phases(watcher)[-1] == expected[-1])
            await until(lambda: watcher.last(f"{ROOT}/status") == b"online", bridge)
            assert bridge.report().dead == 0
        seen = dict.fromkeys(phases(watcher))
        assert list(seen) == [one for one in expected if one in seen]
        lost = [one for one in expected if one not in seen]
        assert set(lost) <= set(expected[:acknowledged]), "a broker may lose what it has acknowledged, if it is killed"

    with broker(tmp_path / "broker") as serving, watching(serving.port) as watcher:
        asyncio.run(scenario(serving, watcher))


def test_a_broker_says_how_many_messages_are_under_way(tmp_path: Path) -> None:
    async def scenario(serving: Mosquitto, watcher: Watcher) -> None:
        connection = Connection(MqttSettings(servers=(serving.url,)), "x", None, lambda *_: None)
        await connection.open([])
        publishing = asyncio.ensure_future(connection.publish([Publication("x", b"%d" % n) for n in range(50)]))
        await asyncio.sleep(0)
        assert len(connection._pending) == 3
        await publishing
        await until(lambda: watcher.payloads("x") == [b"%d" % number for number in range(50)])
        connection.drop()
        with pytest.raises(Undelivered, match="closed"):
            await connection.publish([Publication("x", b"late")])

    lines = ["allow_anonymous true", "max_inflight_messages 3"]
    with broker(tmp_path / "broker", *lines) as serving, watching(serving.port) as watcher:
        asyncio.run(scenario(serving, watcher))


def test_tls_with_certificates_of_both_sides_and_a_broker_that_refuses(tmp_path: Path) -> None:
    for name in ("server", "client"):
        for file in certify(tmp_path / name).iterdir():
            file.chmod(0o644)
    (tmp_path / "users").touch(mode=0o644)
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "users"), "edge", "right"], check=True)
    (tmp_path / "users").chmod(0o644)
    server, client = tmp_path / "server", tmp_path / "client"
    lines = [
        f"certfile {server}/cert.pem",
        f"keyfile {server}/key.pem",
        f"cafile {client}/cert.pem",
        "require_certificate true",
        "allow_anonymous false",
        f"password_file {tmp_path}/users",
    ]

    async def scenario(serving: Mosquitto) -> None:
        own: dict[str, Any] = {"certificate": str(client / "cert.pem"), "key": str(client / "key.pem")}
        ca = {"ca": str(server / "cert.pem")}
        tries = {"wrong": own | ca, "right": own | ca}
        for version in ("5", "3.1.1"):
            for password, more in tries.items():
                folder = tmp_path / version / password
                site = Site(folder, f"mqtts://edge:{password}@localhost:{serving.port}", version=version, **more)
                site.add(event(1))
                async with site.running() as bridge:
                    if password == "wrong":
                        await until(lambda bridge=bridge: bridge.report().tries >= 1, bridge)  # type: ignore[misc]
                        assert bridge.report().reason == "unauthorised"
                        assert "wrong" not in str(bridge.report())
                    else:
                        await until(lambda bridge=bridge: bridge.delivered == 1, bridge)  # type: ignore[misc]
        site = Site(tmp_path / "untrusted", f"mqtts://edge:right@localhost:{serving.port}", **own)
        async with site.running() as bridge:
            await until(lambda: bridge.report().tries >= 1, bridge)
            assert bridge.report().reason == "no trusted certificate"

    with broker(tmp_path / "broker", *lines) as serving:
        asyncio.run(scenario(serving))
