"""The application: all routes and the page, behind the guard."""

import socket
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse, HTMLResponse

from edge_daemon.web import about, changing, login, looking, predicting, protocol, roles, system, watching
from edge_daemon.web.access import Access
from edge_daemon.web.guard import Guard
from edge_daemon.web.proxies import Proxies
from edge_daemon.web.roles import PUBLIC, VIEWER, Gate
from edge_daemon.web.service import Service, as_json
from edge_daemon.web.sessions import Sessions


def make_app(service: Service) -> Guard:
    """Create the application."""
    app = FastAPI(
        title="edge-daemon",
        version=version("edge-daemon"),
        description="Vision models on live cameras: status, results, annotated frames, and inference on pictures.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    settings = service.settings
    sessions = Sessions(Path(settings.state) if settings.state else None)
    access = Access(settings.tokens, settings.hosts, _names_of_machine(), sessions, settings.origins)
    app.state.gate = Gate(access, service.supervisor)
    login.add_routes(app, service, access, sessions)
    for routes in (about, watching, looking, predicting, protocol, changing, system):
        routes.add_routes(app, service)
    _page(app)
    roles.document(app.routes)
    return Guard(app, access, settings.prefix, Proxies(settings.proxies), service.budget)


def _names_of_machine() -> list[str]:
    """The machine's own name, and the one by which its network knows it (mDNS)."""
    name = socket.gethostname()
    return [name, f"{name.partition('.')[0]}.local"]


def _page(app: FastAPI) -> None:
    folder = files("edge_daemon.web") / "page"

    @app.get("/openapi.json", include_in_schema=False, dependencies=[VIEWER])
    async def openapi() -> Response:
        return as_json(roles.with_scheme(app.openapi()))

    @app.get("/", include_in_schema=False, dependencies=[PUBLIC])
    async def page() -> Response:
        return HTMLResponse((folder / "index.html").read_bytes())

    @app.get("/docs", include_in_schema=False, dependencies=[PUBLIC])
    async def docs() -> Response:
        return HTMLResponse((folder / "docs.html").read_bytes())

    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
    served = {one.name: one for one in folder.iterdir() if one.name.rpartition(".")[2] in kinds}

    @app.get("/page/{name}", include_in_schema=False, dependencies=[PUBLIC])
    async def part(name: str) -> Response:
        if name not in served:
            raise HTTPException(404, "there is no such file")
        return FileResponse(str(served[name]), media_type=kinds[name.rpartition(".")[2]])
