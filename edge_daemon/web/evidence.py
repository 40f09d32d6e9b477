"""Routes for what belongs to an event: its clip, still and tracks, marks, links, and that it is erased."""

import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from edge_daemon.config.quantities import long_seconds
from edge_daemon.messages.requests import EraseEvent, EraseRange, KeepRange, MarkEvent, Requester
from edge_daemon.runtime import links
from edge_daemon.store.media import Medium
from edge_daemon.web.bodies import read_json
from edge_daemon.web.changing import as_response
from edge_daemon.web.roles import ADMINISTRATOR, LINKED_VIEWER, OPERATOR, VIEWER
from edge_daemon.web.service import Service, as_json, described
from edge_daemon.web.stored import NOT_STORED, Stored, stored_of

Kind = Literal["plain", "annotated", "small"]
STILLS: dict[str, Medium] = {"plain": "still", "annotated": "annotated", "small": "small"}
Expires = Annotated[int | None, Query(description="Of a signed link: when it ends, in seconds since 1970")]
Role = Annotated[str | None, Query(description="Of a signed link: what it allows")]
Signature = Annotated[str | None, Query(description="Of a signed link")]


class MarksBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that marks an event."""

    keep: bool | None = None
    wrong: bool | None = None


class KeepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """The body of a request that keeps what a camera has in a range of time, or (`keep` false) does not any more."""

    since: str
    until: str
    keep: bool = True


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    """The body of a request for a link: to the clip or a still of an event, for a time such as 1d."""

    kind: Literal["clip", "plain", "annotated", "small"] = "clip"
    lasts: str = "1d"


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""
    _add_files(app, service)
    _add_marks(app, service)
    _add_links(app, service)


def _stored(service: Service) -> Stored:
    if (stored := stored_of(service)) is None:
        raise HTTPException(404, NOT_STORED)
    return stored


def _key(service: Service) -> bytes:
    """The key of the box for links.

    Raises:
        HTTPException: there is none.
    """
    if service.settings.state is None:
        raise HTTPException(404, "there are no links, since there is no state folder")
    try:
        return links.key_of(Path(service.settings.state))
    except OSError as error:
        raise HTTPException(503, f"there are no links now: {error.strerror}") from error


def _add_files(app: FastAPI, service: Service) -> None:
    def is_linked(connection: HTTPConnection) -> bool:
        query = dict(connection.query_params)
        expires, role, signature = (query.pop(name, "") for name in ("expires", "role", "signature"))
        path = connection.url.path + "".join(f"?kind={kind}" for kind in query.values())
        number = int(expires) if expires.isdecimal() and len(expires) < 15 else 0
        return links.allows(_key(service), path, number, role, signature, time.time())

    app.state.is_linked = is_linked

    def file_of(event: str, medium: Medium, who: Requester) -> Response:
        response = _stored(service).file(event, medium)
        if medium != "small":
            service.supervisor.note(who, "view evidence", "done", f"{medium} of event {event}")
        return response

    @app.get("/api/events/{event}/still.jpg", summary="The still of an event", tags=["events"])
    def still(
        event: str,
        who: Annotated[Requester, LINKED_VIEWER],
        kind: Annotated[Kind, Query(description="Plain, with boxes, or small")] = "plain",
        expires: Expires = None,
        role: Role = None,
        signature: Signature = None,
    ) -> Response:
        """The best view of its tracks, as the camera sent it. A signed link needs no token."""
        return file_of(event, STILLS[kind], who)

    @app.get("/api/events/{event}/clip.mp4", summary="The clip of an event", tags=["events"])
    def clip(
        event: str,
        who: Annotated[Requester, LINKED_VIEWER],
        expires: Expires = None,
        role: Role = None,
        signature: Signature = None,
    ) -> Response:
        """From before its start until after its end, as the camera sent it. Parts of it can be asked for. A signed link
        needs no token.
        """
        return file_of(event, "clip", who)

    @app.get("/api/events/{event}/track.json", summary="The tracks of an event", tags=["events"], dependencies=[VIEWER])
    def track(event: str) -> Response:
        """Their last messages, with the whole path, as far as they have ended."""
        return as_json(_stored(service).tracks(event))


def _add_marks(app: FastAPI, service: Service) -> None:
    @app.post("/api/events/{event}/marks", summary="Mark an event", tags=["events"], openapi_extra=described(MarksBody))
    async def mark(event: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"keep": true}`: it stays until it is erased; or `{"wrong": true}`: it should not have been one.
        False takes a mark back.
        """
        await run_in_threadpool(_stored(service).event, event)
        body = await read_json(request, MarksBody)
        marks = MarkEvent(by=who, event=event, keep=body.keep, wrong=body.wrong)
        return as_response(await service.supervisor.ask(marks))

    @app.post(
        "/api/cameras/{camera}/keep",
        summary="Keep what a camera has in a range of time",
        tags=["events"],
        openapi_extra=described(KeepBody),
    )
    async def keep(camera: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"from": "2026-11-28T18:00:00Z", "to": "2026-11-28T19:00:00Z"}`; with `"keep": false` it is not
        kept any more.
        """
        _stored(service)
        body = await read_json(request, KeepBody)
        held = KeepRange(by=who, camera=camera, since=body.since, until=body.until, keep=body.keep)
        return as_response(await service.supervisor.ask(held))

    @app.delete("/api/events/{event}", summary="Erase an event", tags=["events"])
    async def erase(event: str, who: Annotated[Requester, ADMINISTRATOR]) -> Response:
        """Its messages, clip, stills and tracks are in no file any more."""
        await run_in_threadpool(_stored(service).event, event)
        return as_response(await service.supervisor.ask(EraseEvent(by=who, event=event)))

    @app.delete("/api/events", summary="Erase what a camera has in a range of time", tags=["events"])
    async def erase_range(
        who: Annotated[Requester, ADMINISTRATOR],
        camera: Annotated[str, Query(description="The camera")],
        since: Annotated[str, Query(alias="from", description="From this time, such as 2026-11-28T18:00:00Z")],
        until: Annotated[str, Query(alias="to", description="To this time")],
    ) -> Response:
        """All events and tracks that were there in it, whole; marks keep none of them."""
        _stored(service)
        return as_response(await service.supervisor.ask(EraseRange(by=who, camera=camera, since=since, until=until)))


def _add_links(app: FastAPI, service: Service) -> None:
    @app.post(
        "/api/events/{event}/link",
        summary="A link to the clip or a still, which needs no token",
        tags=["events"],
        openapi_extra=described(LinkBody),
    )
    async def link(event: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"kind": "clip", "for": "1d"}`, for seven days at most."""
        await run_in_threadpool(_stored(service).event, event)
        body = await read_json(request, LinkBody)
        try:
            lasts_s = long_seconds(body.lasts)
        except ValueError as error:
            raise HTTPException(422, f"for: {error}") from error
        if not 0 < lasts_s <= links.LONGEST_S:
            raise HTTPException(422, "for: a link is good for 7 days at most")
        of = "clip.mp4" if body.kind == "clip" else f"still.jpg?kind={body.kind}"
        expires = int(time.time() + lasts_s)
        path = links.link(_key(service), f"/api/events/{event}/{of}", expires)
        service.supervisor.note(who, "link", "done", f"{body.kind} of event {event} for {body.lasts}")
        return as_json({"path": path, "expires": expires})

    @app.post("/api/links/revoke", summary="End all signed links", tags=["administration"])
    async def revoke(who: Annotated[Requester, ADMINISTRATOR]) -> Response:
        """Another key signs links from now on."""
        _key(service)
        try:
            await run_in_threadpool(links.new_key, Path(str(service.settings.state)))
        except OSError as error:
            raise HTTPException(503, f"the key cannot be written: {error.strerror}") from error
        service.supervisor.note(who, "revoke links", "done")
        return as_json({"text": "all links that were made before have ended"})
