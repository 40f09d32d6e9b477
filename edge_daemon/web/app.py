"""The routes: what people and programs ask for over HTTP."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from edge_daemon.errors import EdgeError, PictureError
from edge_daemon.settings import Codec, WebSettings
from edge_daemon.web.broker import Broker, now_ns
from edge_daemon.web.health import troubles
from edge_daemon.web.live import Live
from edge_daemon.web.metrics import Metrics
from edge_daemon.web.pictures import TooLargeError, download, upload, wanted
from edge_daemon.web.requests import Answer, BusyError, Requests, Upload
from edge_daemon.wire import Wish

BOUNDARY = "frame"
KEEP_ALIVE_S = 15.0
RETRY_S = 1
FRAME_S = 10.0
"""How long a single frame is waited for."""
FORM = "multipart/form-data"
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
OUR_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass
class Service:
    """What the routes need."""

    settings: WebSettings
    broker: Broker
    live: Live
    metrics: Metrics
    loop: asyncio.AbstractEventLoop

    def change(self, settings: WebSettings) -> None:
        """Go on with other cameras and models."""
        self.settings, self.live.cameras = settings, settings.cameras
        self.broker.do(lambda requests: requests.change(settings.models))

    def troubles(self) -> list[str]:
        """What is not as it should be."""
        age_s = self.loop.time() - self.live.status_at
        return troubles(self.live.status, age_s, dispatcher_here=self.broker.connected)

    def camera(self, name: str) -> dict[str, Any]:
        """How a camera stands.

        Raises:
            HTTPException: there is none of this name.
        """
        if name not in self.live.cameras:
            raise HTTPException(404, f"there is no camera {name}; there are {', '.join(self.live.cameras)}")
        return {"name": name, **self.live.status.get("cameras", {}).get(name, {"state": "unknown", "models": {}})}


def make_app(service: Service) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="edge-daemon",
        version=version("edge-daemon"),
        description="Vision models on live cameras: how they stand, what they find, and pictures of your own.",
        docs_url=None,
        redoc_url=None,
    )
    _guard(app)
    _about(app, service)
    _watching(app, service)
    _predicting(app, service)
    _page(app)
    return app


def _guard(app: FastAPI) -> None:
    @app.middleware("http")
    async def guard(request: Request, go_on: Any) -> Response:
        """Another site's name that points here (DNS rebinding) is not ours to answer for."""
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in OUR_NAMES and host not in OUR_NAMES:
            return Response("this is not the address of this service\n", 421, media_type="text/plain")
        response: Response = await go_on(request)
        response.headers.update(SECURITY)
        return response


