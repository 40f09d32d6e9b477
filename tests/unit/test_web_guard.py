"""What stands before the application: hosts, proxies, paths, HEAD, large answers, clients that leave."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from edge_daemon.web.access import Access, RequestHead
from edge_daemon.web.budget import Budget
from edge_daemon.web.guard import ABANDON, HEAD, PIECE, SECURITY, SHARE, Guard
from edge_daemon.web.proxies import Proxies

Message = MutableMapping[str, Any]
LARGE = bytes(range(256)) * (5 * PIECE // 512)


class Site:
    """An application behind the guard, that remembers what it was asked."""

    def __init__(self, *, prefix: str = "", origins: Sequence[str] = ()) -> None:
        self.app, self.budget = FastAPI(redirect_slashes=False), Budget()
        self.asked: list[Request] = []
        self.abandoned = self.peak = 0
        access = Access({}, ["cams.example.org"], origins=origins)
        self._guard = Guard(self.app, access, prefix, Proxies(["10.0.0.1"]), self.budget)

        @self.app.get("/thing")
        @self.app.get("/")
        async def thing(request: Request) -> Response:
            self.asked.append(request)
            return Response(b"a thing")

        @self.app.get("/large")
        async def large() -> Response:
            return Response(LARGE)

        @self.app.get("/stream")
        async def stream() -> Response:
            async def parts() -> Any:
                yield b"first"
                await asyncio.Event().wait()

            return StreamingResponse(parts())

        @self.app.post("/held")
        async def held(request: Request) -> Response:
            request.scope[SHARE].hold(100, slow=True)
            await asyncio.Event().wait()
            raise AssertionError

        @self.app.post("/read")
        async def read(request: Request) -> Response:
            await request.body()
            raise AssertionError

    def ask(self, method: str, path: str, client: str = "10.0.0.9", **headers: str) -> list[Message]:
        """All messages of the answer to a request."""
        return asyncio.run(self._ask(method, path, client, headers))

    async def _ask(self, method: str, path: str, client: str, headers: dict[str, str]) -> list[Message]:
        answers: list[Message] = []
        leaves = asyncio.Event()
        incoming: list[Message] = [] if path == "/read" else [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            if path != "/read":
                await leaves.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answers.append(message)
            self.peak = max(self.peak, self.budget.held)

        await self.run(self.scope(method, path, client, headers), receive, send)
        return answers

    def scope(self, method: str, path: str, client: str, headers: dict[str, str]) -> Message:
        listed = [(n.replace("_", "-").encode(), v.encode()) for n, v in ({"host": "localhost"} | headers).items()]
        path, _, query = path.partition("?")
        return {
            "type": "http",
            "asgi": {"spec_version": "2.3"},
            "method": method,
            "http_version": "1.1",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": (client, 1234),
            "headers": listed,
            "state": {ABANDON: self._abandon},
        }

    async def run(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await self._guard(scope, receive, send)

    def _abandon(self) -> None:
        self.abandoned += 1


def head(answers: list[Message]) -> tuple[int, dict[str, str]]:
    return answers[0]["status"], {name.decode(): value.decode() for name, value in answers[0]["headers"]}


def body(answers: list[Message]) -> bytes:
    return b"".join(bytes(answer.get("body", b"")) for answer in answers[1:])


def test_browsers_are_protected() -> None:
    for path in ("/thing", "/nothing", "/thing/"):
        _, headers = head(Site().ask("GET", path))
        assert {name.decode() for name in SECURITY} <= headers.keys()
    assert "base-uri 'none'; form-action 'self'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/thing", "/large", "/nothing"])
def test_head_is_get_without_a_body(path: str) -> None:
    site = Site()
    answers = site.ask("HEAD", path)
    assert head(answers) == head(site.ask("GET", path))
    assert body(answers) == b""
    assert not answers[-1].get("more_body")


def test_head_of_a_stream_ends() -> None:
    answers = Site().ask("HEAD", "/stream")
    assert head(answers)[0] == 200
    assert body(answers) == b""
    assert len(answers) == 2


def test_head_is_no_way_to_change_something() -> None:
    assert head(Site().ask("HEAD", "/held"))[0] == 405


def test_a_large_body_comes_in_parts() -> None:
    answers = Site().ask("GET", "/large")
    assert body(answers) == LARGE
    assert max(len(answer["body"]) for answer in answers[1:]) == PIECE
    assert [answer.get("more_body", False) for answer in answers[1:]] == [True, True, False]


@pytest.mark.parametrize(
    ("prefix", "path", "elsewhere"),
    [
        ("", "/thing/", "../thing"),
        ("", "/thing/?a=1&b", "../thing?a=1&b"),
        ("", "/a/b//", "../b"),
        ("", "//evil.example/", "../evil.example"),
        ("/cams", "/cams", "cams/"),
        ("/cams", "/cams?a", "cams/?a"),
        ("/cams", "/cams/thing/", "../thing"),
        ("/cams", "/thing/", "../thing"),
        ("/cams", "/camsthing/", "../camsthing"),
    ],
)
def test_a_slash_too_many_or_missing_leads_to_a_place_beside(prefix: str, path: str, elsewhere: str) -> None:
    status, headers = head(Site(prefix=prefix).ask("GET", path))
    assert (status, headers["location"]) == (307, elsewhere)


@pytest.mark.parametrize("path", ["/thing", "/cams/thing", "/", "/cams/"])
def test_a_prefix_may_be_there_or_not(path: str) -> None:
    assert head(Site(prefix="/cams").ask("GET", path))[0] == 200


def test_a_request_has_one_host() -> None:
    site = Site()
    scope = site.scope("GET", "/thing", "10.0.0.9", {})
    scope["headers"].append((b"host", b"evil.example"))
    answers: list[Message] = []

    async def send(message: Message) -> None:
        answers.append(message)

    async def receive() -> Message:
        raise AssertionError

    asyncio.run(site.run(scope, receive, send))
    assert head(answers)[0] == 400
    assert b"more than one Host" in body(answers)


FORWARDED = {"x_forwarded_for": "1.1.1.1, 203.0.113.7", "x_forwarded_proto": "https"}


def test_a_proxy_is_believed_and_nobody_else() -> None:
    site = Site()
    for client in ("10.0.0.1", "10.0.0.9"):
        site.ask("GET", "/thing", client, **FORWARDED, x_forwarded_host="cams.example.org")
    by_proxy, by_anybody = [request.scope for request in site.asked]
    known: RequestHead = by_proxy[HEAD]
    assert (known.client, known.host, by_proxy["scheme"]) == ("203.0.113.7", "cams.example.org", "https")
    known = by_anybody[HEAD]
    assert (known.client, known.host, by_anybody["scheme"]) == ("10.0.0.9", "localhost", "http")


def test_the_host_that_a_proxy_names_is_checked_too() -> None:
    assert head(Site().ask("GET", "/thing", "10.0.0.1", x_forwarded_host="evil.example"))[0] == 421
    assert head(Site().ask("GET", "/thing", "10.0.0.9", x_forwarded_host="evil.example"))[0] == 200


def test_a_client_that_leaves_is_no_error() -> None:
    try:
        Site().ask("POST", "/read")  # what it is answered goes nowhere
    except ClientDisconnect:
        pytest.fail("the server would log it")


@pytest.mark.parametrize(("path", "started"), [("/held", False), ("/stream", True)])
def test_who_holds_memory_that_others_need_is_sent_away(path: str, started: bool) -> None:
    site = Site()

    async def asked() -> list[Message]:
        method = "POST" if path == "/held" else "GET"
        asking = asyncio.ensure_future(site._ask(method, path, "10.0.0.9", {}))
        await asyncio.sleep(0.1)
        if started:
            asking.cancel()
        else:
            site.budget.share(lambda: None).hold(1 << 40)
        return await asyncio.wait_for(asking, 10)

    answers = asyncio.run(asked())
    assert head(answers)[0] == (200 if started else 503)
    assert site.abandoned == started


def test_a_large_answer_is_held_until_it_is_sent() -> None:
    site = Site()
    site.ask("GET", "/large")
    assert site.peak == len(LARGE)
    assert site.budget.held == 0


PAGE = "https://dashboard.example.org"
ALLOW = "access-control-allow-origin"


def headers_of(answers: list[Message]) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in answers[0]["headers"]}


def test_a_page_of_another_site_learns_that_it_may_read_the_answer_and_the_others_do_not() -> None:
    site = Site(origins=[PAGE])
    allowed = headers_of(site.ask("GET", "/thing", host="127.0.0.1", origin=PAGE))
    assert (allowed[ALLOW], allowed["vary"]) == (PAGE, "Origin")
    assert "access-control-allow-credentials" not in allowed
    for more in ({}, {"origin": "https://evil.example"}):
        others = headers_of(site.ask("GET", "/thing", host="127.0.0.1", **more))
        assert ALLOW not in others
        assert others["vary"] == "Origin", "a cache must not give them the answer of the page"
    refused = site.ask("GET", "/thing", host="evil.example", origin=PAGE)
    assert (refused[0]["status"], headers_of(refused)[ALLOW]) == (421, PAGE), "it may read why"
    none = headers_of(Site().ask("GET", "/thing", host="127.0.0.1", origin=PAGE))
    assert not {ALLOW, "vary"} & set(none)


def test_a_preflight_is_answered_before_the_application() -> None:
    site = Site(origins=[PAGE])
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answer = site.ask("OPTIONS", "/thing", host="127.0.0.1", origin=PAGE, **asked)
    headers = headers_of(answer)
    assert (answer[0]["status"], headers[ALLOW]) == (204, PAGE)
    assert "POST" in headers["access-control-allow-methods"]
    assert "Authorization" in headers["access-control-allow-headers"]
    assert site.asked == []
    other = site.ask("OPTIONS", "/thing", host="127.0.0.1", origin="https://evil.example", **asked)
    assert (other[0]["status"], ALLOW in headers_of(other)) == (405, False)
