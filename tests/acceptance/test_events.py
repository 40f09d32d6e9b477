"""Events, counts and zones over HTTP, and switches by HTTP and by command, of a daemon that runs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.onnx_models import colour_model
from tests.waiting import eventually

TOKENS = {role: new_token() for role in ("viewer", "operator", "administrator")}
ZONES = "zones: {all: {points: [[0, 0], [1, 0], [1, 1], [0, 1]], anchor: center}}"
LINES = "lines: {middle: {points: [[0, 0.5], [1, 0.5]]}}"


class Site:
    """A daemon whose camera sees one person all the time."""

    def __init__(self, daemon: Daemon, port: int) -> None:
        self.daemon, self.http = daemon, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S)

    def answers(self) -> bool:
        try:
            return bool(self.get("/api/status"))
        except httpx.TransportError:
            return False

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query, headers=self._as("viewer")).json()

    def post(self, path: str, role: str = "operator", **body: Any) -> httpx.Response:
        return self.http.post(path, json=body, headers=self._as(role))

    def events(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/events", **query)["events"]
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = str(self.daemon.folder / "config.yaml")
        command = [sys.executable, "-m", "edge_daemon", *arguments, "--config", config, "--runtime-dir"]
        return subprocess.run(
            [*command, str(self.daemon.folder)], capture_output=True, text=True, timeout=START_S, check=False
        )

    @staticmethod
    def _as(role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKENS[role]}"}


@contextmanager
def site(folder: Path, source: str = "scene:?fps=10&size=160x120") -> Iterator[Site]:
    port = free_port()
    tokens = ", ".join(f"{role}: {{token: '{digest(token)}', role: {role}}}" for role, token in TOKENS.items())
    model = folder / "m.onnx"
    if not model.exists():
        colour_model(model)
    config = f"""
cameras: {{yard: {{ source: '{source}', delivery: live, {ZONES}, {LINES}, privacy: [[[0, 0], [0.1, 0], [0.1, 0.1]]]}}}}
models: {{m: {{path: {model}}}}}
modes: [home, away]
counts: {{every: 1s}}
rules:
  visitor: {{enters: all, classes: [person]}}
  many: {{count: {{zone: all, above: 0, for: 1s}}, quiet: true}}
  gone: {{camera: [down]}}
  away-only: {{stays: {{zone: all, for: 1s}}, modes: [away], linger: 1s, cooldown: 100ms}}
