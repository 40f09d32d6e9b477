"""Publishes to a stream of NATS JetStream: in order, and many messages before the first of them is acknowledged.

Each message says what sequence number the stream must be at, which is that of the one before it, and that this must be
a message of this box. So if one is refused, all that are under way after it are refused too, and the stream never has a
message of a camera without those before it. They are refused as well if another client has written to the stream
meanwhile: then they are sent again, in smaller windows. A stream with replicas takes one such message at a time.
While the sequence number is not known, one message of each camera is under way.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import errors as jetstream
from nats.js.api import Header

MOST = 256
"""Most messages under way."""
CAREFUL = 16
"""Windows without a refusal before they grow again."""
WRONG_LAST = (10071, 10164)
"""Codes of JetStream's errors if the stream is at another sequence number."""
ID = Header.MSG_ID.value


class Post(NamedTuple):
    """A message for a stream, about a camera."""

    id: str
    camera: str
    subject: str
    content: bytes
    headers: Mapping[str, str]


class Outcome(NamedTuple):
    """The stream has the first `stored` messages, and not the next one because of the `error`, if there is one."""

    stored: int
    error: Exception | None = None


class Publisher:
    """Publishes over a connection, on subjects that match `ours`, with up to `timeout_s` for each window."""

    def __init__(self, client: Client, ours: str, timeout_s: float) -> None:
        self._client, self._ours, self._timeout_s, self._inbox = client, ours, timeout_s, client.new_inbox()
        self._turn = asyncio.Lock()
        self._last: int | None = None
        self._size, self._good = MOST, 0
        self._early: set[str] = set()
        self._sent = self._first = 0
        self._answers: list[_Answer | None] = []
        self._missing = 0
        self._all: asyncio.Future[None] | None = None
        self._decode = msgspec.json.Decoder(_Answer).decode
        self._is_lost = False

    async def open(self) -> None:
        """Begin to listen for acknowledgements."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._take)

    async def publish(self, posts: Sequence[Post], *, in_order: bool = True) -> Outcome:
        """Publish messages; `in_order`, none of a camera is stored without those before it."""
        async with self._turn:
            stored = 0
            while stored < len(posts):
                if posts[stored].id in self._early:
                    self._early.discard(posts[stored].id)
                    stored += 1
                    continue
                rest = posts[stored:]
                if not in_order:
                    self._last = None
                elif self._last is None or self._size == 1:
                    self._last, rest = None, rest[: _different(rest)]
                else:
                    rest = rest[: self._size]
                answers, error = await self._window(rest)
                good = [answer is not None and answer.error is None for answer in answers]
                first = (*good, False).index(False)
                stored += first
                if first == len(rest):
                    self._last = _last_of(answers)
                    self._good += 1
                    self._size = min(2 * self._size, MOST) if self._good > CAREFUL else self._size
                    continue
                self._last = None
                self._early.update(
                    post.id for post, is_good in zip(rest[first:], good[first:], strict=False) if is_good
                )
                refusal = next((answer.error for answer in answers if answer and answer.error), None)
                if refusal and refusal.err_code in WRONG_LAST:
                    self._size, self._good = max(1, self._size // 2), 0
                    continue
                return Outcome(stored, _error_of(refusal) if refusal else error)
            return Outcome(stored)

    def lose(self) -> None:
        """Note that the connection is closed: nothing will be acknowledged any more."""
        self._is_lost = True
        if self._all and not self._all.done():
            self._all.set_exception(nats.errors.ConnectionClosedError())

    async def _window(self, posts: Sequence[Post]) -> "tuple[list[_Answer | None], Exception | None]":
        """Send messages; return the answers to those that could be sent, and what was wrong if it is not in them."""
        self._first, self._answers, self._all = self._sent, [], None
        error: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                for post in posts:
                    headers = {ID: post.id, **post.headers}
                    if self._last is not None:
                        headers |= self._expected(self._last + len(self._answers))
                    reply = f"{self._inbox}.{self._sent}"
                    self._answers.append(None)
                    self._sent += 1
                    try:
                        await self._client.publish(post.subject, post.content, reply, headers)
                    except nats.errors.Error as failed:
                        self._answers.pop()
                        error = failed
                        break
                self._missing = self._answers.count(None)
                if self._missing and not self._is_lost:
                    self._all = asyncio.get_running_loop().create_future()
                    await self._all
        except (nats.errors.Error, OSError, TimeoutError) as failed:
            error = failed
        return self._answers, error

    def _expected(self, last: int) -> dict[str, str]:
        """Headers by which a message is stored only if this is the last sequence number, of a message of ours."""
        return {
            Header.EXPECTED_LAST_SEQUENCE.value: str(last),
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(last),
            f"{Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value}-Subject": self._ours,
        }

    async def _take(self, message: Msg) -> None:
        """Take in an answer, unless it is too late."""
        number = int(message.subject.rpartition(".")[2]) - self._first
        if not 0 <= number < len(self._answers) or self._answers[number]:
            return
        self._answers[number] = self._decode(message.data) if message.data else _NO_STREAM
        self._missing -= 1
        if not self._missing and self._all and not self._all.done():
            self._all.set_result(None)


class _Refusal(msgspec.Struct, frozen=True):
    code: int
    err_code: int | None = None
    description: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    seq: int = 0
    duplicate: bool = False
    error: _Refusal | None = None


def _different(posts: Sequence[Post]) -> int:
    """How many of the first messages are about different cameras."""
    cameras = set[str]()
    for number, post in enumerate(posts):
        if post.camera in cameras:
            return number
        cameras.add(post.camera)
    return len(posts)


def _last_of(answers: "Sequence[_Answer | None]") -> int | None:
    """The last sequence number, if all were stored now."""
    if any(answer is None or answer.duplicate for answer in answers):
        return None
    return max(answer.seq for answer in answers if answer)


_NO_STREAM = _Answer(error=_Refusal(503))


def _error_of(refusal: _Refusal) -> Exception:
    about: dict[str, Any] = msgspec.structs.asdict(refusal)
    try:
        jetstream.APIError.from_error(about)
    except jetstream.APIError as error:
        return error
    return jetstream.APIError(**about)
