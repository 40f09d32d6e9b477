"""Uploaded pictures and their requests, from announcement to answer. Knows no sockets and no clock."""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_daemon.errors import EdgeError
from edge_daemon.messages.codec import Message
from edge_daemon.messages.frames import Input, ResultFilter, TensorPart, Upload
from edge_daemon.messages.outcomes import UploadOutcome
from edge_daemon.messages.scheduling import Request, Returned, SendUpload, UploadDone, WebHello, Withdraw
from edge_daemon.web.budget import BusyError


class GoneError(EdgeError):
    """The model is no longer served."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture of `width` x `height`. `data` are its pixels (BGR, uint8, height x width x 3), or those of a
    picture that was reduced to `scaled` (width, height); or `tensors`, for which `outputs` of the model are wanted.
    """

    data: bytes | memoryview
    width: int
    height: int
    scaled: tuple[int, int] | None = None
    decode_ms: float = 0.0
    tensors: list[TensorPart] | None = None
    outputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """A worker's result for a picture, and the annotated picture (RGB, uint8, height x width x 3) if requested, or the
    bytes of tensors.
    """

    picture: Picture
    outcome: UploadOutcome
    rgb: memoryview | None


Hand = Callable[[Answer | EdgeError], None]
"""Called with the answer, or with the error instead of one."""


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
    """All unanswered requests. Messages for the dispatcher are put into `outbox`."""

    def __init__(self, models: list[str], reply: str, *, most: int) -> None:
        self._models, self._reply, self._most = models, reply, most
        self._orders: dict[int, _Order] = {}
        self._count = 0
        self.inputs: dict[str, Input | None] = {}
        """Size that is enough of a picture, by model."""
        self.outbox: list[Message] = []

    def __len__(self) -> int:
        return len(self._orders)

    def change(self, models: list[str]) -> None:
        """Change the models; requests for removed models that are not assigned yet are dropped."""
        self._models = models
        gone = [number for number, order in self._orders.items() if order.model not in models and not order.sent]
        for number in gone:
            self._end(number)

    def add(
        self, model: str, picture: Picture, filter: ResultFilter, *, annotate: bool, now_ns: int, hand: Hand
    ) -> int:
        """Add a picture for `model`, and return its number, by which it can be withdrawn.

        Raises:
            BusyError: too many pictures wait for this model.
        """
        if sum(order.model == model for order in self._orders.values()) >= self._most:
            raise BusyError(f"{self._most} pictures already wait for model {model}")
        self._count += 1
        self._orders[self._count] = _Order(model, picture, filter, annotate, hand, now_ns)
        self.outbox.append(Request(model=model, number=self._count))
        return self._count

    def withdraw(self, number: int) -> None:
        """Drop a request for which nobody waits any more."""
        if order := self._orders.pop(number, None):
            self.outbox.append(Withdraw(model=order.model, number=number))

    def hello(self) -> WebHello:
        """All unanswered requests, for a dispatcher that may have restarted."""
        return WebHello(requests=[(order.model, number, order.deaths) for number, order in self._orders.items()])

    def send(self, asked: SendUpload) -> tuple[Upload, bytes | memoryview] | None:
        """Header and bytes for a worker; None, and a message to the dispatcher, if nobody waits any more."""
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
            codec="raw",
            scaled=picture.scaled,
            annotate="raw" if order.annotate else None,
            deaths=order.deaths,
            reply=self._reply,
            filter=order.filter,
            tensors=picture.tensors,
            outputs=tuple(picture.outputs),
        )
        return header, picture.data

    def returned(self, message: Returned) -> None:
        """Request another worker after the assigned one has died, unless the model is gone."""
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
        order.hand(GoneError(f"model {order.model} is no longer served"))

    def arrived(self, outcome: UploadOutcome, rgb: memoryview | None = None) -> None:
        """Deliver a worker's answer; duplicates and late ones are ignored."""
        if order := self._orders.pop(outcome.number, None):
            self.outbox.append(Withdraw(model=order.model, number=outcome.number))
            order.hand(Answer(order.picture, outcome, rgb))
