"""Routes for status, health and metrics."""

from fastapi import FastAPI, Request, Response

from edge_daemon.web.roles import PUBLIC, VIEWER, gate_of
from edge_daemon.web.service import Service, as_json


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""
    live = service.live

    @app.get(
        "/api/status", summary="Status of all cameras, models and processes", tags=["status"], dependencies=[VIEWER]
    )
    async def status() -> Response:
        return as_json(live.status or {})

    @app.get("/api/cameras", summary="Status of all cameras", tags=["cameras"], dependencies=[VIEWER])
    async def cameras() -> Response:
        return as_json([service.camera(name) for name in live.cameras])

    @app.get("/api/cameras/{camera}", summary="Status of one camera", tags=["cameras"], dependencies=[VIEWER])
    async def one_camera(camera: str) -> Response:
        return as_json(service.camera(camera))

    @app.get("/api/models", summary="Models that accept pictures", tags=["models"], dependencies=[VIEWER])
    async def models() -> Response:
        return as_json(service.settings.models)

    @app.get("/healthz", summary="Health check: 200, or 503 with the reasons", tags=["status"], dependencies=[PUBLIC])
    async def health(request: Request) -> Response:
        found = service.problems()
        shown = {"healthy": not found} | ({"troubles": found} if gate_of(request).knows(request) else {})
        return as_json(shown, 503 if found else 200)

    @app.get("/metrics", summary="Metrics for Prometheus", tags=["status"], dependencies=[VIEWER])
    async def metrics() -> Response:
        service.metrics.status = live.status
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
