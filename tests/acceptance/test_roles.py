"""Every route of a running daemon, with every role and with none: exactly what the table allows is answered."""

from collections.abc import Iterator

import httpx
import pytest

from edge_daemon.tokens import ROLES, Role, digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, listens, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

PUBLIC = {"POST /api/login": 422, "POST /api/logout": 200, "GET /healthz": 200}
"""Routes that everybody may use, and how they answer a request without content."""
NEEDED: dict[str, tuple[Role, int]] = {
    "GET /api/me": ("viewer", 200),
    "GET /api/status": ("viewer", 200),
    "GET /api/cameras": ("viewer", 200),
    "GET /api/cameras/{camera}": ("viewer", 200),
    "GET /api/cameras/{camera}/frame.jpg": ("viewer", 200),
    "GET /api/cameras/{camera}/stream.mjpg": ("viewer", 200),
    "GET /api/cameras/{camera}/picture.jpg": ("viewer", 200),
    "GET /api/frames": ("viewer", 200),
    "GET /api/pictures": ("viewer", 426),
    "GET /api/results": ("viewer", 200),
    "GET /api/events": ("viewer", 200),
    "GET /api/events/stream": ("viewer", 200),
    "GET /api/events/{event}": ("viewer", 404),
    "GET /api/events/{event}/still.jpg": ("viewer", 404),
    "GET /api/events/{event}/clip.mp4": ("viewer", 404),
    "GET /api/events/{event}/track.json": ("viewer", 404),
    "GET /api/events/timeline": ("viewer", 422),
    "POST /api/events/{event}/marks": ("operator", 404),
    "POST /api/events/{event}/link": ("operator", 404),
    "POST /api/cameras/{camera}/keep": ("operator", 404),
    "DELETE /api/events/{event}": ("administrator", 404),
    "DELETE /api/events": ("administrator", 422),
    "POST /api/links/revoke": ("administrator", 200),
    "GET /api/recordings": ("viewer", 200),
    "GET /api/recordings/{camera}": ("viewer", 404),
    "GET /api/recordings/{camera}/gaps": ("viewer", 404),
    "GET /api/recordings/{camera}/export.mp4": ("operator", 404),
    "GET /api/recordings/{camera}/playlist.m3u8": ("viewer", 404),
    "GET /api/recordings/{camera}/{name}": ("viewer", 404),
    "GET /api/timeline/{camera}": ("viewer", 404),
    "GET /api/counts": ("viewer", 200),
    "GET /api/cameras/{camera}/zones": ("viewer", 200),
    "GET /api/rules": ("viewer", 200),
    "POST /api/rules/{rule}": ("operator", 404),
    "POST /api/mode": ("operator", 422),
    "POST /api/cameras/{camera}": ("operator", 422),
    "GET /api/models": ("viewer", 200),
    "GET /api/models/{model}": ("viewer", 200),
    "GET /api/system": ("viewer", 200),
    "GET /api/history": ("viewer", 200),
    "GET /api/config": ("administrator", 200),
    "GET /api/log": ("administrator", 200),
    "GET /metrics": ("viewer", 200),
    "POST /api/models/{model}/predict": ("viewer", 422),
    "GET /v2": ("viewer", 200),
    "GET /v2/health/live": ("viewer", 200),
    "GET /v2/health/ready": ("viewer", 200),
    "GET /v2/models/{model}": ("viewer", 200),
    "GET /v2/models/{model}/ready": ("viewer", 200),
    "POST /v2/models/{model}/infer": ("viewer", 400),
    "GET /v2/models/{model}/versions/{version}": ("viewer", 200),
    "GET /v2/models/{model}/versions/{version}/ready": ("viewer", 200),
    "POST /v2/models/{model}/versions/{version}/infer": ("viewer", 400),
    "POST /api/cameras/{camera}/retry": ("operator", 200),
    "POST /api/reload": ("administrator", 200),
    "GET /api/audit": ("administrator", 200),
}
"""The role that each other route needs, and how it answers such a request from one who has it."""
UNDOCUMENTED = {"/": 200, "/docs": 200, "/page/main.js": 200, "/openapi.json": 401, "/nothing/there": 404}
"""Further paths, and how they answer without a token where tokens are asked for."""
TOKENS: dict[Role, str] = {role: new_token() for role in ROLES}


class Site:
    """A daemon, with a token for each role or without any tokens."""

    def __init__(self, daemon: Daemon, port: int) -> None:
        self.daemon, self.http = daemon, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S)

    def code(self, method: str, path: str, role: Role | None, **headers: str) -> int:
        """Status of the answer to a request without content, with the token of a role."""
        if role and "cookie" not in headers:
            headers["Authorization"] = f"Bearer {TOKENS[role]}"
        path = path.replace("{camera}", "c").replace("{model}", "m").replace("{version}", "tensors")
        query = {"camera": "c"} if path == "/api/frames" else {}
        with self.http.stream(method, path, params=query, headers=headers) as answer:
            busy = path == "/healthz" and answer.status_code == 503  # which a loaded machine may be at any time
            return 200 if busy else answer.status_code


