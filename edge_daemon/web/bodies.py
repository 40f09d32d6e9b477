"""Reads the bodies of requests. What a request holds in memory counts in the budget of all."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeVar

import msgspec
from fastapi import HTTPException, Request

from edge_daemon.web.budget import BusyError, Share
from edge_daemon.web.guard import SHARE
from edge_daemon.web.service import number

RETRY_S, MOST_JSON = 1, 4096
S = TypeVar("S", bound=msgspec.Struct)


async def read_body(request: Request, most: int) -> bytearray:
    """A request's body.

    Raises:
        HTTPException: it is longer than `most` bytes, or others hold too many.
    """
    if (number(request.headers.get("content-length")) or 0) > most:
        raise _too_long(most)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise _too_long(most)
        hold(request, len(data), slow=True)
    hold(request, len(data))
    return data


async def read_json(request: Request, kind: type[S]) -> S:
    """A request's body, which is JSON.

    Raises:
        HTTPException: it is something else.
    """
    try:
        return msgspec.json.decode(await read_body(request, MOST_JSON), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(422, f"the body is not what is expected: {error}") from error


class Caller(Protocol):
    """The sender of a request: its scope, and what it sends."""

    @property
    def scope(self) -> MutableMapping[str, Any]:
        """The request's scope, which has its share of memory."""

    @property
    def receive(self) -> Callable[[], Awaitable[Any]]:
        """Waits for the next that the sender does, such as to leave."""


def hold(request: Caller, count: int, *, slow: bool = False) -> None:
    """Have a request hold this many bytes until it holds another number, or is answered; see `Share.hold`.

    Raises:
        HTTPException: others hold too many.
    """
    share: Share = request.scope[SHARE]
    try:
        share.hold(count, slow=slow)
    except BusyError as error:
        raise later(str(error)) from error


def later(why: str) -> HTTPException:
    """Answer to a request that is to be repeated later."""
    return HTTPException(503, why, {"Retry-After": str(RETRY_S)})


def _too_long(most: int) -> HTTPException:
    return HTTPException(413, f"the picture is too large: the limit is {most} bytes")
