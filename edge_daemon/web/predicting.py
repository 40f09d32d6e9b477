"""The route that runs a model on an uploaded picture."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from edge_daemon.errors import EdgeError
from edge_daemon.messages.frames import ResultFilter
from edge_daemon.settings import Codec
from edge_daemon.web.bodies import Caller, hold, later, read_body
from edge_daemon.web.broker import now_ns
from edge_daemon.web.budget import BusyError
from edge_daemon.web.decoders import RefusedError
from edge_daemon.web.encoded import REQUEST
from edge_daemon.web.pictures import download, wanted
from edge_daemon.web.requests import Answer, Picture, Requests
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service, as_json
from edge_daemon.web.tasks import Decoded, Task

ANNOTATED_BYTES = 9
"""Memory that drawing takes, in bytes a pixel: what the worker sends, the same in the order of the encoder, a file."""
STATUS = {"undecodable": 415, "unknown-class": 422, "server-lost": 503}
FORM, JSON = "multipart/form-data", "application/json"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "properties": {"file": _FILE["schema"]}, "required": ["file"]}}
_CONTENT = {"image/*": _FILE, FORM: _FORM, JSON: {"schema": REQUEST}}
_BODY = {"requestBody": {"required": True, "content": _CONTENT}}


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
        """The picture is the body, the file of a form, or `image` in JSON (base64). Of several `images` in JSON the
        answer has `results`, in their order.
        """
        began, settings, status = time.monotonic(), service.settings, 500
        try:
            service.check_model(model)
            names = [name for part in classes for name in part.split(",")] if classes else None
            filter = ResultFilter(confidence=confidence, classes=names, max_detections=max_detections)
            kind = wanted(request.headers.get("accept", ""))
            upload = await read_upload(request, service, model, annotate=kind is not None)
            answers = [
                await answer_to(request, service, model, picture, filter, annotate=kind is not None)
                async for picture in upload.pictures()
            ]
            status = 200
            if upload.is_list:
                return as_json({"results": [_findings(answer) for answer in answers]})
            answer = answers[0]
            if kind is None or answer.rgb is None:
                return as_json(_findings(answer))
            async with service.encoding:
                return await run_in_threadpool(_annotated, answer, *kind, settings.quality)
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            service.metrics.request(model if model in settings.models else "", status, time.monotonic() - began)


class Upload:
    """The pictures in a request's body, which are decoded one after the other: a request holds one at a time."""

    def __init__(self, request: Request, service: Service, task: Task, body: bytearray, *, annotate: bool) -> None:
        self._request, self._service, self._annotate = request, service, annotate
        self._task, self._body = task, body
        self.is_list = False

    async def pictures(self) -> AsyncIterator[Picture]:
        """Each picture; `is_list` is true from the first on if the request has a list of them.

        Raises:
            HTTPException: one cannot be decoded, or a list is to be answered with a picture.
        """
        count = 1
        while self._task.index < count:
            picture, found = await decoded(self._request, self._service, self._task, self._body)
            self.is_list, count = found.count is not None, found.count or 1
            if self._annotate and self.is_list:
                raise HTTPException(422, "the answer to several images is JSON; send one to get an annotated picture")
            if self._annotate:
                hold(self._request, len(picture.data) + ANNOTATED_BYTES * picture.width * picture.height)
            yield picture
            self._task = msgspec.structs.replace(self._task, index=self._task.index + 1)


async def read_upload(request: Request, service: Service, model: str, *, annotate: bool) -> Upload:
    """The picture in a request's body, the file of its form, or those in its JSON.

    Raises:
        HTTPException: the body is too long.
    """
    body = await read_body(request, service.settings.max_bytes)
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    task = Task(
        kind="form" if kind == FORM else "json" if kind == JSON else "file",
        content_type=content_type,
        max_pixels=service.settings.max_pixels,
        input=None if annotate else service.broker.input_of(model),
    )
    return Upload(request, service, task, body, annotate=annotate)


async def decoded(request: Caller, service: Service, task: Task, body: bytearray) -> tuple[Picture, Decoded]:
    """A picture as a worker gets it, and what else was found in the body.

    Raises:
        HTTPException: there is none, it cannot be decoded, or too many wait.
    """
    try:
        async with asyncio.timeout(service.settings.timeout_s):
            found, data = await service.decoders.decode(task, body)
    except TimeoutError:
        raise later("too many pictures wait to be decoded") from None
    except RefusedError as error:
        raise later(str(error)) if error.status == 503 else HTTPException(error.status, str(error)) from error
    hold(request, len(data))
    return Picture(data, found.width, found.height, found.scaled, found.decode_ms), found


async def answer_to(
    request: Caller, service: Service, model: str, picture: Picture, filter: ResultFilter, *, annotate: bool
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
            raise later(f"model {model} has not answered within {service.settings.timeout_s:g} s")
        answer = answered.result()
    except EdgeError as error:
        raise later(str(error)) from error
    finally:
        gone.cancel()
        if not answered.done():
            answered.cancel()
            broker.do(withdraw)
    if answer.outcome.failed:
        raise HTTPException(STATUS.get(answer.outcome.failed, 500), f"{answer.outcome.failed}: {answer.outcome.error}")
    return answer


def _resolve(answered: "asyncio.Future[Answer]", answer: Answer | EdgeError) -> None:
    if answered.done():
        return
    if isinstance(answer, EdgeError):
        answered.set_exception(answer)
    else:
        answered.set_result(answer)


def _findings(answer: Answer) -> dict[str, Any]:
    """The findings as in a result, without the keys that only cameras have."""
    outcome, timing = answer.outcome, answer.outcome.timing_ms
    timing = msgspec.structs.replace(timing, decode=timing.decode + answer.picture.decode_ms)
    found = msgspec.to_builtins(outcome.found)
    return {
        "model": outcome.model,
        "width": answer.picture.width,
        "height": answer.picture.height,
        "detections": found.pop("detections", []),
        **found,
        "timing_ms": {stage: round(ms, 2) for stage, ms in msgspec.structs.asdict(timing).items() if ms},
        "worker": outcome.worker,
        **({"served_by": outcome.served_by} if outcome.served_by else {}),
    }


def _annotated(answer: Answer, kind: str, codec: Codec, quality: int) -> Response:
    rgb = np.frombuffer(answer.rgb or b"", np.uint8).reshape(answer.picture.height, answer.picture.width, 3)
    return Response(download(rgb, codec, quality), media_type=kind)
