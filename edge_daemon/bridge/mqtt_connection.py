"""A connection to an MQTT broker, by paho-mqtt. It is never repaired: a lost one is replaced by another."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_daemon.bridge import network
from edge_daemon.bridge.receiver import Undelivered
from edge_daemon.bridge.tls import tls_of
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import MqttSettings

KEEPALIVE_S = 20
SESSION_S = 86_400
"""Time for which the broker keeps the session of a box that is away, with commands to it."""
CLOSING_S = 2.0
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

    All methods run in the event loop's thread; the library has a thread of its own, which only passes things on.
    """

    def __init__(
        self, settings: MqttSettings, client: str, will: Publication | None, receive: Receive, *, lasts: bool = True
    ) -> None:
        self._settings, self._receive, self._lasts = settings, receive, lasts
        self._url = urlsplit(settings.servers[0])
        self._is_5 = settings.version == "5"
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._pending: dict[int, asyncio.Future[None]] = {}
        self.lost = ""
        """Why there is no connection any more."""
        self._client = Client(
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
        if isinstance(end := self._client.socket(), socket.socket):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else messages wait 40 ms for one another
        self._client.loop_start()
        await self._connected
        if patterns:
            self._client.subscribe([(pattern, 1) for pattern in patterns])

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish messages in order, and wait until all are acknowledged.

        Raises:
            Undelivered: not all were.
        """
        futures = [self._publish(one) for one in publications]
        results = await asyncio.gather(*futures, return_exceptions=True)
        for number, result in enumerate(results):
            if isinstance(result, Undelivered):
                raise Undelivered(result.failure, acknowledged=number)

    async def close(self, farewell: Publication) -> None:
        """Publish a last message instead of the will, and disconnect, if the broker answers soon."""
        if not self.lost:
            with contextlib.suppress(TimeoutError, Undelivered):
                async with asyncio.timeout(CLOSING_S):
                    await self.publish([farewell])
            self._client.disconnect()
        await self.drop()

    async def drop(self) -> None:
        """End it without a word: the broker publishes the will."""
        self._lose(self.lost or "closed")
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        end = self._client.socket()
        if isinstance(end, socket.socket):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # which ends the library's thread
        self._client.loop_stop()
        self._client.reinitialise()  # closes what is left

    def _connect(self) -> None:
        host, port = self._url.hostname or "", self._url.port or (8883 if self._url.scheme == "mqtts" else 1883)
        if not self._is_5:
            self._client.connect(host, port, KEEPALIVE_S)
            return
        about = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        about.SessionExpiryInterval = SESSION_S if self._lasts else 0
        self._client.connect(host, port, KEEPALIVE_S, clean_start=not self._lasts, properties=about)

    def _publish(self, one: Publication) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        if self.lost:
            future.set_exception(Undelivered(Failure(self.lost)))
            return future
        info = self._client.publish(one.topic, one.payload, 1, one.retain)
        if info.rc == MQTT_ERR_SUCCESS:
            self._pending[info.mid] = future
        else:
            future.set_exception(Undelivered(Failure("connection lost")))
        return future

    def _acknowledge(self, number: int, code: ReasonCode) -> None:
        future = self._pending.pop(number, None)
        if future is None or future.done():
            return
        if code.is_failure:
            future.set_exception(Undelivered(_failure(code)))
        else:
            future.set_result(None)

    def _begin(self, code: ReasonCode) -> None:
        if code.is_failure:
            self._lose("unauthorised" if code.value in (BAD_LOGIN, NOT_AUTHORISED) else str(code).lower())
        elif not self._connected.done():
            self._connected.set_result(None)

    def _lose(self, why: str) -> None:
        """Note that the connection is lost: nothing will be acknowledged any more."""
        self.lost = self.lost or why
        for future in (self._connected, *self._pending.values()):
            if not future.done():
                future.set_exception(Undelivered(Failure(self.lost)))
                future.exception()  # it may be that nobody waits for it
        self._pending.clear()

    def _on_connect(self, _: Client, __: Any, ___: Any, code: ReasonCode, ____: Properties | None) -> None:
        self._pass_on(self._begin, code)

    def _on_disconnect(self, _: Client, __: Any, ___: Any, code: ReasonCode, ____: Properties | None) -> None:
        words = str(code).lower()
        self._pass_on(self._lose, _LOST.get(words, words))

    def _on_publish(self, _: Client, __: Any, number: int, code: ReasonCode, ___: Properties | None) -> None:
        if isinstance(end := self._client.socket(), socket.socket):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else brokers wait 40 ms with the next one
        self._pass_on(self._acknowledge, number, code)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._pass_on(self._receive, message.topic, message.payload, message.retain)

    def _pass_on(self, call: Callable[..., None], *values: object) -> None:
        """Call a function in the event loop's thread, if the loop still runs."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *values)


_LOST = {
    "unspecified error": "connection lost",
    "success": "connection lost",
    "keep alive timeout": "no answer in time",
}
"""Reasons for which the library ends a connection, in the words that are used for all receivers."""


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
