"""Routes that change something, and the audit log of that."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from edge_daemon.errors import ExitCode
from edge_daemon.messages.requests import AnyRequest, Reload, Reply, Requester, Retry
from edge_daemon.runtime import audit_log
from edge_daemon.web.bodies import read_body
from edge_daemon.web.roles import ADMINISTRATOR, OPERATOR
from edge_daemon.web.service import Service, as_json

STATUS = {
    ExitCode.OK: HTTPStatus.OK,
    ExitCode.CONFIG: HTTPStatus.UNPROCESSABLE_ENTITY,
    ExitCode.START: HTTPStatus.CONFLICT,
}
"""HTTP status by exit code; any other exit code means that the daemon cannot do it now."""
MOST_BYTES = 4096


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    @app.post("/api/reload", summary="Reload the configuration", tags=["administration"])
    async def reload(request: Request, who: Annotated[Requester, ADMINISTRATOR]) -> Response:
        """200 says what has changed, 422 what is wrong with the configuration, 409 what it needs and cannot have.

        202: the web interface has changed as well, so it starts again before the result is known (see the audit log).
        """
        return await ask(request, service, Reload(by=who))

    @app.post("/api/cameras/{camera}/retry", summary="Open a camera that is down now", tags=["cameras"])
    async def retry(camera: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The answer does not wait for the camera: its status shows whether it could be opened."""
        service.camera(camera)
        return await ask(request, service, Retry(by=who, camera=camera))

    @app.get(
        "/api/audit", summary="Audit log: changes, logins and refused attempts, newest first", tags=["administration"]
    )
    async def audit(
        who: Annotated[Requester, ADMINISTRATOR],
        most: Annotated[int, Query(ge=1, le=1000, description="Maximum number of entries")] = 100,
        before: Annotated[str | None, Query(description="Only entries before this time, as in `at`")] = None,
    ) -> Response:
        if service.settings.state is None:
            raise HTTPException(404, "the audit log is in the system's log only, since there is no state folder")
        return as_json(await run_in_threadpool(audit_log.read, Path(service.settings.state), most, before))


async def ask(request: Request, service: Service, what: AnyRequest) -> Response:
    """Ask the supervisor for a change, and return its reply as JSON. A client that hangs up is not waited for."""
    await read_body(request, MOST_BYTES)
    replied = asyncio.ensure_future(service.supervisor.ask(what))
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((replied, gone), return_when=asyncio.FIRST_COMPLETED)
        return as_response(await replied) if replied.done() else Response(status_code=HTTPStatus.NO_CONTENT)
    finally:
        gone.cancel()
        replied.cancel()


def as_response(reply: Reply) -> Response:
    """The supervisor's reply as an answer to an HTTP request."""
    if reply.exit_code == ExitCode.OK:
        return as_json({"text": reply.text}, HTTPStatus.OK if reply.final else HTTPStatus.ACCEPTED)
    status = STATUS.get(ExitCode(reply.exit_code), HTTPStatus.SERVICE_UNAVAILABLE)
    return as_json({"detail": reply.text, "problems": reply.problems}, status)
