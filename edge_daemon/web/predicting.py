"""The route that runs a model on an uploaded picture."""

import asyncio
import time
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from edge_daemon.errors import EdgeError, PictureError
from edge_daemon.messages.frames import ResultFilter
from edge_daemon.settings import Codec
from edge_daemon.web.broker import now_ns
from edge_daemon.web.pictures import TooLargeError, download, upload, wanted
from edge_daemon.web.requests import Answer, BusyError, Picture, Requests
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service, as_json, number

RETRY_S = 1
FORM = "multipart/form-data"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "properties": {"file": _FILE["schema"]}, "required": ["file"]}}
_BODY = {"requestBody": {"required": True, "content": {"image/*": _FILE, FORM: _FORM}}}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the route."""

    @app.post(
        "/api/models/{model}/predict",
        summary="Run a model on a picture",
        tags=["models"],
        openapi_extra=_BODY,
        dependencies=[VIEWER],
    )
    async def predict(
        request: Request,
        model: str,
        confidence: Annotated[float | None, Query(ge=0, le=1, description="Minimum confidence")] = None,
        classes: Annotated[list[str] | None, Query(description="Only these classes, comma-separated")] = None,
        max_detections: Annotated[
            int | None, Query(ge=1, le=10000, description="At most this many, most confident first")
        ] = None,
    ) -> Response:
        began, settings, status = time.monotonic(), service.settings, 500
        try:
            if model not in settings.models:
                raise HTTPException(404, f"there is no model {model}; there are {', '.join(settings.models)}")
            names = [name for part in classes for name in part.split(",")] if classes else None
            filter = ResultFilter(confidence=confidence, classes=names, max_detections=max_detections)
            kind = wanted(request.headers.get("accept", ""))
            picture = await read_upload(request, service)
            answer = await answer_to(request, service, model, picture, filter, annotate=kind is not None)
            status = 200
            if kind is None or answer.rgb is None:
                return as_json(_findings(answer))
            return await run_in_threadpool(_annotated, answer, *kind, settings.quality)
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            service.metrics.request(model if model in settings.models else "", status, time.monotonic() - began)


async def read_upload(request: Request, service: Service) -> Picture:
    """The picture in a request's body, or the first file of its form."""
    data = await read_body(request, service.settings.max_bytes)
    if request.headers.get("content-type", "").lower().startswith(FORM):
        data = await _file_of_form(request, data)
    if not data:
        raise HTTPException(422, "there is no picture in the request: send it as the body, or as a file of a form")
    return await decoded(data, service)


async def decoded(data: bytes, service: Service) -> Picture:
    """A picture file as a worker gets it.

    Raises:
        HTTPException: it is not a picture, or too large.
    """
    try:
        async with service.decoding:
            return await run_in_threadpool(upload, data, service.settings.max_pixels)
    except TooLargeError as error:
        raise HTTPException(413, str(error)) from error
    except PictureError as error:
        raise HTTPException(415, str(error)) from error


async def read_body(request: Request, most: int) -> bytes:
    """A request's body.

    Raises:
        HTTPException: it is too long.
    """
    if (number(request.headers.get("content-length")) or 0) > most:
        raise _too_long(most)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise _too_long(most)
    return bytes(data)


async def _file_of_form(request: Request, data: bytes) -> bytes:
    """The first file of a form."""

    async def again() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    try:
        async with Request(request.scope, again).form(max_files=1, max_fields=10) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
    except (MultiPartException, HTTPException, KeyError) as error:
        raise HTTPException(422, f"the form cannot be read: {getattr(error, 'message', error)}") from error
    return b""


def _too_long(most: int) -> HTTPException:
    return HTTPException(413, f"the picture is too large: the limit is {most} bytes")


async def answer_to(
    request: Request, service: Service, model: str, picture: Picture, filter: ResultFilter, *, annotate: bool
) -> Answer:
    """Run a model on the picture in a worker. The request is withdrawn if the client disconnects.

    Raises:
        HTTPException: too many pictures wait, it takes too long, or the model fails on the picture.
    """
    loop, broker = service.loop, service.broker
    answered: asyncio.Future[Answer] = loop.create_future()
    numbers: list[int] = []

    def hand(answer: Answer | EdgeError) -> None:
        loop.call_soon_threadsafe(_resolve, answered, answer)

    def add(requests: Requests) -> None:
        try:
            numbers.append(requests.add(model, picture, filter, annotate=annotate, now_ns=now_ns(), hand=hand))
        except BusyError as error:
            hand(error)

    def withdraw(requests: Requests) -> None:
        for one in numbers:
            requests.withdraw(one)

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
    """The findings as in a result, without the keys that only cameras have."""
    outcome = answer.outcome
    found = msgspec.to_builtins(outcome.found)
    return {
        "model": outcome.model,
        "width": answer.picture.width,
        "height": answer.picture.height,
        "detections": found.pop("detections", []),
        **found,
        "timing_ms": {stage: round(ms, 2) for stage, ms in msgspec.structs.asdict(outcome.timing_ms).items() if ms},
        "worker": outcome.worker,
    }


def _annotated(answer: Answer, kind: str, codec: Codec, quality: int) -> Response:
    rgb = np.frombuffer(answer.rgb or b"", np.uint8).reshape(answer.picture.height, answer.picture.width, 3)
    return Response(download(rgb, codec, quality), media_type=kind)
