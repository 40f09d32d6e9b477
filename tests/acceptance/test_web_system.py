"""What the web says of the daemon itself: machine, log, configuration in use, the last hour, how models are read."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, listens, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

TOKEN = new_token()
HOUR_S = 30.0


class Site:
    def __init__(self, daemon: Daemon, port: int) -> None:
        self.daemon, self.url = daemon, f"http://127.0.0.1:{port}"

    def answer(self, path: str, **query: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=query, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=9)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.answer(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("system"), free_port()
    config = f"""
cameras:
  walk: {{source: 'scene:?fps=10&size=160x120'}}
  gone: {{source: 'rtsp://viewer:hunter2@127.0.0.1:9/s'}}
models:
  m: {{path: {colour_model(folder / "m.onnx")}, confidence: 0.3}}
  crops: {{path: {folder / "m.onnx"}, after: m}}
web: {{listen: '127.0.0.1:{port}', tokens: {{boss: {{token: '{digest(TOKEN)}', role: administrator}}}}}}
"""
    with running(folder, config) as daemon:
        eventually(lambda: "processes are up" in daemon.log and daemon.lines(), START_S, what="results")
        eventually(lambda: listens(port), START_S, what="the web")
        site = Site(daemon, port)
        eventually(lambda: site.get("/api/status"), START_S, what="a status")
        yield site
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
        assert not (folder / "edge-daemon").exists()


def test_the_system(site: Site) -> None:
    found = site.get("/api/system")
    assert found["uptime_s"] > 1
    assert found["started_at"] < found["config"]["read_at"] or found["uptime_s"] < 60
    assert found["config"]["file"] == str(site.daemon.folder / "config.yaml")
    assert {process["role"] for process in found["processes"]} >= {"sink", "web", "worker", "capture"}
    assert found["memory_bytes"] == sum(process["memory_bytes"] for process in found["processes"])


def test_the_log_has_the_lines_of_all_processes_and_no_password(site: Site) -> None:
    lines = site.get("/api/log", lines=200)
    assert {line["process"] for line in lines} >= {"supervisor", "capture gone", "worker m-0"}
    assert [line["time"] for line in lines] == sorted((line["time"] for line in lines), reverse=True)
    warnings = site.get("/api/log", level="warning")
    assert {line["level"] for line in warnings} == {"warning"}
    assert any(line.get("camera") == "gone" and "refused" in line["message"] for line in warnings)
    assert len(site.get("/api/log", lines=1)) == 1
    assert "hunter2" not in str(lines)
    assert site.answer("/api/log", lines=0).status_code == 422


def test_the_configuration_in_use_changes_with_a_reload_that_succeeds(site: Site) -> None:
    before = site.answer("/api/config").text
    assert before.startswith(f"# {site.daemon.folder / 'config.yaml'}, read 20")
    assert "hunter2" not in before
    assert digest(TOKEN) not in before
    config = (site.daemon.folder / "config.yaml").read_text()
    assert site.daemon.reload(config.replace("fps=10", "fps=1x")).returncode != 0
    assert site.answer("/api/config").text == before
    done = site.daemon.reload(config.replace("gone:", "away:"))
    assert done.returncode == 0, done.stderr
    now = str(eventually(lambda: (text := site.answer("/api/config").text) != before and text, START_S))
    assert list(yaml.safe_load(now)["cameras"]) == ["walk", "away"]
    assert site.get("/api/system")["config"]["read_at"] in now
    assert site.daemon.reload(config).returncode == 0


def test_how_a_model_is_read(site: Site) -> None:
    found = site.get("/api/models/m")
    assert (found["file"], found["classes"], found["confidence"], found["decoder"]) == (
        "m.onnx",
        ["person"],
        0.3,
        "yolox",
    )
    assert found["input"]["layout"] in ("nchw", "nhwc")
    assert {"what", "value", "because", "sure"} <= set(found["evidence"][0])
    assert found["notes"]
    assert site.get("/api/models/crops")["after"] == "m", "one that accepts no pictures, too"
    missing = site.answer("/api/models/crop")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is no model crop; did you mean crops? There are m, crops"


def test_names_that_do_not_exist_are_no_silence(site: Site) -> None:
    wrong = {
        "camera": ("wlak", "there is no camera wlak; did you mean walk?"),
        "model": ("mm", "there is no model mm; "),
        "class": ("persons", "there is no class persons; did you mean person?"),
        "clas": ("person", "there is no parameter clas; did you mean class?"),
    }
    for parameter, (name, sentence) in wrong.items():
        answer = site.answer("/api/results", **{parameter: name})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(sentence)
    for path in ("/api/status", "/api/cameras/walk", "/api/models", "/api/system", "/healthz", "/metrics", "/v2"):
        assert site.answer(path, odd="1").status_code == 422, path


def test_the_last_hour_survives_a_restart_of_the_web(site: Site) -> None:
    steps = eventually(lambda: site.get("/api/history")["steps"], HOUR_S, what="a step")
    assert {"capture", "worker", "sink", "web"} <= set(steps[0]["cpu"])
    assert site.get("/api/history", span="day") == {"step_s": 300.0, "steps": []}
    walk = steps[0]["cameras"]["walk"]
    assert walk["up"] > 0.5
    assert walk["models"]["m"]["captured"] == pytest.approx(10 * steps[0]["duration_s"], rel=0.5)
    gone = eventually(lambda: site.get("/api/history")["steps"][-1]["cameras"].get("gone"), HOUR_S, what="the other")
    assert gone["state"] == "down (refused)"
    os.kill(site.daemon.processes()["web"].pid, signal.SIGKILL)

    def again() -> Any:
        try:
            return site.get("/api/history", camera="walk")["steps"]
        except httpx.HTTPError:
            return None

    after = eventually(again, START_S, what="the web")
    assert after[0]["at"] == steps[0]["at"]
    assert set(after[0]["cameras"]) == {"walk"}
    assert site.answer("/api/history", camera="wlk").json()["detail"].startswith("there is no camera wlk; did you mean")