web: {{listen: '127.0.0.1:{port}', tokens: {{{tokens}}}}}
"""
    with running(folder, config) as daemon:
        eventually(lambda: "processes are up" in daemon.log, START_S, what="processes")
        made = Site(daemon, port)
        with made.http:
            eventually(made.answers, START_S, what="an answer")
            yield made
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log


def test_events_counts_zones_and_metrics(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        eventually(lambda: len(here.events()) == 2, START_S, what="events")
        many, visitor = here.events()
        assert (many["rule"], many["alert"], visitor["rule"], visitor["alert"]) == ("many", False, "visitor", True)
        assert visitor["open"]
        assert visitor["began_at"] <= visitor["at"]
        assert visitor["because"]
        assert here.events(rule="visitor", camera="yard") == [visitor]
        first = here.get("/api/events", most=1)
        assert [one["id"] for one in first["events"]] == [many["id"]]
        second = here.get("/api/events", most=1, after=first["after"])
        assert ([one["id"] for one in second["events"]], second["after"]) == ([visitor["id"]], None)
        assert here.get(f"/api/events/{visitor['id']}") == visitor
        assert here.get("/api/events/none")["detail"].startswith("the event none does not exist")
        assert here.get("/api/events", rule="visitr")["detail"].startswith(
            "there is no rule visitr; did you mean visitor?"
        )
        assert here.get("/api/counts", camera="yrd")["detail"].startswith("there is no camera yrd; did you mean yard?")
        counts = eventually(lambda: here.get("/api/counts"), START_S, what="counts")
        assert counts[0]["zones"]["all"]["person"]["now"] == 1
        zones = here.get("/api/cameras/yard/zones")
        assert zones["zones"]["all"]["points"] == [[0, 0], [1, 0], [1, 1], [0, 1]]
        assert zones["lines"]["middle"]["points"] == [[0, 0.5], [1, 0.5]]
        assert zones["privacy"] == [[[0, 0], [0.1, 0], [0.1, 0.1]]]
        status = here.get("/api/status")
        totals = status["cameras"]["yard"]["models"]["m"]["totals"]
        assert (totals["events"], totals["zones"]) == ({"many": 1, "visitor": 1}, {"all": {"person": 1}})
        metrics = here.http.get("/metrics", headers=here._as("viewer")).text
        assert 'edge_daemon_events_total{camera="yard",model="m",rule="visitor"} 1.0' in metrics
        assert 'edge_daemon_zone_occupancy{camera="yard",class="person",model="m",zone="all"} 1.0' in metrics
        assert 'edge_daemon_blind_seconds_total{camera="yard",model="m"}' in metrics


def test_rules_and_the_mode_are_switched_and_stay_so(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        assert here.get("/api/rules")["modes"] == ["home", "away"]
        with here.http.stream("GET", "/api/events/stream", headers=here._as("viewer")) as stream:
            lines = stream.iter_lines()
            assert here.post("/api/mode", mode="away").json() == {"text": "the mode is away"}
            event = next(json.loads(line[6:]) for line in lines if line.startswith("data: ") and "away-only" in line)
            assert (event["phase"], event["rule"]) == ("start", "away-only")
            assert "the mode is away" in event["because"]
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        assert here.post("/api/rules/visitor", enabled=False, until=until).status_code == 200
        assert here.post("/api/rules/many", enabled=False).json() == {"text": "rule many is off"}
        eventually(lambda: set(here.get("/api/status")["switches"]["off"]) == {"visitor", "many"}, START_S)
        rules = {rule["name"]: rule for rule in here.get("/api/rules")["rules"]}
        assert (rules["many"]["enabled"], rules["visitor"]["enabled"], rules["away-only"]["enabled"]) == (
            False,
            False,
            True,
        )
        assert rules["visitor"]["until"][:16] == until[:16]
        assert rules["many"] == {"name": "many", "cameras": ["yard"], "alert": False, "enabled": False, "until": None}

        assert here.post("/api/mode", "viewer", mode="home").status_code == 403
        assert (
            here.post("/api/rules/mny", enabled=True)
            .json()["detail"]
            .startswith("there is no rule mny; did you mean many")
        )
        assert here.post("/api/mode", mode="out").status_code == 422
        assert here.post("/api/rules/many", enabled="no").status_code == 422
        audit = here.http.get("/api/audit", headers=here._as("administrator")).json()
        done = [(one["who"], one["action"], one["text"]) for one in audit]
        assert ("operator", "rule", "rule many is off") in done
    with site(tmp_path) as here:
        state = eventually(lambda: here.get("/api/status").get("switches"), START_S)
        assert (state["mode"], set(state["off"])) == ("away", {"visitor", "many"})
        assert here.command("rules", "on", "visitor").stdout == "rule visitor is on\n"
        assert here.command("mode", "home").stdout == "the mode is home\n"
        off = here.command("rules", "off", "visitor", "--until", "23:59")
        assert off.stdout.startswith("rule visitor is off until "), off.stderr
        wrong = here.command("rules", "off", "vistor")
        assert (wrong.returncode, "did you mean visitor?" in wrong.stderr) == (2, True)
        eventually(lambda: here.get("/api/status")["switches"]["mode"] == "home", START_S)


def test_a_camera_is_switched_off_and_on_again(tmp_path: Path) -> None:
    with serving(HttpCamera([jpeg(90), jpeg(91)])) as camera, site(tmp_path, camera.url()) as here:

        def state() -> str:
            return str(here.get("/api/cameras/yard")["state"])

        eventually(lambda: state() == "up", START_S, what="a camera")
        assert here.post("/api/cameras/yard", enabled=False).json() == {"text": "camera yard is off"}
        eventually(lambda: state() == "off", START_S, what="that it is off")
        eventually(lambda: not camera.viewers, START_S, what="that it is closed")
        before = here.daemon.lines()[-1]
        assert here.get("/api/status")["switches"]["cameras_off"] == ["yard"]
        blind = eventually(lambda: here.get("/api/counts")[0]["blind"].get("off"), START_S, what="blind time")
        assert blind > 0
        assert here.http.get("/healthz").status_code == 200
        here.daemon.kill("capture yard")
        eventually(lambda: state() == "off", START_S, what="that it is still off")
        assert here.command("camera", "on", "yard").stdout == "camera yard is on\n"
        eventually(lambda: here.daemon.lines()[-1]["seq"] != before["seq"], START_S, what="results")
        eventually(lambda: state() == "up", START_S, what="that it is up")
        assert here.post("/api/cameras/yrd", enabled=False).status_code == 404
        assert not [one for one in here.events() if one["rule"] == "gone"], "off is not down"
