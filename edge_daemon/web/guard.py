"""Stands before the application: takes in what a proxy adds, refuses requests to other hosts, answers HEAD as GET
without a body, adds the headers that protect browsers, tells them which other sites may call this one (CORS), and lets
clients leave without an error.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, cookie_parser

from edge_daemon.web.access import COOKIE, Access, Refusal, RequestHead
from edge_daemon.web.budget import Budget, BusyError
from edge_daemon.web.proxies import Proxies

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
SECURITY = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    b"frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Inference-Header-Content-Length, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
"""What pages of other sites may send. Cookies are not among it: they send tokens."""
EXPOSED = b"Inference-Header-Content-Length, Retry-After"
"""Headers of answers that such pages may read."""
HEAD = "edge_daemon_head"
"""Key of a request's scope: its `RequestHead`."""
ABANDON = "edge_daemon_abandon"
"""Key of the state of a request's scope: a function that closes the connection at once."""
SHARE = "edge_daemon_share"
"""Key of a request's scope: its share of the memory."""
PIECE = 256 << 10
"""Largest part of a body that is handed to the connection at once, in bytes; the rest waits for the client."""


NO_PROXIES = Proxies(())


class Guard:
    """An ASGI application around another. A path may begin with `prefix`, as some reverse proxies leave it."""

    def __init__(
        self, app: App, access: Access, prefix: str, proxies: Proxies = NO_PROXIES, budget: Budget | None = None
    ) -> None:
        self._app, self.access, self._prefix, self._proxies = app, access, prefix.rstrip("/"), proxies
        self._budget = budget or Budget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return
        scope[HEAD] = head = _head_of(scope, self._proxies)
        origins = self.access.origins
        answer = _Answer(send, scope, _cors(head.origin, origins) if origins else [])
        if refusal := self._refusal(scope, head):
            await answer.refuse(refusal)
        elif head.method == "OPTIONS" and head.origin in origins:
            await answer.give(204, dict(PREFLIGHT))
        elif elsewhere := self._moved(scope):
            await answer.redirect(elsewhere)
        else:
            await self._run(scope, receive, answer)

    def _refusal(self, scope: Scope, head: RequestHead) -> Refusal | None:
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            return Refusal(400, "the request has more than one Host header")
        return self.access.wrong_host(head)

    def _moved(self, scope: Scope) -> str | None:
        """Location of a page whose path lacks a slash, or has one too many; relative, since a proxy may have changed
        the path. Takes the prefix out of the path.
        """
        path: str = scope["path"]
        if self._prefix and f"{path}/".startswith(f"{self._prefix}/"):
            scope["path"] = path = path.removeprefix(self._prefix)
        if path and (path == "/" or not path.endswith("/")):
            return None
        last = scope["raw_path"].rstrip(b"/").rpartition(b"/")[2].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        return (f"../{last}" if path else f"{last}/") + (f"?{query}" if query else "")

    async def _run(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        task = asyncio.current_task()
        assert task
        with self._budget.share(task.cancel) as scope[SHARE]:
            try:
                if answer.without_body:
                    await self._app({**scope, "method": "GET"}, answer.wait, answer.send)
                    await answer.end()
                else:
                    await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                return
            except asyncio.CancelledError:  # the web ends, or others need the memory
                await answer.break_off()


class _Answer:
    """The answer to one request, on its way to the connection. A HEAD request gets it `without_body`."""

    def __init__(self, send: Send, scope: Scope, cors: list[tuple[bytes, bytes]]) -> None:
        self._send, self._scope, self._cors = send, scope, cors
        self._started = asyncio.Event()
        self.without_body = scope.get("method") == "HEAD"

    async def send(self, message: Message) -> None:
        """Send a message of the application: with more headers, and large bodies in parts."""
        if message["type"] == "http.response.start":
            self._started.set()
            message["headers"] = [*message["headers"], *SECURITY.items(), *self._cors]
        elif message["type"] == "http.response.body":
            if self.without_body:
                return
            if len(message.get("body", b"")) > PIECE:
                message["body"] = await self._send_all_but_last(memoryview(message["body"]))
        await self._send(message)

    async def _send_all_but_last(self, body: memoryview) -> memoryview:
        """Send a body in parts, each when the client has taken most of the one before; return the last part."""
        with suppress(BusyError):  # it is in memory already
            self._scope[SHARE].hold(len(body), slow=True)
        while len(body) > PIECE:
            await self._send({"type": "http.response.body", "body": body[:PIECE], "more_body": True})
            body = body[PIECE:]
        return body

    async def wait(self) -> Message:
        """Receive that the client left, once the headers are sent: so streams end."""
        await self._started.wait()
        return {"type": "http.disconnect"}

    async def end(self) -> None:
        """End an answer without a body."""
        await self._send({"type": "http.response.body", "body": b""})

    async def break_off(self) -> None:
        """Refuse a request, or end the connection if its answer has begun."""
        if self._started.is_set():
            self._scope["state"][ABANDON]()
        else:
            await self.refuse(Refusal(503, "the service is stopping, or has no memory left for this", 1.0))

    async def refuse(self, refusal: Refusal) -> None:
        """Send a refusal."""
        if self._scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 1008})
            return
        await self.give(refusal.status, headers_of(refusal), json.dumps({"detail": refusal.sentence}).encode())

    async def redirect(self, location: str) -> None:
        """Send a request elsewhere; a WebSocket is refused, since those do not follow."""
        if self._scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 1008})
        else:
            await self.give(307, {"Location": location})

    async def give(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Send a whole answer."""
        headers |= {"Content-Length": str(len(body))} | ({"Content-Type": "application/json"} if body else {})
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})


def _head_of(scope: Scope, proxies: Proxies) -> RequestHead:
    """The properties that decide on access. A proxy names client, scheme and host of the requests that it sends."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    client, host = scope["client"][0] if scope.get("client") else "", headers.get("host", "")
    if client in proxies:
        listed = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        forwarded = proxies.forwarded(
            client, listed, headers.get("x-forwarded-proto", ""), headers.get("x-forwarded-host", "")
        )
        client, host = forwarded.client, forwarded.host or host
        scope["scheme"] = forwarded.scheme or scope["scheme"]
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    return RequestHead(
        method=scope.get("method", "WEBSOCKET"),
        host=host,
        client=client,
        bearer=credentials.strip() if kind.lower() == "bearer" else None,
        cookie=cookie_parser(headers.get("cookie", "")).get(COOKIE),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        fetch_mode=headers.get("sec-fetch-mode"),
    )


def _cors(origin: str | None, origins: Collection[str]) -> list[tuple[bytes, bytes]]:
    """Headers that let pages of these origins read an answer (Fetch standard, 3.3)."""
    vary = [(b"vary", b"Origin")]
    if origin not in origins:
        return vary
    allowed = (b"access-control-allow-origin", str(origin).encode())
    return [*vary, allowed, (b"access-control-expose-headers", EXPOSED)]


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Headers of the answer to a request that is refused."""
    headers = {"Cache-Control": "no-store"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.wait_s:
        headers["Retry-After"] = str(math.ceil(refusal.wait_s))
    return headers
