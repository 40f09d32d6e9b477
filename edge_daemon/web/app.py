"""The application: all routes, the page, and who is answered at all."""

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from edge_daemon.web import about, predicting, protocol, watching
from edge_daemon.web.service import Service

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
OUR_NAMES = ("localhost", "127.0.0.1", "[::1]")


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
    for routes in (about, watching, predicting, protocol):
        routes.add_routes(app, service)
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


def _page(app: FastAPI) -> None:
    folder = files("edge_daemon.web") / "page"

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse((folder / "index.html").read_bytes())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse((folder / "docs.html").read_bytes())

    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
    served = {one.name: one for one in folder.iterdir() if one.name.rpartition(".")[2] in kinds}

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in served:
            raise HTTPException(404, "there is no such file")
        return FileResponse(str(served[name]), media_type=kinds[name.rpartition(".")[2]])
