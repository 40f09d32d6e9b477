"""Routes to log in and out: the page keeps a token as a cookie that no script can read."""

import time
from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from edge_daemon.messages.requests import Requester
from edge_daemon.runtime.audit_log import LOGIN
from edge_daemon.web.access import ANONYMOUS, COOKIE, Access, Refusal, RequestHead
from edge_daemon.web.bodies import read_body
from edge_daemon.web.guard import HEAD, headers_of
from edge_daemon.web.roles import PUBLIC, VIEWER, requester
from edge_daemon.web.service import Service, as_json
from edge_daemon.web.sessions import LIFETIME_S, Sessions

MOST_BYTES = 4096
_TOKEN = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _TOKEN}}}}


class _Login(msgspec.Struct):
    token: str


def add_routes(app: FastAPI, service: Service, access: Access, sessions: Sessions) -> None:
    """Add the routes."""

    @app.post(
        "/api/login", summary="Log in (sets a cookie)", tags=["status"], openapi_extra=_BODY, dependencies=[PUBLIC]
    )
    async def login(request: Request) -> Response:
        try:
            sent = msgspec.json.decode(await read_body(request, MOST_BYTES), type=_Login)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(422, 'a token is expected: {"token": "..."}') from error
        head: RequestHead = request.scope[HEAD]
        who = access.identify(sent.token, head.client, time.monotonic()) if access.asks else ANONYMOUS
        if isinstance(who, Refusal):
            service.supervisor.note(requester(None, head.client), LOGIN, "refused", who.sentence)
            raise HTTPException(who.status, who.sentence, headers_of(who))
        response = as_json({"welcome": True, "name": who.name, "role": who.role})
        if access.asks:  # a cookie holds nothing but a session
            service.supervisor.note(requester(who, head.client), LOGIN, "done")
            sessions.close(head.cookie or "")
            _set_cookie(response, access.log_in(sent.token), request)
            await run_in_threadpool(sessions.save)
        return response

    @app.post("/api/logout", summary="Log out", tags=["status"], dependencies=[PUBLIC])
    async def logout(request: Request) -> Response:
        head: RequestHead = request.scope[HEAD]
        if head.cookie and sessions.close(head.cookie):
            await run_in_threadpool(sessions.save)
        response = as_json({"welcome": False})
        _set_cookie(response, "", request)
        return response

    @app.get("/api/me", summary="Name and role of the token that is used", tags=["status"])
    async def me(who: Annotated[Requester, VIEWER]) -> Response:
        return as_json({"name": who.name, "role": who.role})


def _set_cookie(response: Response, session: str, request: Request) -> None:
    """Have the browser keep the number of a session, or forget it."""
    lifetime_s = LIFETIME_S if session else 0
    secure = request.scope["scheme"] == "https"
    response.set_cookie(COOKIE, session, lifetime_s, httponly=True, samesite="strict", secure=secure)
