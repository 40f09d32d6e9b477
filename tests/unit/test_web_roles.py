"""The role of a route: declared, checked, documented, and for WebSockets as well."""

import asyncio
from collections.abc import MutableMapping
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, WebSocket

from edge_daemon.messages.requests import AuditNote, Requester
from edge_daemon.runtime.control import Ask, Control, ProcessChannel
from edge_daemon.settings import TokenSettings
from edge_daemon.web import roles
from edge_daemon.web.access import COOKIE, Access
from edge_daemon.web.guard import Guard
from edge_daemon.web.roles import ADMINISTRATOR, PUBLIC, VIEWER, Gate
from edge_daemon.web.supervisor_client import SupervisorClient

SEEING, BOSS = "a token for seeing only", "a token of the boss himself"
TOKENS = {
    "office": TokenSettings(token=SEEING),
    "boss": TokenSettings(token=BOSS, role="administrator"),
}
Message = MutableMapping[str, Any]


class Site:
    """A small application behind the guard, with routes that echo who asked."""

    def __init__(self) -> None:
        self._channel = ProcessChannel()
        control = Control(self._channel.theirs.detach())
        access, app = Access(TOKENS, []), FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.state.gate = Gate(access, SupervisorClient(control))

        @app.get("/open", dependencies=[PUBLIC])
        async def for_all() -> str:
            return ""

        @app.get("/see", dependencies=[VIEWER])
        async def see() -> str:
            return ""

        @app.post("/things/{thing}")
        async def change(thing: str, who: Annotated[Requester, ADMINISTRATOR]) -> str:
            return f"{who.name}/{who.role}/{who.via}/{who.address}/{thing}"

        @app.websocket("/live", dependencies=[VIEWER])
        async def live(socket: WebSocket) -> None:
            await socket.accept()
            await socket.close()

        self.app, self.access, self._site, self._control = app, access, Guard(app, access, ""), control

    def close(self) -> None:
        self._channel.close()
        self._control.close()

    def noted(self) -> list[AuditNote]:
        asks = [report for report in self._channel.receive() or [] if isinstance(report, Ask)]
        return [ask.request for ask in asks if isinstance(ask.request, AuditNote)]

    def send(self, kind: str, path: str, method: str = "GET", **headers: str) -> list[Message]:
        """What the application answers to one request."""
        scope = {
            "type": kind,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("10.0.0.1", 1234),
            "headers": [
                (n.replace("_", "-").encode(), v.encode()) for n, v in ({"host": "127.0.0.1"} | headers).items()
            ],
        }
        if kind == "http":
            scope |= {"method": method, "http_version": "1.1"}
        incoming = [{"type": "http.request", "body": b""} if kind == "http" else {"type": "websocket.connect"}]
        answers: list[Message] = []

        async def receive() -> Message:
            return incoming.pop() if incoming else {"type": f"{kind}.disconnect"}

        async def answer(message: Message) -> None:
            answers.append(message)

        asyncio.run(self._site(scope, receive, answer))
        return answers


@pytest.fixture
def site() -> Any:
    site = Site()
    yield site
    site.close()


def status(answers: list[Message]) -> int:
    return int(answers[0]["status"])


@pytest.mark.parametrize(
    ("token", "codes"),
    [(None, (200, 401, 401)), ("wrong", (200, 401, 401)), (SEEING, (200, 200, 403)), (BOSS, (200, 200, 200))],
)
def test_a_route_asks_for_its_role(site: Site, token: str | None, codes: tuple[int, int, int]) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    found = [site.send("http", path, **headers) for path in ("/open", "/see")]
    found.append(site.send("http", "/things/lamp", "POST", **headers))
    assert tuple(map(status, found)) == codes
    sent = dict(found[2][0]["headers"])
    assert (b"www-authenticate" in sent) == (codes[2] == 401)
    assert b"content-security-policy" in sent
    if token == BOSS:
        assert found[2][1]["body"] == b'"boss/administrator/web/10.0.0.1/lamp"'


def test_refused_changes_are_noted_with_who_tried_and_refused_looks_are_not(site: Site) -> None:
    site.send("http", "/see")
    site.send("http", "/things/lamp", "POST")
    site.send("http", "/things/lamp", "POST", authorization=f"Bearer {SEEING}")
    cookie = f"{COOKIE}={site.access.log_in(BOSS)}"
    site.send("http", "/things/lamp", "POST", cookie=cookie, origin="http://evil.example")
    unknown = Requester(via="web", address="10.0.0.1")
    office = Requester(name="office", role="viewer", via="web", address="10.0.0.1")
    noted = [(note.by, note.action, note.result) for note in site.noted()]
    assert noted == [(unknown, "change", "refused"), (office, "change", "refused")], "of one kind one a second"
    assert SEEING not in repr(site.noted())


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, False),
        ({"authorization": "Bearer wrong"}, False),
        ({"authorization": f"Bearer {SEEING}"}, True),
        ({"cookie": "session", "origin": "http://127.0.0.1"}, True),
        ({"cookie": "session", "origin": "http://evil.example"}, False),
        ({"cookie": "session", "sec_fetch_site": "cross-site"}, False),
    ],
)
def test_a_websocket_asks_for_its_role_and_its_origin(site: Site, headers: dict[str, str], accepted: bool) -> None:
    if "cookie" in headers:
        headers |= {"cookie": f"{COOKIE}={site.access.log_in(SEEING)}"}
    answers = site.send("websocket", "/live", **headers)
    assert [answer["type"] for answer in answers] == (["websocket.accept"] if accepted else []) + ["websocket.close"]
    assert accepted or answers[0]["code"] == 1008


def test_a_websocket_to_another_host_is_refused(site: Site) -> None:
    answers = site.send("websocket", "/live", host="evil.example", authorization=f"Bearer {SEEING}")
    assert answers == [{"type": "websocket.close", "code": 1008}]


def test_a_route_that_declares_no_role_is_refused_and_each_is_described(site: Site) -> None:
    roles.document(site.app.routes)
    paths = roles.with_scheme(site.app.openapi())["paths"]
    security = {path: operation["security"] for path, of in paths.items() for operation in of.values()}
    assert security == {"/open": [], "/see": [{"token": ["viewer"]}], "/things/{thing}": [{"token": ["administrator"]}]}

    @site.app.get("/forgotten")
    async def forgotten() -> str:
        return ""

    with pytest.raises(TypeError, match="/forgotten has to declare"):
        roles.document(site.app.routes)


def test_a_kind_of_route_that_cannot_declare_one_is_refused(site: Site) -> None:
    site.app.mount("/files", FastAPI())
    with pytest.raises(TypeError, match="declares no role"):
        roles.document(site.app.routes)
