"""Routes for plain pictures of cameras: one, or all as they come over a WebSocket."""

import asyncio
import contextlib
import struct
from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException, Query, Response, WebSocket, WebSocketDisconnect

from edge_daemon.config.problems import unknown
from edge_daemon.messages.pictures import PictureHeader, Width, nearest
from edge_daemon.web.plain import Picture, PictureViewer
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service

AWAY, UNSUPPORTED, POLICY = 1001, 1003, 1008
"""Codes with which a WebSocket is closed (RFC 6455, 7.4.1)."""
_PROTOCOL = """A WebSocket. Send `{"cameras": {"walk": 320, "yard": 640}}` as text to look at these cameras in (about)
these widths, `null` for the camera's own; each such message replaces the last, and `{}` looks at none.

Binary messages come back: 4 bytes with the length of a JSON header (big-endian), the header (`camera`, `epoch`, `seq`,
`width`, `height`, `captured_at`, `time_s`, `looked_at`), and a JPEG. Each camera's newest picture comes at once, then
those of frames that models look at, and where there are none, two a second. `{"error": …}` comes as text."""


class _Wish(msgspec.Struct):
    cameras: dict[str, Width | None] = {}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""
    pictures = service.live.pictures

    @app.get(
        "/api/cameras/{camera}/picture.jpg",
        summary="The newest picture, without boxes",
        tags=["cameras"],
        dependencies=[VIEWER],
    )
    async def picture(
        camera: str,
        width: Annotated[
            int | None, Query(ge=1, le=100_000, description="Width in pixels, about; its own if not given")
        ] = None,
    ) -> Response:
        """Of a camera that is down, the last picture. The headers say which frame it is (`Edge-Epoch`, `Edge-Seq`), and
        when it was taken (`Edge-Captured-At`, and `Edge-Time` in seconds of camera time)."""
        service.camera(camera)
        found = await pictures.newest(camera, nearest(width))
        if found is None:
            raise HTTPException(503, f"there is no picture of camera {camera} yet", {"Retry-After": "5"})
        return Response(found.jpeg, media_type="image/jpeg", headers=_headers(found))

    @app.get(
        "/api/pictures",
        summary="Pictures of several cameras over one WebSocket",
        description=_PROTOCOL,
        tags=["cameras"],
        dependencies=[VIEWER],
    )
    async def no_socket() -> Response:
        raise HTTPException(426, "this is a WebSocket", {"Upgrade": "websocket"})

    @app.websocket("/api/pictures", dependencies=[VIEWER])
    async def look(socket: WebSocket) -> None:
        await socket.accept()
        with pictures.viewer() as viewer, contextlib.suppress(WebSocketDisconnect):
            sending = asyncio.ensure_future(_send(socket, viewer))
            reading = asyncio.ensure_future(_read(socket, viewer, service))
            try:
                await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                reading.cancel()
                await asyncio.wait((sending, reading))
            # What was read decides; else the service ends, or the client has left.
            code, reason = (sending if reading.cancelled() else reading).result() or (AWAY, "")
            await socket.close(code, reason)


async def _send(socket: WebSocket, viewer: PictureViewer) -> None:
    """Send pictures, each when the client has taken most of the one before, until the service ends."""
    while picture := await viewer.next():
        await socket.send_bytes(b"".join((struct.pack(">I", len(picture.header)), *picture)))


async def _read(socket: WebSocket, viewer: PictureViewer, service: Service) -> tuple[int, str]:
    """Follow what the client wants to look at, until it sends something else; return what that is.

    Raises:
        WebSocketDisconnect: it has left.
    """
    while True:
        try:
            wish = msgspec.json.decode(await socket.receive_text(), type=_Wish).cameras
        except KeyError:  # bytes
            return UNSUPPORTED, 'text is expected: {"cameras": {"NAME": WIDTH}}'
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return POLICY, f"{error}"[:100]
        cameras = service.live.cameras
        viewer.look_at({name: nearest(width) for name, width in wish.items() if name in cameras})
        for name in wish:
            if name not in cameras:
                await socket.send_json({"error": unknown("camera", name, cameras)})


def _headers(picture: Picture) -> Mapping[str, str]:
    header = msgspec.json.decode(picture.header, type=PictureHeader)
    return {
        "Cache-Control": "no-store",
        "Edge-Epoch": str(header.epoch),
        "Edge-Seq": str(header.seq),
        "Edge-Time": str(header.time_s),
        "Edge-Captured-At": header.captured_at,
    }
