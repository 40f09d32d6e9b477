"""The application: all routes and the page, behind the guard."""

import socket
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from edge_daemon.web import (
    about,
    changing,
    events,
    evidence,
    login,
    looking,
    predicting,
    protocol,
    recordings,
    roles,
    system,
    watching,
)
from edge_daemon.web.access import Access
from edge_daemon.web.guard import Guard
from edge_daemon.web.pagefiles import KINDS, PageFile, ending
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
    for routes in (about, watching, looking, events, evidence, recordings, predicting, protocol, changing, system):
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
    served = {one.name: PageFile(one) for one in folder.iterdir() if ending(one.name) in KINDS}

    @app.get("/openapi.json", include_in_schema=False, dependencies=[VIEWER])
    async def openapi() -> Response:
        return as_json(roles.with_scheme(app.openapi()))

    @app.get("/", include_in_schema=False, dependencies=[PUBLIC])
    async def page(request: Request) -> Response:
        return served["index.html"].response(request)

    @app.get("/docs", include_in_schema=False, dependencies=[PUBLIC])
    async def docs(request: Request) -> Response:
        return served["docs.html"].response(request)

    @app.get("/page/{name}", include_in_schema=False, dependencies=[PUBLIC])
    async def part(name: str, request: Request) -> Response:
        if name not in served:
            raise HTTPException(404, "there is no such file")
        return served[name].response(request)