def _about(app: FastAPI, service: Service) -> None:
    live = service.live

    @app.get("/api/status", summary="How everything stands", tags=["status"])
    async def status() -> Response:
        return _json(live.status)

    @app.get("/api/cameras", summary="All cameras, and how they stand", tags=["cameras"])
    async def cameras() -> Response:
        return _json([service.camera(name) for name in live.cameras])

    @app.get("/api/cameras/{camera}", summary="How a camera stands", tags=["cameras"])
    async def one_camera(camera: str) -> Response:
        return _json(service.camera(camera))

    @app.get("/api/models", summary="The models that pictures can be sent to", tags=["models"])
    async def models() -> Response:
        return _json(service.settings.models)

    @app.get("/healthz", summary="200 while all is well, else 503, with reasons", tags=["status"])
    async def health() -> Response:
        found = service.troubles()
        return _json({"healthy": not found, "troubles": found}, 503 if found else 200)

    @app.get("/metrics", summary="For Prometheus", tags=["status"])
    async def metrics() -> Response:
        service.metrics.status = live.status
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _watching(app: FastAPI, service: Service) -> None:
    live = service.live

    @app.get("/api/cameras/{camera}/frame.jpg", summary="The next annotated frame", tags=["cameras"])
    async def frame(camera: str) -> Response:
        service.camera(camera)
        frames = live.frames([camera])
        try:
            _, jpeg = await asyncio.wait_for(anext(frames), FRAME_S)
        except TimeoutError:
            raise HTTPException(503, f"camera {camera} gives no frame", {"Retry-After": "5"}) from None
        finally:
            await frames.aclose()  # type: ignore[attr-defined]
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @app.get("/api/cameras/{camera}/stream.mjpg", summary="Annotated frames as they come", tags=["cameras"])
    async def stream(camera: str) -> Response:
        service.camera(camera)

        async def parts() -> AsyncIterator[bytes]:
            async for _, jpeg in live.frames([camera]):
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + b"\r\n"

        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(parts(), media_type=kind, headers={"Cache-Control": "no-store"})

    @app.get("/api/frames", summary="Annotated frames of several cameras over one connection", tags=["cameras"])
    async def frames_of_several(camera: Annotated[list[str], Query(description="Of these")]) -> Response:
        """Each frame: lengths of the camera's name and of the JPEG (4 bytes each, big-endian), the name, the JPEG."""
        for name in camera:
            service.camera(name)

        async def parts() -> AsyncIterator[bytes]:
            async for name, jpeg in live.frames(camera):
                encoded = name.encode()
                yield struct.pack(">II", len(encoded), len(jpeg)) + encoded + jpeg

        return StreamingResponse(parts(), media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    @app.get("/api/results", summary="Results as server-sent events", tags=["results"])
    async def results(
        camera: Annotated[list[str] | None, Query(description="Only of these")] = None,
        model: Annotated[list[str] | None, Query(description="Only of these")] = None,
        class_name: Annotated[list[str] | None, Query(alias="class", description="Only with one of these")] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        after = int(last_event_id) if last_event_id and last_event_id.isdecimal() else None

        async def events() -> AsyncIterator[bytes]:
            found = aiter(live.results(after))
            waiting = asyncio.ensure_future(anext(found))
            try:
                while True:
                    done, _ = await asyncio.wait({waiting}, timeout=KEEP_ALIVE_S)
                    if not done:
                        yield b": nothing new\n\n"
                        continue
                    event = waiting.result()
                    waiting = asyncio.ensure_future(anext(found))
                    if (camera and event.camera not in camera) or (model and event.model not in model):
                        continue
                    if class_name and not event.names.intersection(class_name):
                        continue
                    yield b"id: %d\ndata: %b\n\n" % (event.number, event.body)
            finally:
                waiting.cancel()

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _predicting(app: FastAPI, service: Service) -> None:
    @app.post("/api/models/{model}/predict", summary="What a model finds in a picture", tags=["models"])
    async def predict(
        request: Request,
        model: str,
        confidence: Annotated[float | None, Query(ge=0, le=1, description="What is less sure is left out")] = None,
        classes: Annotated[list[str] | None, Query(description="Only these; also as a,b")] = None,
        max_detections: Annotated[int | None, Query(ge=1, description="The surest so many")] = None,
    ) -> Response:
        began, settings, status = time.monotonic(), service.settings, 500
        try:
            if model not in settings.models:
                raise HTTPException(404, f"there is no model {model}; there are {', '.join(settings.models)}")
            names = [name for part in classes for name in part.split(",")] if classes else None
            wish = Wish(confidence=confidence, classes=names, max_detections=max_detections)
            kind = wanted(request.headers.get("accept", ""))
            picture = await _upload(request, settings)
            answer = await _answer(request, service, model, picture, wish, annotate=kind is not None)
            status = 200
            if kind is None or answer.rgb is None:
                return _json(_findings(answer))
            return await run_in_threadpool(_annotated, answer, *kind, settings.quality)
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            service.metrics.request(model if model in settings.models else "", status, time.monotonic() - began)


async def _upload(request: Request, settings: WebSettings) -> Upload:
    """The picture in a request's body, or the first file of its form."""
    data = await _body(request, settings.max_bytes)
    if not data:
        raise HTTPException(422, "there is no picture in the request: send it as the body, or as a file of a form")
    try:
        return await run_in_threadpool(upload, data, settings.max_pixels)
    except TooLargeError as error:
        raise HTTPException(413, str(error)) from error
    except PictureError as error:
        raise HTTPException(415, str(error)) from error


async def _body(request: Request, most: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_long(most)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise _too_long(most)
    if not request.headers.get("content-type", "").lower().startswith(FORM):
        return bytes(data)

    async def again() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(data), "more_body": False}

    try:
        async with Request(request.scope, again).form(max_files=1, max_fields=10) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
    except (MultiPartException, HTTPException, KeyError) as error:
        raise HTTPException(422, f"the form cannot be read: {getattr(error, 'message', error)}") from error
    return b""


def _too_long(most: int) -> HTTPException:
    return HTTPException(413, f"a picture has at most {most} bytes here")


async def _answer(
    request: Request, service: Service, model: str, picture: Upload, wish: Wish, *, annotate: bool
) -> Answer:
    """Have a worker look at the picture. Whoever hangs up meanwhile frees its place.

    Raises:
        HTTPException: too many wait, it takes too long, or the model fails on it.
    """
    loop, broker = service.loop, service.broker
    answered: asyncio.Future[Answer] = loop.create_future()
    numbers: list[int] = []

    def hand(answer: Answer | EdgeError) -> None:
        loop.call_soon_threadsafe(_resolve, answered, answer)

    def add(requests: Requests) -> None:
        try:
            numbers.append(requests.add(model, picture, wish, annotate=annotate, now_ns=now_ns(), hand=hand))
        except BusyError as error:
            hand(error)

    def withdraw(requests: Requests) -> None:
        for number in numbers:
            requests.withdraw(number)

    broker.do(add)
    gone = asyncio.ensure_future(request.receive())
    either: set[asyncio.Future[Any]] = {answered, gone}
    try:
        await asyncio.wait(either, timeout=service.settings.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not answered.done():
            raise _later(f"model {model} has not answered within {service.settings.timeout_s:g} s")
        answer = answered.result()
    except EdgeError as error:
        raise _later(str(error)) from error
    finally:
        gone.cancel()
        if not answered.done():
            answered.cancel()
            broker.do(withdraw)
    if answer.outcome.failed:
        code = 415 if answer.outcome.failed == "undecodable" else 500
        raise HTTPException(code, f"{answer.outcome.failed}: {answer.outcome.error}")
    return answer


def _resolve(answered: "asyncio.Future[Answer]", answer: Answer | EdgeError) -> None:
    if answered.done():
        return
    if isinstance(answer, EdgeError):
        answered.set_exception(answer)
    else:
        answered.set_result(answer)


def _later(why: str) -> HTTPException:
    return HTTPException(503, why, {"Retry-After": str(RETRY_S)})


def _findings(answer: Answer) -> dict[str, Any]:
    """As in a result, without what only cameras have."""
    outcome = answer.outcome
    found = msgspec.to_builtins(outcome.found)
    return {
        "model": outcome.model,
        "width": outcome.frame.width,
        "height": outcome.frame.height,
        "detections": found.pop("detections", []),
        **found,
        "timing_ms": {stage: round(ms, 2) for stage, ms in msgspec.structs.asdict(outcome.timing_ms).items() if ms},
        "worker": outcome.worker,
    }


def _annotated(answer: Answer, kind: str, codec: Codec, quality: int) -> Response:
    frame = answer.outcome.frame
    rgb = np.frombuffer(answer.rgb or b"", np.uint8).reshape(frame.height, frame.width, 3)
    return Response(download(rgb, codec, quality), media_type=kind)


def _page(app: FastAPI) -> None:
    folder = files("edge_daemon.web") / "page"

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse((folder / "index.html").read_bytes())

    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
    served = {one.name: one for one in folder.iterdir() if one.name.rpartition(".")[2] in kinds}

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in served:
            raise HTTPException(404, "there is no such file")
        return FileResponse(str(served[name]), media_type=kinds[name.rpartition(".")[2]])


def _json(value: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
