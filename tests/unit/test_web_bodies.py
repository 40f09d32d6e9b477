"""Bodies are limited in length, and count in the memory of all requests while they arrive."""

import asyncio

import pytest
from fastapi import HTTPException, Request

from edge_daemon.web.bodies import RETRY_S, read_body
from edge_daemon.web.budget import Budget
from edge_daemon.web.guard import SHARE, Message

PART = bytes(10)


class Upload:
    """A request whose body arrives in parts, and what it holds of a budget after each."""

    def __init__(self, parts: int, *, budget: Budget | None = None, length: int | None = None) -> None:
        self.budget = budget or Budget(1000)
        self.held: list[int] = []
        self.given_up = self.taken = 0
        self._parts = parts
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        self.share = self.budget.share(self._give_up)
        self.request = Request({"type": "http", "headers": headers, SHARE: self.share}, self._receive)

    def _give_up(self) -> None:
        self.given_up += 1

    async def _receive(self) -> Message:
        self.taken += 1
        self.held.append(self.share.held)
        return {"type": "http.request", "body": PART, "more_body": self.taken < self._parts}

    def read(self, most: int = 100) -> bytearray:
        return asyncio.run(read_body(self.request, most))


def refusal(upload: Upload) -> HTTPException:
    with pytest.raises(HTTPException) as caught:
        upload.read()
    return caught.value


def test_a_body_counts_as_it_arrives() -> None:
    upload = Upload(5)
    assert upload.read() == PART * 5
    assert upload.held == [0, 10, 20, 30, 40]
    assert upload.share.held == 50


def test_a_body_that_is_too_long_is_refused_before_and_while_it_arrives() -> None:
    announced, endless = Upload(100, length=101), Upload(1000)
    assert [refusal(announced).status_code, announced.taken] == [413, 0]
    assert [refusal(endless).status_code, endless.taken] == [413, 11]


def test_a_slow_body_makes_room_and_a_complete_one_does_not() -> None:
    budget = Budget(100)
    arriving, complete = Upload(5, budget=budget), Upload(5, budget=budget)
    complete.read()
    arriving.share.hold(50, slow=True)
    assert Upload(5, budget=budget).read() == PART * 5
    assert [arriving.given_up, complete.given_up] == [1, 0]
    refused = refusal(Upload(1, budget=budget))
    assert [refused.status_code, refused.headers] == [503, {"Retry-After": str(RETRY_S)}]
