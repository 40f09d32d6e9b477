"""Routes of the Open Inference Protocol (KServe v2), for clients such as Triton's."""

from importlib.metadata import version

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from edge_daemon.config.problems import unknown
from edge_daemon.messages.frames import ResultFilter
from edge_daemon.web.bodies import read_body
from edge_daemon.web.inference import REQUEST, ProtocolError, answer, metadata
from edge_daemon.web.predicting import answer_to, decoded
from edge_daemon.web.roles import VIEWER
from edge_daemon.web.service import Service, as_json, number
from edge_daemon.web.tasks import Task

LENGTH = "Inference-Header-Content-Length"


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
            task = Task(
                kind="inference",
                head_length=number(request.headers.get(LENGTH)),
                max_pixels=service.settings.max_pixels,
                input=service.broker.input_of(model),
            )
            picture, read = await decoded(request, service, task, body)
            found = await answer_to(request, service, model, picture, ResultFilter(), annotate=False)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        data, head = answer(model, found.outcome.found, read.asked)
        if head is None:
            return Response(data, media_type="application/json")
        return Response(data, media_type="application/octet-stream", headers={LENGTH: str(head)})
