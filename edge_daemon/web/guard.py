"""Stands before the application: asks who it is, and adds to every answer what browsers are to know."""

import json
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import cookie_parser

from edge_daemon.web.access import COOKIE, Access, Asked, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
SECURITY = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
OPEN = ("/", "/docs", "/healthz", "/api/login")
"""What is answered without a token: nothing that tells of cameras."""
KNOWN = "edge_daemon_known"
"""In a request's scope: whether it may be told everything."""


class Guard:
    """An ASGI application around another. A path may begin with `prefix`, as some reverse proxies leave it."""

    def __init__(self, app: App, access: Access, prefix: str) -> None:
        self._app, self._access, self._prefix = app, access, prefix.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        if self._prefix and (scope["path"] + "/").startswith(self._prefix + "/"):
            scope["path"] = scope["path"].removeprefix(self._prefix) or "/"
        is_open = scope["path"] in OPEN or scope["path"].startswith("/page/")
        asked = _asked(scope)
        refusal = self._access.refusal(asked, time.monotonic(), needs_token=not is_open)
        if refusal:
            await _refuse(refusal, send)
            return
        scope[KNOWN] = not is_open or self._knows(asked)

        async def with_more(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY.items()]
            await send(message)

        await self._app(scope, receive, with_more)

    def _knows(self, asked: Asked) -> bool:
        token = asked.bearer or asked.cookie
        if not self._access.asks:
            return True
        return token is not None and not self._access.token_refusal(token, asked.client, time.monotonic())


def _asked(scope: Scope) -> Asked:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    return Asked(
        method=scope["method"],
        host=headers.get("host", ""),
        client=scope["client"][0] if scope.get("client") else "",
        bearer=credentials.strip() if kind.lower() == "bearer" else None,
        cookie=cookie_parser(headers.get("cookie", "")).get(COOKIE),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
    )


async def _refuse(refusal: Refusal, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *SECURITY.items()]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.wait_s:
        headers.append((b"retry-after", str(math.ceil(refusal.wait_s)).encode()))
    body = json.dumps({"detail": refusal.sentence}).encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
