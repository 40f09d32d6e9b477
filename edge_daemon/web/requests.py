"""Uploaded pictures and their requests, from announcement to answer. Knows no sockets and no clock."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_daemon.errors import EdgeError
from edge_daemon.messages.codec import Message
from edge_daemon.messages.frames import REQUESTS, Frame, ResultFilter
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.scheduling import Missing, Request, Returned, Send, WebHello, Withdraw
from edge_daemon.settings import Codec

MOST_BYTES = 512 << 20
"""Limit of waiting pictures, of all models together: a file of a few kilobytes can become 192 MB of pixels."""


class BusyError(EdgeError):
    """Too many pictures wait; the client may try again."""


class GoneError(EdgeError):
    """The model is no longer served."""


@dataclass(frozen=True)
class Upload:
    """A picture as a worker decodes it: `data` has `codec` bytes of `width` x `height` pixels (raw: BGR, uint8)."""

    data: bytes | memoryview
    codec: Codec
    width: int
    height: int


@dataclass(frozen=True)
class Answer:
    """A worker's result for a picture, and the annotated picture (RGB, uint8, height x width x 3) if requested."""

    outcome: Outcome
    rgb: memoryview | None


Hand = Callable[[Answer | EdgeError], None]
"""Called with the answer, or with the error instead of one."""


@dataclass
class _Order:
    model: str
    upload: Upload
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
        self.outbox: list[Message] = []

    def __len__(self) -> int:
        return len(self._orders)

    def change(self, models: list[str]) -> None:
        """Change the models; requests for removed models that are not assigned yet are dropped."""
        self._models = models
        gone = [seq for seq, order in self._orders.items() if order.model not in models and not order.sent]
        for seq in gone:
            self._end(seq)

    def add(self, model: str, upload: Upload, filter: ResultFilter, *, annotate: bool, now_ns: int, hand: Hand) -> int:
        """Add a picture for `model`, and return its number, by which it can be withdrawn.

        Raises:
            BusyError: too many pictures wait for this model, or too many bytes for all.
        """
        if sum(order.model == model for order in self._orders.values()) >= self._most:
            raise BusyError(f"{self._most} pictures already wait for model {model}")
        waiting = sum(len(order.upload.data) for order in self._orders.values())
        if waiting and waiting + len(upload.data) > MOST_BYTES:
            raise BusyError(f"pictures of {waiting >> 20} MB already wait")
        self._count += 1
        self._orders[self._count] = _Order(model, upload, filter, annotate, hand, now_ns)
        self.outbox.append(Request(model=model, seq=self._count))
        return self._count

    def withdraw(self, seq: int) -> None:
        """Drop a request for which nobody waits any more."""
        if order := self._orders.pop(seq, None):
            self.outbox.append(Withdraw(model=order.model, seq=seq))

    def hello(self) -> WebHello:
        """All unanswered requests, for a dispatcher that may have restarted."""
        return WebHello(requests=[(order.model, seq, order.deaths) for seq, order in self._orders.items()])

    def send(self, asked: Send) -> tuple[Frame, bytes | memoryview] | None:
        """The frame and its bytes for a worker; None, and a message to the dispatcher, if nobody waits any more."""
        order = self._orders.get(asked.seq)
        if order is None:
            self.outbox.append(Withdraw(model=asked.model, seq=asked.seq))
            missing = Missing(camera=REQUESTS, epoch=0, model=asked.model, worker=asked.worker, seq=asked.seq)
            self.outbox.append(missing)
            return None
        order.sent = True
        upload = order.upload
        header = Frame(
            camera=REQUESTS,
            epoch=0,
            seq=asked.seq,
            captured_ns=order.at_ns,
            captured_at="",
            width=upload.width,
            height=upload.height,
            codec=upload.codec,
            annotate="raw" if order.annotate else None,
            deaths=order.deaths,
            reply=self._reply,
            filter=order.filter,
        )
        return header, upload.data

    def returned(self, message: Returned) -> None:
        """Request another worker after the assigned one has died, unless the model is gone."""
        order = self._orders.get(message.seq)
        if order is None:
            return
        if order.model not in self._models:
            self._end(message.seq)
            return
        order.deaths += order.sent
        order.sent = False
        self.outbox.append(Request(model=order.model, seq=message.seq, deaths=order.deaths))

    def _end(self, seq: int) -> None:
        order = self._orders.pop(seq)
        order.hand(GoneError(f"model {order.model} is no longer served"))

    def arrived(self, answer: Answer) -> None:
        """Deliver a worker's answer; duplicates and late ones are ignored."""
        seq = answer.outcome.frame.seq
        if order := self._orders.pop(seq, None):
            self.outbox.append(Withdraw(model=order.model, seq=seq))
            order.hand(answer)
