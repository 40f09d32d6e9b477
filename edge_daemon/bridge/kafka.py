"""Kafka: messages of a camera have the same key, and so one partition and their order. Each is stored at least once.

A producer is idempotent: while it lives, nothing is doubled and no message is stored without the one before it. After a
failure, or a restart, another producer sends again what was not acknowledged.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Report

from edge_daemon.bridge.receiver import Context, Receiver, Undelivered
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import KafkaSettings

logger = logging.getLogger(__name__)
TIMEOUT_S = 5.0
"""Longest wait for an answer of the brokers."""
SLICE_S = 0.5
"""Longest wait in a thread, which cannot be interrupted."""
REJECTED = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG)


def connect(settings: KafkaSettings, context: Context) -> "Kafka":
    """The receiver of a bridge."""
    return Kafka(settings, context)


class Kafka(Receiver):
    """Produces to a topic, with the key `BOX/CAMERA`, and `id` and `type` as headers."""

    streams = True
    batch = 500
    timeout_s = 3 * TIMEOUT_S

    def __init__(self, settings: KafkaSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._producer: Producer | None = None
        self._trouble: KafkaError | None = None
        self.to = f"{', '.join(settings.servers)}/{settings.topic}"

    def lane_of(self, message: Message) -> str:
        """One lane for all: the order of cameras is that of partitions."""
        return ""

    async def open(self) -> None:
        """Make a producer, and look for the topic.

        Raises:
            Undelivered: that failed.
        """
        await self.close()
        self._trouble = None
        try:
            self._producer = Producer(_options(self._settings) | {"error_cb": self._note}, logger=logger)
            found = await asyncio.to_thread(self._producer.list_topics, self._settings.topic, TIMEOUT_S)
        except KafkaException as error:
            if self._producer:
                self._producer.poll(0)
            raise Undelivered(self._failure_of(error.args[0])) from None
        if (wrong := found.topics[self._settings.topic].error) is not None:
            raise Undelivered(self._failure_of(wrong))

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Produce messages, and wait until all are acknowledged."""
        producer, results = self._producer, dict[int, KafkaError | None]()
        if producer is None:
            raise Undelivered(Failure("connection lost"))
        try:
            for number, message in enumerate(messages):
                self._produce(producer, message, partial(_note_result, results, number))
            end_s = time.monotonic() + TIMEOUT_S
            while len(results) < len(messages) and time.monotonic() < end_s:
                await asyncio.to_thread(_flush, producer, SLICE_S)
        except (KafkaException, BufferError) as error:
            await self.close()
            raise Undelivered(self._failure_of(error.args[0] if isinstance(error, KafkaException) else None)) from None
        # Partitions answer independently of each other.
        for number in range(len(messages)):
            if results.get(number, _UNKNOWN) is not None:
                raise Undelivered(self._failure_of(results.get(number)), number)

    async def close(self) -> None:
        """Forget what is not sent."""
        producer, self._producer = self._producer, None
        if producer:
            with suppress(KafkaException):
                producer.purge()
                await asyncio.to_thread(_flush, producer, 1.0)

    def _produce(self, producer: Producer, message: Message, done: Callable[[KafkaError | None, Report], None]) -> None:
        """Hand a message to the producer, which calls `done`.

        Raises:
            KafkaException: it is not accepted.
            BufferError: there is no room for it.
        """
        payload = self._context.composer.payload(message)
        headers: list[tuple[str, str | bytes | None]] = [("id", message.id), ("type", message.type)]
        key = f"{self._context.settings.box}/{message.camera}"
        producer.produce(self._settings.topic, payload.content, key, on_delivery=done, headers=headers)

    def _note(self, error: KafkaError) -> None:
        self._trouble = error

    def _failure_of(self, error: KafkaError | None) -> Failure:
        found = self._trouble if error is None or error.code() in _VAGUE else error
        if found is None:
            return Failure("no answer in time")
        if "refused" in found.str():
            return Failure("refused")
        return Failure(_WORDS.get(found.code(), found.str().lower()), rejected=found.code() in REJECTED)


def _note_result(results: dict[int, KafkaError | None], number: int, error: KafkaError | None, _: Report) -> None:
    results[number] = error


def _flush(producer: Producer, most_s: float) -> None:
    """Wait until all is sent.

    Raises:
        KafkaException: the producer has failed for good, such as after a gap.
    """
    try:
        producer.flush(most_s)
    except SystemError as error:  # of Python, since the library raises one error while it reports another
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from None
        raise


_UNKNOWN = object()
_VAGUE = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._PURGE_QUEUE)
_WORDS = {
    KafkaError._TRANSPORT: "connection lost",
    KafkaError._ALL_BROKERS_DOWN: "connection lost",
    KafkaError._GAPLESS_GUARANTEE: "connection lost",
    KafkaError._RESOLVE: "unknown host",
    KafkaError._AUTHENTICATION: "unauthorised",
    KafkaError._SSL: "TLS failed",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "not permitted to write to the topic",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "there is no such topic",
    KafkaError.MSG_SIZE_TOO_LARGE: "too large for the topic",
}


def _options(settings: KafkaSettings) -> dict[str, object]:
    """Options of librdkafka."""
    secure = settings.tls or settings.ca or settings.certificate
    options: dict[str, object] = {
        "bootstrap.servers": ",".join(settings.servers),
        "client.id": "edge-daemon",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "message.timeout.ms": 0,
        "log_level": 0,
        "security.protocol": f"{'SASL_' if settings.user else ''}{'SSL' if secure else 'PLAINTEXT'}",
        "sasl.mechanism": settings.mechanism if settings.user else None,
        "sasl.username": settings.user,
        "sasl.password": settings.password,
        "ssl.ca.location": settings.ca if secure else None,
        "ssl.certificate.location": settings.certificate,
        "ssl.key.location": settings.key,
    }
    return {name: value for name, value in options.items() if value is not None}
