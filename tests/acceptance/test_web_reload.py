"""Reloads that an administrator asks for over HTTP: answered, whatever happens meanwhile."""

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.onnx_models import colour_model, slow_model
from tests.waiting import eventually

BOSS = new_token()
HEADERS = {"Authorization": f"Bearer {BOSS}"}
DOOR = "door: {source: 'scene:?fps=10&size=160x120'}"
YARD = "yard: {source: 'scene:?fps=10&size=160x120&seed=2'}"
SLOW_MS = 250
"""How long a model takes that is slow to load: it runs once on trial."""


class Site:
    """A daemon with a web interface, of which an administrator has the token."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        colour_model(folder / "m.onnx")
        slow_model(folder / "slow.onnx", SLOW_MS)
        self.daemon: Daemon
        self._people = ThreadPoolExecutor(8)

    def config(self, *cameras: str, models: str = "m: {path: m.onnx}", web: str = "") -> str:
        listed = "".join(f"  {camera}\n" for camera in cameras or (DOOR,))
        tokens = f"tokens: {{boss: {{token: '{digest(BOSS)}', role: administrator}}}}"
        return f"cameras:\n{listed}models: {{{models}}}\nweb: {{listen: '127.0.0.1:{self.port}', {tokens}{web}}}\n"

    def write(self, config: str) -> None:
        (self.folder / "config.yaml").write_text(config)

    def get(self, path: str) -> Any:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=HEADERS, timeout=START_S).json()

    def reload(self, timeout_s: float = START_S) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}/api/reload", headers=HEADERS, timeout=timeout_s)

    def reloading(self) -> "Future[httpx.Response]":
        """A reload that has been sent, and not answered yet."""
        return self._people.submit(self.reload)

    def answers(self) -> bool:
        try:
            return bool(self.get("/api/status"))
        except httpx.TransportError:
            return False

    def audit(self) -> list[tuple[str, str, str]]:
        """Who asked by which way for a reload, and what came of it; the newest first."""
        entries = [entry for entry in self.get("/api/audit") if entry["action"] == "reload"]
        return [(entry["who"], entry["via"], entry["result"]) for entry in entries]

    def trials(self) -> list[psutil.Process]:
        """Processes that load a new model on trial."""
        return [process for title, process in self.daemon.processes().items() if "trial" in title]


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    with running(folder, site.config()) as site.daemon:
        eventually(lambda: "processes are up" in site.daemon.log and site.answers(), START_S, what="the web")
        yield site
        assert BOSS not in site.daemon.log


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("reload")) as site:
        yield site
        assert site.daemon.stop() == 0


def test_what_has_changed_is_the_answer_and_in_the_audit_log(site: Site) -> None:
    site.write(site.config(DOOR, YARD))
    done = site.reload()
    assert (done.status_code, done.json()) == (200, {"text": "camera yard added"})
    assert site.audit()[0] == ("boss", "web", "done")
    eventually(lambda: site.get("/api/cameras/yard")["state"] == "up", START_S)
    site.write(site.config())
    assert site.reload().json() == {"text": "camera yard removed"}


def test_errors_of_a_configuration_are_listed_and_change_nothing(site: Site) -> None:
    site.write(site.config().replace("source", "sauce"))
    refused = site.reload()
    assert refused.status_code == 422
    assert "did you mean source" in refused.json()["detail"]
    problems = refused.json()["problems"]
    assert {(problem["line"], problem["key"]) for problem in problems} == {
        (2, "cameras.door.source"),
        (2, "cameras.door.sauce"),
    }
    assert all(problem["file"].endswith("config.yaml") and problem["text"] for problem in problems)
    assert site.audit()[0] == ("boss", "web", "failed")

    site.write(site.config("door: {source: gone.mp4}"))
    refused = site.reload()
    assert refused.status_code == 409
    assert [problem["key"] for problem in refused.json()["problems"]] == ["cameras.door.source"]
    (site.folder / "broken.onnx").write_bytes(b"no model")
    site.write(site.config(models="m: {path: m.onnx}, n: {path: broken.onnx}"))
    refused = site.reload()
    assert (refused.status_code, refused.json()["problems"]) == (409, [])
    assert "broken.onnx" in refused.json()["detail"]
    assert list(site.daemon.processes()).count("capture door") == 1


def test_several_at_once_by_all_ways_are_answered_and_others_are_served_meanwhile(site: Site) -> None:
    site.write(site.config(models="m: {path: m.onnx}, slow: {path: slow.onnx}"))
    reloads = [site.reloading() for _ in range(4)]
    eventually(site.trials, START_S, what="the slow model on trial")
    with pytest.raises(httpx.ReadTimeout):
        site.reload(timeout_s=0.1)  # somebody who does not wait
    assert site.get("/api/models") == ["m"], "it is served meanwhile"
    assert site.daemon.reload(site.config(models="m: {path: m.onnx}, slow: {path: slow.onnx}")).returncode == 0
    codes = {reload.result(START_S).status_code for reload in reloads}
    assert codes == {200}
    assert {via for _, via, _ in site.audit()} == {"web", "control-socket"}
    site.write(site.config())
    site.daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: site.audit()[0] == ("", "signal", "done"), START_S, what="the signal's entry")


def test_a_change_of_the_web_itself_is_accepted_before_it_starts_again(site: Site) -> None:
    web = site.daemon.processes()["web"]
    site.write(site.config(DOOR, YARD, web=", max_waiting: 5"))
    accepted = site.reload()
    assert accepted.status_code == 202
    eventually(site.answers, START_S, what="the web again")
    eventually(lambda: site.audit()[0] == ("boss", "web", "done"), START_S, what="the result")
    assert site.daemon.processes()["web"].pid != web.pid
    assert "yard" in [camera["name"] for camera in site.get("/api/cameras")]
    site.write(site.config())
    assert site.reload().status_code == 202
    eventually(site.answers, START_S, what="the web again")


@pytest.mark.long
def test_a_web_process_that_dies_while_it_waits_is_back_and_the_reload_is_done(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.write(site.config(models="m: {path: m.onnx}, slow: {path: slow.onnx}"))
        waiting = site.reloading()
        eventually(site.trials, START_S, what="the slow model on trial")
        site.daemon.kill("web")
        assert isinstance(waiting.exception(START_S), httpx.TransportError)
        eventually(site.answers, START_S, what="the web again")
        eventually(lambda: site.get("/api/models") == ["m", "slow"], START_S, what="the new model")
        assert site.reload().json() == {"text": "nothing has changed"}
        assert site.audit()[:2] == [("boss", "web", "done")] * 2
        assert site.daemon.stop() == 0


def test_a_daemon_that_stops_answers_first_and_the_audit_log_survives_it(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.write(site.config(models="m: {path: m.onnx}, slow: {path: slow.onnx}"))
        waiting = site.reloading()
        eventually(site.trials, START_S, what="the slow model on trial")
        site.daemon.process.send_signal(signal.SIGTERM)
        answer = waiting.result(START_S)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the daemon is stopping")
        for trial in site.trials():  # it is not done with its model yet, and would be waited for
            trial.kill()
        assert site.daemon.finish() == 0
    with running(tmp_path, site.config()) as site.daemon:
        eventually(site.answers, START_S, what="the web")
        assert ("boss", "web", "failed") in site.audit()
        assert site.daemon.stop() == 0
