"""Receivers whose certificate has expired, on real servers with TLS, and what happens once they have another one."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from edge_daemon.delivery.settings import AnyReceiver, MqttSettings, NatsSettings, WebhookSettings
from edge_daemon.messages.hints import hint_for_receiver
from tests.brokers import NatsServer
from tests.certificates import certify
from tests.integration.test_bridge import Site, soon, until
from tests.mqtt_broker import broker
from tests.receiving import HttpReceiver
from tests.unit.test_store import event

_ = soon  # a fixture: what failed is tried again soon
Serve = Callable[[Path, int], AbstractContextManager[int]]
"""Serves with the certificate in a folder, at a port (0: any); gives the port."""


@contextmanager
def _https(folder: Path, port: int) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    receiver = HttpReceiver(context=context)
    receiver.port = port
    receiver.start()
    try:
        yield receiver.port
    finally:
        receiver.stop()


@contextmanager
def _mosquitto(folder: Path, port: int) -> Iterator[int]:
    for file in folder.iterdir():
        file.chmod(0o644)
    lines = [f"certfile {folder}/cert.pem", f"keyfile {folder}/key.pem", "allow_anonymous true"]
    with broker(folder.parent / "broker", *lines, port=port or None) as serving:
        yield serving.port


@contextmanager
def _nats(folder: Path, port: int) -> Iterator[int]:
    tls = f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem" }}'
    server = NatsServer(folder.parent / "nats", tls, port or None)
    with server.running():
        yield server.port


KINDS: dict[str, tuple[Serve, Callable[[int, str], AnyReceiver]]] = {
    "webhook": (_https, lambda port, ca: WebhookSettings(url=f"https://localhost:{port}", ca=ca, private=True)),
    "mqtt": (_mosquitto, lambda port, ca: MqttSettings(servers=(f"mqtts://localhost:{port}",), ca=ca)),
    "nats": (_nats, lambda port, ca: NatsSettings(servers=(f"tls://localhost:{port}",), ca=ca, stream="EDGE")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_expired_certificate_is_named_until_there_is_another(tmp_path: Path, kind: str) -> None:
    serve, settings = KINDS[kind]
    authority = certify(tmp_path / "authority")
    old = certify(tmp_path / "old", valid_s=-1, authority=authority)
    new = certify(tmp_path / "new", authority=authority)

    async def scenario() -> None:
        with serve(old, 0) as port:
            site = Site(tmp_path / "box", settings(port, f"{authority}/cert.pem"))
            bridge = site.bridge()
            site.add(event(1))
            while not (why := bridge.report().reason):
                await bridge.step(0.05)
        assert why == "certificate has expired"
        assert "new certificate" in hint_for_receiver(why)
        with serve(new, port):
            async with site.running(bridge=bridge):
                bridge.retry()
                if kind == "nats":  # which has no stream yet: it is there all the same
                    await until(lambda: "no stream" in str(bridge.report().reason), bridge)
                else:
                    await until(lambda: bridge.delivered == 1, bridge)
        site.store.close()

    asyncio.run(scenario())
