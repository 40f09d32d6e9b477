"""Routes of the Open Inference Protocol (KServe v2), for clients such as Triton's."""

from importlib.metadata import version

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from edge_daemon.config.problems import unknown
from edge_daemon.messages.frames import ResultFilter
from edge_daemon.web.bodies import Caller, read_body
from edge_daemon.web.inference import (
    REQUEST,
    TENSORS,
    ProtocolError,
    answer,
    answer_tensors,
    metadata,
    read_tensors,
    tensors_metadata,
)
from edge_daemon.web.predicting import answer_to, decoded
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service, as_json, number
from edge_daemon.web.tasks import Task

LENGTH = "Inference-Header-Content-Length"


async def run(
    request: Caller, service: Service, model: str, body: bytearray, head_length: int | None
) -> tuple[bytes, int | None]:
    """Run a model on the picture or the tensors in a body; the body of the answer, and the length of its JSON if
    binary tensors follow.

    Raises:
        HTTPException: the model cannot be run on it, or not now.
        ProtocolError: the request is malformed.
    """
    if own := read_tensors(memoryview(body), head_length):
        asked, picture = own
        found = await answer_to(request, service, model, picture, ResultFilter(), annotate=False)
        return answer_tensors(model, found.outcome.tensors or [], found.rgb or memoryview(b""), asked)
    task = Task(
        kind="inference",
        head_length=head_length,
        max_pixels=service.settings.max_pixels,
        input=service.broker.input_of(model),
    )
    picture, read = await decoded(request, service, task, body)
    found = await answer_to(request, service, model, picture, ResultFilter(), annotate=False)
    return answer(model, found.outcome.found, read.asked)


def _check_version(model: str, version: str) -> None:
    if version not in ("1", TENSORS):
        raise ProtocolError(f"model {model} has no version {version[:100]!r}; it has 1 and {TENSORS}")


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes for metadata, health and inference."""

    def known(model: str) -> str:
        if model not in service.settings.models:
            raise ProtocolError(unknown("model", model, service.settings.models))
        return model

    @app.exception_handler(ProtocolError)
    async def refused(_: Request, error: ProtocolError) -> Response:
        return JSONResponse({"error": str(error)}, 400)

    @app.get("/v2", summary="Server metadata", tags=["Open Inference Protocol"], dependencies=[VIEWER])
    async def server() -> Response:
        return as_json({"name": "edge-daemon", "version": version("edge-daemon"), "extensions": ["binary_tensor_data"]})

    @app.get("/v2/health/live", summary="Liveness check", tags=["Open Inference Protocol"], dependencies=[VIEWER])
    async def live() -> Response:
        return Response(status_code=200)

    @app.get("/v2/health/ready", summary="Readiness check", tags=["Open Inference Protocol"], dependencies=[VIEWER])
    async def ready() -> Response:
        return Response(status_code=200 if service.broker.connected else 503)

    @app.get(
        "/v2/models/{model}",
        summary="A model's inputs and outputs",
        tags=["Open Inference Protocol"],
        dependencies=[VIEWER],
    )
    async def model_metadata(model: str) -> Response:
        return as_json(metadata(known(model)))

    @app.get(
        "/v2/models/{model}/ready",
        summary="Readiness check of a model",
        tags=["Open Inference Protocol"],
        dependencies=[VIEWER],
    )
    async def model_ready(model: str) -> Response:
        return Response(status_code=200 if service.has_worker(known(model)) else 503)

    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": REQUEST}}}}

    @app.get(
        "/v2/models/{model}/versions/{version}",
        summary="The inputs and outputs of a version: tensors for the model's own",
        tags=["Open Inference Protocol"],
        dependencies=[VIEWER],
    )
    async def version_metadata(model: str, version: str) -> Response:
        _check_version(known(model), version)
        own = version == TENSORS
        return as_json(tensors_metadata(model, service.description(model)) if own else metadata(model))

    @app.get(
        "/v2/models/{model}/versions/{version}/ready",
        summary="Readiness check of a version",
        tags=["Open Inference Protocol"],
        dependencies=[VIEWER],
    )
    async def version_ready(model: str, version: str) -> Response:
        _check_version(known(model), version)
        return Response(status_code=200 if service.has_worker(model) else 503)

    @app.post(
        "/v2/models/{model}/versions/{version}/infer",
        summary="Run a version of a model",
        tags=["Open Inference Protocol"],
        openapi_extra=body,
        dependencies=[VIEWER],
    )
    async def version_infer(request: Request, model: str, version: str) -> Response:
        _check_version(known(model), version)
        return await infer(request, model)

    @app.post(
        "/v2/models/{model}/infer",
        summary="Run a model",
        tags=["Open Inference Protocol"],
        openapi_extra=body,
        dependencies=[VIEWER],
    )
    async def infer(request: Request, model: str) -> Response:
        known(model)
        try:
            body = await read_body(request, service.settings.max_bytes)
            data, head = await run(request, service, model, body, number(request.headers.get(LENGTH)))
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        if head is None:
            return Response(data, media_type="application/json")
        return Response(data, media_type="application/octet-stream", headers={LENGTH: str(head)})