@pytest.fixture(scope="module", params=["tokens", "none"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("roles"), free_port()
    tokens = ", ".join(f"{role}: {{token: '{digest(token)}', role: {role}}}" for role, token in TOKENS.items())
    more = f", tokens: {{{tokens}}}" if request.param == "tokens" else ""
    config = "cameras: {c: {source: 'scene:?fps=10&size=160x120'}}\n"
    config += f"models: {{m: {{path: {colour_model(folder / 'm.onnx')}}}}}\n"
    with running(folder, config + f"web: {{listen: '127.0.0.1:{port}'{more}}}\n") as daemon:
        eventually(lambda: "processes are up" in daemon.log and daemon.lines(), START_S, what="results")
        eventually(lambda: listens(port), START_S, what="the web")
        site = Site(daemon, port)
        viewer = {"Authorization": f"Bearer {TOKENS['viewer']}"}
        eventually(lambda: site.http.get("/api/status", headers=viewer).json(), START_S, what="a status")
        eventually(lambda: site.http.get("/healthz").status_code == 200, START_S, what="health")
        yield site
        site.http.close()
        assert daemon.stop() == 0
        assert not [token for token in TOKENS.values() if token in daemon.log]


def asks(site: Site) -> bool:
    return site.code("GET", "/api/status", None) == 401


def routes(site: Site) -> dict[str, list[str]]:
    """By method and path, the roles that the daemon's own description names."""
    document = site.http.get("/openapi.json", headers={"Authorization": f"Bearer {TOKENS['viewer']}"}).json()
    return {
        f"{method.upper()} {path}": [role for scheme in operation["security"] for role in scheme["token"]]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def test_the_table_has_every_route_and_the_role_that_it_declares(site: Site) -> None:
    assert routes(site) == {route: [] for route in PUBLIC} | {route: [needed] for route, (needed, _) in NEEDED.items()}


def test_every_route_with_every_role_and_with_none(site: Site) -> None:
    found, expected = {}, {}
    for role in (None, *ROLES):
        for route in routes(site):
            method, path = route.split()
            found[route, role] = site.code(method, path, role)
            if route in PUBLIC:
                expected[route, role] = PUBLIC[route]
                continue
            needed, good = NEEDED[route]
            if asks(site):
                may, refused = role is not None and ROLES.index(role) >= ROLES.index(needed), 403 if role else 401
            else:  # a token that is not listed is nothing
                may, refused = needed == "viewer", 401
            expected[route, role] = good if may else refused
    wrong = {key: (code, expected[key]) for key, code in found.items() if code != expected[key]}
    assert wrong == {}


def test_paths_that_are_not_documented(site: Site) -> None:
    expected = UNDOCUMENTED if asks(site) else UNDOCUMENTED | {"/openapi.json": 200}
    assert {path: site.code("GET", path, None) for path in expected} == expected


def test_a_cookie_carries_the_role_and_changes_nothing_from_another_site(site: Site) -> None:
    if not asks(site):
        assert site.http.post("/api/login", json={"token": "any"}).json() == {
            "welcome": True,
            "name": "",
            "role": "viewer",
        }
        return
    for role, token in TOKENS.items():
        said = site.http.post("/api/login", json={"token": token})
        assert said.json() == {"welcome": True, "name": role, "role": role}
        cookie = said.headers["set-cookie"].partition(";")[0]
        site.http.cookies.clear()
        assert site.http.get("/api/me", headers={"cookie": cookie}).json() == {"name": role, "role": role}
        own = {"origin": str(site.http.base_url).rstrip("/")}
        may = 200 if role == "administrator" else 403
        assert site.code("POST", "/api/reload", role, cookie=cookie, **own) == may
        assert site.code("POST", "/api/reload", role, cookie=cookie, origin="http://evil.example") == 403
        assert site.code("POST", "/api/reload", role, cookie=cookie) == 403, "no browser says that it is from here"


def test_the_audit_log_has_logins_changes_and_refusals_and_no_token(site: Site) -> None:
    if not asks(site):
        refused = site.http.post("/api/reload")
        assert refused.status_code == 401
        assert "edge-daemon token --role administrator" in refused.json()["detail"]
        return
    boss = {"Authorization": f"Bearer {TOKENS['administrator']}"}
    assert site.http.post("/api/login", json={"token": "a guess"}).status_code == 401
    assert site.http.post("/api/login", json={"token": TOKENS["viewer"]}).status_code == 200
    site.http.cookies.clear()
    assert (site.code("POST", "/api/reload", None), site.code("POST", "/api/reload", "operator")) == (401, 403)
    assert site.code("GET", "/api/audit", "viewer") == 403
    assert site.http.post("/api/reload", headers=boss).json() == {"text": "nothing has changed"}
    entries = site.http.get("/api/audit", params={"most": 1000}, headers=boss).json()
    kinds = {(entry["who"], entry.get("role"), entry["action"], entry["result"]) for entry in entries}
    assert kinds >= {
        ("", None, "login", "refused"),
        ("viewer", "viewer", "login", "done"),
        ("", None, "reload", "refused"),
        ("operator", "operator", "reload", "refused"),
        ("administrator", "administrator", "reload", "done"),
        ("viewer", "viewer", "audit", "refused"),
    }
    assert {(entry["via"], entry["address"]) for entry in entries} == {("web", "127.0.0.1")}
    assert not [token for token in (*TOKENS.values(), "a guess") if token in str(entries)]
    times = [entry["at"] for entry in entries]
    assert times == sorted(times, reverse=True)
    older = site.http.get("/api/audit", params={"before": times[0], "most": 3}, headers=boss).json()
    assert older == [entry for entry in entries if entry["at"] < times[0]][:3]
