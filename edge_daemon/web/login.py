"""Routes to log in and out: the page keeps a token as a cookie that no script can read."""

import time
from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response

from edge_daemon.messages.requests import Requester
from edge_daemon.runtime.audit_log import LOGIN
from edge_daemon.web.access import ANONYMOUS, COOKIE, Access, Refusal
from edge_daemon.web.guard import headers_of
from edge_daemon.web.predicting import read_body
from edge_daemon.web.roles import PUBLIC, VIEWER, requester
from edge_daemon.web.service import Service, as_json

MOST_BYTES = 4096
_TOKEN = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _TOKEN}}}}
YEAR_S = 365 * 24 * 3600


class _Login(msgspec.Struct):
    token: str


def add_routes(app: FastAPI, service: Service, access: Access) -> None:
    """Add the routes."""
    secure = service.settings.certificate is not None

    @app.post(
        "/api/login", summary="Log in (sets a cookie)", tags=["status"], openapi_extra=_BODY, dependencies=[PUBLIC]
    )
    async def login(request: Request) -> Response:
        try:
            sent = msgspec.json.decode(await read_body(request, MOST_BYTES), type=_Login)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(422, 'a token is expected: {"token": "..."}') from error
        client = request.client.host if request.client else ""
        who = access.identify(sent.token, client, time.monotonic()) if access.asks else ANONYMOUS
        if isinstance(who, Refusal):
            service.supervisor.note(requester(None, client), LOGIN, "refused", who.sentence)
            raise HTTPException(who.status, who.sentence, headers_of(who))
        response = as_json({"welcome": True, "name": who.name, "role": who.role})
        if access.asks:  # a cookie holds nothing but a token of this service
            service.supervisor.note(requester(who, client), LOGIN, "done")
            response.set_cookie(COOKIE, sent.token, YEAR_S, httponly=True, samesite="strict", secure=secure)
        return response

    @app.post("/api/logout", summary="Log out", tags=["status"], dependencies=[PUBLIC])
    async def logout() -> Response:
        response = as_json({"welcome": False})
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return response

    @app.get("/api/me", summary="Name and role of the token that is used", tags=["status"])
    async def me(who: Annotated[Requester, VIEWER]) -> Response:
        return as_json({"name": who.name, "role": who.role})
