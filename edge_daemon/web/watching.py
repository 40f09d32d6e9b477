"""Routes for live viewing: annotated frames, and results as events."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from edge_daemon.messages.topics import RESULT
from edge_daemon.web.live import Entry, Live
from edge_daemon.web.names import check
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service, number

BOUNDARY = "frame"
KEEP_ALIVE_S = 15.0
FRAME_S = 10.0
"""Longest wait for a single frame."""


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes for frames, streams and results."""
    live = service.live

    @app.get(
        "/api/cameras/{camera}/frame.jpg", summary="The next annotated frame", tags=["cameras"], dependencies=[VIEWER]
    )
    async def frame(camera: str) -> Response:
        service.camera(camera)
        frames = live.frames([camera])
        try:
            _, jpeg = await asyncio.wait_for(anext(frames), FRAME_S)
        except (TimeoutError, StopAsyncIteration):
            raise HTTPException(503, f"camera {camera} delivers no frame", {"Retry-After": "5"}) from None
        finally:
            await frames.aclose()
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @app.get(
        "/api/cameras/{camera}/stream.mjpg",
        summary="Annotated frames as an MJPEG stream",
        tags=["cameras"],
        dependencies=[VIEWER],
    )
    async def stream(camera: str) -> Response:
        service.camera(camera)

        async def parts() -> AsyncIterator[bytes]:
            async for _, jpeg in live.frames([camera]):
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + b"\r\n"

        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(parts(), media_type=kind, headers={"Cache-Control": "no-store"})

    @app.get(
        "/api/frames",
        summary="Annotated frames of several cameras over one connection",
        tags=["cameras"],
        dependencies=[VIEWER],
    )
    async def frames_of_several(camera: Annotated[list[str], Query(description="Names of cameras")]) -> Response:
        """Each frame: lengths of the camera's name and of the JPEG (4 bytes each, big-endian), the name, the JPEG."""
        check("camera", camera, live.cameras)

        async def parts() -> AsyncIterator[bytes]:
            async for name, jpeg in live.frames(camera):
                encoded = name.encode()
                yield struct.pack(">II", len(encoded), len(jpeg)) + encoded + jpeg

        return StreamingResponse(parts(), media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    @app.get("/api/results", summary="Results as server-sent events", tags=["results"], dependencies=[VIEWER])
    async def results(
        camera: Annotated[list[str] | None, Query(description="Only of these cameras")] = None,
        model: Annotated[list[str] | None, Query(description="Only of these models")] = None,
        class_name: Annotated[
            list[str] | None, Query(alias="class", description="Only with one of these classes")
        ] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        check("camera", camera, live.cameras)
        check("model", model, service.models)
        if class_name and (classes := await run_in_threadpool(service.classes, model or service.models)):
            check("class", class_name, sorted(classes))

        def wanted(entry: Entry) -> bool:
            if (camera and entry.camera not in camera) or (model and entry.model not in model):
                return False
            return not class_name or bool(entry.names.intersection(class_name))

        return stream_of(live, wanted, number(last_event_id))


def stream_of(live: Live, wanted: Callable[[Entry], bool], after: int | None) -> Response:
    """Published messages as server-sent events; with `after`, first those that were missed."""

    async def events() -> AsyncIterator[bytes]:
        async for event in entries(live, after, KEEP_ALIVE_S):
            if event is None:
                yield b": nothing new\n\n"
            elif wanted(event):
                kind = None if event.topic == RESULT.name else event.topic
                yield sent_event(str(event.number), event.body, kind)

    return as_stream(events())


async def entries(live: Live, after: int | None, idle_s: float) -> AsyncIterator[Entry | None]:
    """Published messages as they arrive; None when none has come for `idle_s`."""
    found = aiter(live.results(after))
    waiting = asyncio.ensure_future(anext(found, None))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=idle_s)
            if not done:
                yield None
                continue
            event = waiting.result()
            if event is None:
                return
            waiting = asyncio.ensure_future(anext(found, None))
            yield event
    finally:
        waiting.cancel()


def sent_event(id: str, body: bytes, kind: str | None = None) -> bytes:
    """A server-sent event."""
    named = b"" if kind is None else b"event: %b\n" % kind.encode()
    return b"id: %b\n%bdata: %b\n\n" % (id.encode(), named, body)


def as_stream(events: AsyncIterator[bytes]) -> Response:
    """Server-sent events as a response."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
