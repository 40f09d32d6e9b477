"""A connection to an MQTT broker, by paho-mqtt. It is never repaired: a lost one is replaced by another."""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_daemon.bridge import network
from edge_daemon.bridge.receiver import CLOSED, Undelivered
from edge_daemon.bridge.tls import tls_of
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import MqttSettings

KEEPALIVE_S = 20
SESSION_S = 86_400
"""Time for which the broker keeps the session of a box that is away, with commands to it."""
CLOSING_S = 2.0
READ = 16 << 10
"""Most bytes that are read at once: as many as a record of TLS has."""
LOOK_S = 1.0
"""Time between two looks at whether the broker still answers."""
MOST = 256
"""Most messages that are not acknowledged at a time; a broker may want fewer."""
BAD_LOGIN, NOT_AUTHORISED, QUOTA_EXCEEDED = 134, 135, 151
Receive = Callable[[str, bytes, bool], None]
"""Takes in the topic and payload of a message, and if it was retained."""


class Publication(NamedTuple):
    """A message for the broker."""

    topic: str
    payload: bytes
    retain: bool = False


class Connection:
    """A connection under the name `client`, with a retained last will, from `open` until it is `lost`. What it is sent
    on the subscribed topics goes to `receive`.

    All runs in the event loop's thread but for the wait until it is connected.
    """

    def __init__(
        self, settings: MqttSettings, client: str, will: Publication | None, receive: Receive, *, lasts: bool = True
    ) -> None:
        self._settings, self._receive, self._lasts = settings, receive, lasts
        self._url = urlsplit(settings.servers[0])
        self._is_5 = settings.version == "5"
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[tuple[_Batch, int, Publication]] = deque()
        self._pending: dict[int, tuple[_Batch, int]] = {}
        self._most = MOST
        self._look: asyncio.TimerHandle | None = None
        self.lost = ""
        """Why there is no connection any more."""
        self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client,
            clean_session=None if self._is_5 else not lasts,
            protocol=MQTTv5 if self._is_5 else MQTTv311,
            reconnect_on_failure=False,
        )
        if will:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        if settings.user:
            self._client.username_pw_set(settings.user, settings.password)
        self._client.max_inflight_messages_set(MOST)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    async def open(self, patterns: Sequence[str]) -> None:
        """Connect, and subscribe to topics.

        Raises:
            Undelivered: that failed.
        """
        if self._url.scheme == "mqtts":
            context = tls_of(self._settings)
            context.sslsocket_class = _Socket
            self._client.tls_set_context(context)
        try:
            await asyncio.to_thread(self._connect)
        except OSError as error:
            raise Undelivered(Failure(network.why(error))) from None
        end = self._client.socket()
        if not isinstance(end, socket.socket):
            raise Undelivered(Failure("connection lost"))
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else messages wait 40 ms for one another
        self._client.on_socket_register_write = lambda *_: self._loop.add_writer(end, self._write, end)
        self._client.on_socket_unregister_write = lambda *_: _forget(self._loop.remove_writer(end))
        self._client.on_socket_close = lambda *_: _forget(self._loop.remove_reader(end))
        self._loop.add_reader(end, self._read, end)
        self._client.loop_write()
        self._keep()
        await self._connected
        if patterns:
            self._client.subscribe([(pattern, 1) for pattern in patterns])

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish messages in order, and wait until all are acknowledged.

        Raises:
            Undelivered: not all were.
        """
        if self.lost:
            raise Undelivered(Failure(self.lost))
        if not publications:
            return
        batch = _Batch(len(publications), self._loop.create_future())
        self._waiting.extend((batch, number, one) for number, one in enumerate(publications))
        self._send()
        await batch.done
        if batch.failures:
            number = min(batch.failures)
            raise Undelivered(batch.failures[number], acknowledged=number)

    async def close(self, farewell: Publication) -> None:
        """Publish a last message instead of the will, and disconnect, if the broker answers soon."""
        if not self.lost:
            with contextlib.suppress(TimeoutError, Undelivered):
                async with asyncio.timeout(CLOSING_S):
                    await self.publish([farewell])
            self._client.disconnect()
            self._client.loop_write()
        self.drop()

    def drop(self) -> None:
        """End it without a word: the broker publishes the will."""
        self._lose(self.lost or CLOSED)
        self._client.reinitialise()  # closes what is left

    def _connect(self) -> None:
        """Connect, in a thread: that waits for the broker."""
        self._greet()
        if self.lost:  # meanwhile
            self._client.reinitialise()

    def _greet(self) -> None:
        host, port = self._url.hostname or "", self._url.port or (8883 if self._url.scheme == "mqtts" else 1883)
        if not self._is_5:
            self._client.connect(host, port, KEEPALIVE_S)
            return
        about = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        about.SessionExpiryInterval = SESSION_S if self._lasts else 0
        self._client.connect(host, port, KEEPALIVE_S, clean_start=not self._lasts, properties=about)

    def _send(self) -> None:
        """Send what waits, as far as the broker takes it."""
        while self._waiting and len(self._pending) < self._most:
            batch, number, one = self._waiting.popleft()
            if batch.done.done():
                continue  # nobody waits for it any more
            info = self._client.publish(one.topic, one.payload, 1, one.retain)
            if info.rc == MQTT_ERR_SUCCESS:
                self._pending[info.mid] = batch, number
            else:
                batch.answer(number, Failure("connection lost"))

    def _read(self, end: socket.socket) -> None:
        """Take in what the broker has sent."""
        self._client.loop_read()
        while self._client.has_more:
            self._client.loop_read()
        if not self.lost:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else brokers wait 40 ms with the next answer
        self._send()

    def _write(self, end: socket.socket) -> None:
        """Send what the library holds, in few packets."""
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self._client.loop_write()
        if not self.lost:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def _keep(self) -> None:
        """Ask now and then whether the broker is still there."""
        self._client.loop_misc()
        if not self.lost:
            self._look = self._loop.call_later(LOOK_S, self._keep)

    def _lose(self, why: str) -> None:
        """Note that the connection is lost: nothing will be acknowledged any more."""
        self.lost = self.lost or why
        if self._look:
            self._look.cancel()
        if not self._connected.done():
            self._connected.set_exception(Undelivered(Failure(self.lost)))
            self._connected.exception()  # it may be that nobody waits for it
        for batch, number in [*self._pending.values(), *((batch, number) for batch, number, _ in self._waiting)]:
            batch.answer(number, Failure(self.lost))
        self._pending.clear()
        self._waiting.clear()

    def _on_connect(self, _: Client, __: Any, ___: Any, code: ReasonCode, about: Properties | None) -> None:
        if code.is_failure:
            self._lose("unauthorised" if code.value in (BAD_LOGIN, NOT_AUTHORISED) else str(code).lower())
        elif not self._connected.done():
            self._most = min(MOST, getattr(about, "ReceiveMaximum", MOST))
            self._connected.set_result(None)

    def _on_disconnect(self, _: Client, __: Any, ___: Any, code: ReasonCode, ____: Properties | None) -> None:
        words = str(code).lower()
        self._lose(_LOST.get(words, words))

    def _on_publish(self, _: Client, __: Any, number: int, code: ReasonCode, ___: Properties | None) -> None:
        if number in self._pending:
            batch, place = self._pending.pop(number)
            batch.answer(place, _failure(code) if code.is_failure else None)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._receive(message.topic, bytes(message.payload), message.retain)


class _Batch:
    """Messages that somebody waits for, until `done`: those that have failed."""

    def __init__(self, size: int, done: "asyncio.Future[None]") -> None:
        self.done, self.failures, self._left = done, dict[int, Failure](), size

    def answer(self, number: int, failure: Failure | None) -> None:
        """Note what has become of one of them."""
        self._left -= 1
        if failure:
            self.failures[number] = failure
        if not self._left and not self.done.done():
            self.done.set_result(None)


_LOST = {
    "unspecified error": "connection lost",
    "success": "connection lost",
    "keep alive timeout": "no answer in time",
}
"""Reasons for which the library ends a connection, in the words that are used for all receivers."""


class _Client(Client):
    """The library's client, which reads more than a few bytes at a time."""

    _read = b""

    @property
    def has_more(self) -> bool:
        """True if something was read that is not taken in yet."""
        return bool(self._read) and self.socket() is not None

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._read:
            self._read = super()._sock_recv(READ)
        found, self._read = self._read[:bufsize], self._read[bufsize:]
        return found


def _forget(_: object) -> None:
    """Nothing: the library's callbacks have no value."""


class _Socket(ssl.SSLSocket):
    """A socket that is closed if it cannot be used."""

    def do_handshake(self, block: bool = False) -> None:
        """Greet the broker.

        Raises:
            OSError: that failed.
        """
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _failure(code: ReasonCode) -> Failure:
    """What it means that a broker does not take a message. One that this user may not publish waits until it may."""
    if code.value == NOT_AUTHORISED:
        return Failure("not authorised")
    return Failure(str(code).lower(), rejected=code.value != QUOTA_EXCEEDED)
