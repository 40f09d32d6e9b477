"""Pictures that people sent in, from the first word to the dispatcher to the answer. Knows no sockets and no clock."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_daemon.errors import EdgeError
from edge_daemon.messages.codec import Message
from edge_daemon.messages.frames import ResultFilter, Upload
from edge_daemon.messages.outcomes import UploadOutcome
from edge_daemon.messages.scheduling import Request, Returned, SendUpload, UploadDone, WebHello, Withdraw
from edge_daemon.settings import Codec

MOST_BYTES = 512 << 20
"""Of pictures that wait, all models' together: a file of a few kilobytes can be 192 MB of pixels."""


class BusyError(EdgeError):
    """More wait than may; it is worth trying again."""


class GoneError(EdgeError):
    """The model is not served any more."""


@dataclass(frozen=True)
class Picture:
    """A picture as a worker decodes it: `data` are `codec` bytes of `width` x `height` pixels (raw ones are BGR)."""

    data: bytes | memoryview
    codec: Codec
    width: int
    height: int


@dataclass(frozen=True)
class Answer:
    """What a worker made of a picture; the annotated one (RGB, height x width x 3 bytes) if it was asked for."""

    picture: Picture
    outcome: UploadOutcome
    rgb: memoryview | None


Hand = Callable[[Answer | EdgeError], None]
"""Takes the answer, or why there is none."""


@dataclass
class _Order:
    model: str
    picture: Picture
    filter: ResultFilter
    annotate: bool
    hand: Hand
    at_ns: int
    sent: bool = False
    deaths: int = 0


class Requests:
    """All requests that are not answered. What the dispatcher is to hear is left in `outbox`."""

    def __init__(self, models: list[str], reply: str, *, most: int) -> None:
        self._models, self._reply, self._most = models, reply, most
        self._orders: dict[int, _Order] = {}
        self._count = 0
        self.outbox: list[Message] = []

    def __len__(self) -> int:
        return len(self._orders)

    def change(self, models: list[str]) -> None:
        """Go on with other models; what waits for one that is gone is not asked for any more."""
        self._models = models
        gone = [number for number, order in self._orders.items() if order.model not in models and not order.sent]
        for number in gone:
            self._end(number)

    def add(
        self, model: str, picture: Picture, filter: ResultFilter, *, annotate: bool, now_ns: int, hand: Hand
    ) -> int:
        """A picture for `model`; its number, by which it can be withdrawn.

        Raises:
            BusyError: too many wait for that model, or too large ones for any.
        """
        if sum(order.model == model for order in self._orders.values()) >= self._most:
            raise BusyError(f"{self._most} pictures wait for model {model} already")
        waiting = sum(len(order.picture.data) for order in self._orders.values())
        if waiting and waiting + len(picture.data) > MOST_BYTES:
            raise BusyError(f"pictures of {waiting >> 20} MB wait already")
        self._count += 1
        self._orders[self._count] = _Order(model, picture, filter, annotate, hand, now_ns)
        self.outbox.append(Request(model=model, number=self._count))
        return self._count

    def withdraw(self, number: int) -> None:
        """Nobody waits for it any more."""
        if order := self._orders.pop(number, None):
            self.outbox.append(Withdraw(model=order.model, number=number))

    def hello(self) -> WebHello:
        """All that is not answered, for a dispatcher that may know nothing of it."""
        return WebHello(requests=[(order.model, number, order.deaths) for number, order in self._orders.items()])

    def send(self, asked: SendUpload) -> tuple[Upload, bytes | memoryview] | None:
        """What the worker is to get, or None if nobody waits for it any more: the dispatcher is told that."""
        order = self._orders.get(asked.number)
        if order is None:
            self.outbox.append(Withdraw(model=asked.model, number=asked.number))
            self.outbox.append(UploadDone(worker=asked.worker, number=asked.number))
            return None
        order.sent = True
        picture = order.picture
        header = Upload(
            number=asked.number,
            captured_ns=order.at_ns,
            width=picture.width,
            height=picture.height,
            codec=picture.codec,
            annotate="raw" if order.annotate else None,
            deaths=order.deaths,
            reply=self._reply,
            filter=order.filter,
        )
        return header, picture.data

    def returned(self, message: Returned) -> None:
        """The worker that had it is gone: another is to have it, unless there is no such model any more."""
        order = self._orders.get(message.number)
        if order is None:
            return
        if order.model not in self._models:
            self._end(message.number)
            return
        order.deaths += order.sent
        order.sent = False
        self.outbox.append(Request(model=order.model, number=message.number, deaths=order.deaths))

    def _end(self, number: int) -> None:
        order = self._orders.pop(number)
        order.hand(GoneError(f"model {order.model} is not served any more"))

    def arrived(self, outcome: UploadOutcome, rgb: memoryview | None = None) -> None:
        """A worker's answer; one that comes twice, or too late, is nobody's."""
        if order := self._orders.pop(outcome.number, None):
            self.outbox.append(Withdraw(model=order.model, number=outcome.number))
            order.hand(Answer(order.picture, outcome, rgb))
