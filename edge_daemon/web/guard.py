"""Stands before the application: refuses requests to other hosts, and adds the headers that protect browsers."""

import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import cookie_parser

from edge_daemon.web.access import COOKIE, Access, Refusal, RequestHead

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
SECURITY = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
HEAD = "edge_daemon_head"
"""Key of a request's scope: what is known of the request."""


class Guard:
    """An ASGI application around another. A path may begin with `prefix`, as some reverse proxies leave it."""

    def __init__(self, app: App, access: Access, prefix: str) -> None:
        self._app, self._access, self._prefix = app, access, prefix.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return
        if self._prefix and (scope["path"] + "/").startswith(self._prefix + "/"):
            scope["path"] = scope["path"].removeprefix(self._prefix) or "/"
        scope[HEAD] = head = _head_of(scope)
        if refusal := self._access.wrong_host(head):
            await _refuse(refusal, scope, send)
            return

        async def with_more(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY.items()]
            await send(message)

        await self._app(scope, receive, with_more)


def _head_of(scope: Scope) -> RequestHead:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    return RequestHead(
        method=scope.get("method", "WEBSOCKET"),
        host=headers.get("host", ""),
        client=scope["client"][0] if scope.get("client") else "",
        bearer=credentials.strip() if kind.lower() == "bearer" else None,
        cookie=cookie_parser(headers.get("cookie", "")).get(COOKIE),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
    )


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Headers of the answer to a request that is refused."""
    headers = {"Cache-Control": "no-store"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.wait_s:
        headers["Retry-After"] = str(math.ceil(refusal.wait_s))
    return headers


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"detail": refusal.sentence}).encode()
    headers = headers_of(refusal) | {"Content-Type": "application/json", "Content-Length": str(len(body))}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*encoded, *SECURITY.items()]})
    await send({"type": "http.response.body", "body": body})
