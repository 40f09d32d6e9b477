"""Brokers on this machine, which can be killed and frozen."""

import asyncio
import base64
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nats
import nkeys
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from tests.acceptance.harness import free_port
from tests.processes import freeze
from tests.waiting import eventually

UP_S = 60.0
MOST_BYTES, BATCH = 1 << 30, 1000
SUBJECTS = "edge.>"


class Broker:
    """A server that listens at a port of this machine; `command` starts it."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        eventually(self._listens, UP_S, what=f"{self.command[0]} up")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the server."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop the server, which keeps its connections."""
        assert self._process
        freeze(self._process.pid)

    def thaw(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    @contextmanager
    def running(self) -> Iterator["Broker"]:
        try:
            self.start()
            yield self
        finally:
            self.kill()


class NatsServer(Broker):
    """A NATS server with JetStream; `more` is added to its configuration."""

    def __init__(self, folder: Path, more: str = "", port: int | None = None, domain: str = "") -> None:
        super().__init__(folder, port)
        store = f'store_dir: "{folder}/js", max_mem: 16MB, max_file: 1GB' + (f", domain: {domain}" if domain else "")
        (folder / "conf").write_text(f"listen: 127.0.0.1:{self.port}\njetstream {{ {store} }}\n{more}\n")

    @property
    def command(self) -> list[str]:
        return [str(Path(sys.executable).parent / "nats-server"), "-c", str(self.folder / "conf")]

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"


class Held(NamedTuple):
    """A message in a stream."""

    subject: str
    id: str
    body: Any


async def ask(url: str, question: Callable[[JetStreamContext], Coroutine[Any, Any, Any]], **more: Any) -> Any:
    """An answer of JetStream."""
    client: Client = await nats.connect(url, allow_reconnect=False, **more)
    try:
        return await question(client.jetstream())
    finally:
        await client.close()


async def add_stream(url: str, name: str = "EDGE", connect: dict[str, Any] | None = None, **more: Any) -> None:
    settings: dict[str, Any] = {"subjects": [SUBJECTS], "duplicate_window": 120.0} | more
    await ask(url, lambda js: js.add_stream(StreamConfig(name=name, **settings)), **(connect or {}))


async def held(url: str, name: str = "EDGE", **more: Any) -> list[Held]:
    """All messages of a stream, in order."""

    async def read(js: JetStreamContext) -> list[Held]:
        try:
            state = (await js.stream_info(name)).state
        except NotFoundError:
            return []
        if not state.messages:
            return []
        reader = await js.subscribe("", stream=name, ordered_consumer=True)
        found = [await reader.next_msg(5.0) for _ in range(state.messages)]
        return [Held(one.subject, (one.headers or {})["Nats-Msg-Id"], json.loads(one.data)) for one in found]

    found: list[Held] = await ask(url, read, **more)
    return found


class Identity(NamedTuple):
    """A key of NATS: its seed and its public key."""

    seed: str
    public: str

    @classmethod
    def new(cls, prefix: int) -> "Identity":
        seed = nkeys.encode_seed(os.urandom(32), prefix)
        return cls(seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode())


def user() -> Identity:
    """The key of a user."""
    return Identity.new(nkeys.PREFIX_BYTE_USER)


def operated() -> tuple[str, str]:
    """The configuration of a server with an operator and an account, and the credentials of a user of it."""
    kinds = (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    operator, system, account, member = map(Identity.new, kinds)
    limits = {"subs": -1, "data": -1, "payload": -1}
    stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    conn = {"conn": -1, "leaf": -1, "imports": -1, "exports": -1, "wildcards": True}
    operator_token = _token(operator, operator, "operator", {})
    account_token = _token(operator, account, "account", {"limits": limits | stored | conn})
    member_token = _token(account, member, "user", limits)
    system_token = _token(operator, system, "account", {"limits": limits | conn})
    accounts = f"{account.public}: {account_token}, {system.public}: {system_token}"
    conf = f"operator: {operator_token}\nsystem_account: {system.public}\n"
    conf += f"resolver: MEMORY\nresolver_preload: {{ {accounts} }}\n"
    return conf, (
        f"-----BEGIN NATS USER JWT-----\n{member_token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{member.seed}\n------END USER NKEY SEED------\n"
    )


def _token(issuer: Identity, subject: Identity, kind: str, claims: dict[str, Any]) -> str:
    def part(data: dict[str, Any] | bytes) -> str:
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    head = part({"typ": "JWT", "alg": "ed25519-nkey"})
    about = {"iss": issuer.public, "sub": subject.public, "name": kind, "iat": int(time.time()), "jti": subject.public}
    body = part(about | {"nats": claims | {"type": kind, "version": 2}})
    signature = nkeys.from_seed(bytearray(issuer.seed.encode())).sign(f"{head}.{body}".encode())
    return f"{head}.{body}.{part(signature)}"


class KafkaBroker(Broker):
    """A broker that speaks Kafka's protocol, in one file. It writes its messages when it ends: what it acknowledges
    after a signal, until it is gone, is lost.
    """

    @property
    def command(self) -> list[str]:
        return [self._program, "start", "--only", "kafka", "--kafka-port", str(self.port), *self._data]

    def end(self) -> None:
        """End the server with all that it has acknowledged: it stops to listen before it writes its messages."""
        self.thaw()
        eventually(self._stops, UP_S, what="the end of the service")
        self.kill(signal.SIGTERM)

    def _stops(self) -> bool:
        """Ask the server to stop its service; false if it does not take that yet."""
        command = [self._program, "stop", "kafka", *self._data]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    @property
    def _program(self) -> str:
        spec = importlib.util.find_spec("noida_db")
        assert spec
        assert spec.origin
        return str(Path(spec.origin).with_name("noida-db"))

    @property
    def _data(self) -> list[str]:
        return ["--data-dir", str(self.folder)]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def add_topic(address: str, topic: str, partitions: int) -> None:
    """Make a topic."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client = AdminClient({"bootstrap.servers": address})
    (done,) = client.create_topics([NewTopic(topic, partitions, 1)]).values()
    done.result(UP_S)


class Consumed(NamedTuple):
    """A message in a topic."""

    partition: int
    key: str
    headers: dict[str, str]
    body: Any


def consumed(address: str, topic: str, patience_s: float = 10.0) -> list[Consumed]:
    """All messages of a topic that are there now, or those that came until none did for some time."""
    from confluent_kafka import Consumer, TopicPartition

    settings = {"bootstrap.servers": address, "group.id": "test", "enable.auto.commit": False}
    consumer = Consumer(settings | {"receive.message.max.bytes": MOST_BYTES})  # the broker sends all at once
    found, ends = list[Consumed](), dict[int, int]()
    try:
        for partition in consumer.list_topics(topic, patience_s).topics[topic].partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), patience_s)
            if end > first:
                ends[partition] = end
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        until_s = time.monotonic() + patience_s
        while ends and time.monotonic() < until_s:
            for one in consumer.consume(BATCH, 0.5):
                if one.error():
                    continue
                until_s = time.monotonic() + patience_s
                partition, offset, key, value, headers = _parts(one)
                found.append(Consumed(partition, key, headers, json.loads(value)))
                if offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)
    finally:
        consumer.close()
    return found


def _parts(one: Any) -> tuple[int, int, str, bytes, dict[str, str]]:
    headers = {name: value.decode() for name, value in one.headers() or []}
    return one.partition(), one.offset(), one.key().decode(), one.value(), headers


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a test."""
    asyncio.run(scenario)
