"""Routes to log in and out: the page keeps a token as a cookie that no script can read."""

import time

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response

from edge_daemon.web.access import COOKIE, Access
from edge_daemon.web.predicting import read_body
from edge_daemon.web.service import Service, as_json

MOST_BYTES = 4096
_TOKEN = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _TOKEN}}}}
YEAR_S = 365 * 24 * 3600


class _Login(msgspec.Struct):
    token: str


def add_routes(app: FastAPI, service: Service, access: Access) -> None:
    """In and out."""
    secure = service.settings.certificate is not None

    @app.post("/api/login", summary="Log in (sets a cookie)", tags=["status"], openapi_extra=_BODY)
    async def login(request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await read_body(request, MOST_BYTES), type=_Login)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(422, 'a token is expected: {"token": "..."}') from error
        client = request.client.host if request.client else ""
        if access.asks and (refusal := access.token_refusal(asked.token, client, time.monotonic())):
            raise HTTPException(refusal.status, refusal.sentence)
        response = as_json({"welcome": True})
        if access.asks:  # so that it is one of ours
            response.set_cookie(COOKIE, asked.token, YEAR_S, httponly=True, samesite="strict", secure=secure)
        return response

    @app.post("/api/logout", summary="Log out", tags=["status"])
    async def logout() -> Response:
        response = as_json({"welcome": False})
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return response
