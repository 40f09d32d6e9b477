"""Events of a daemon that runs reach a receiver, whatever is killed meanwhile, and secrets stay where they are."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from edge_daemon.cli.deliver import steer
from tests.acceptance.harness import START_S, free_port, listens, running
from tests.acceptance.test_first_hour import terminal as terminal
from tests.receiving import Answering, HttpReceiver, Received, receiving
from tests.waiting import eventually

CONFIG = """
cameras:
  street: {{source: 'scene:?fps=10&size=320x180', zones: {{walk: {{points: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]}}}}}}
models: {{person: {{path: builtin:person}}}}
rules: {{visitor: {{appears: walk, cooldown: 1s, per: track}}}}
deliver:
  hook:
    webhook: '{url}/hook?key=${{KEY}}'
    private: true
    secret: ${{SIGNING}}
    token: ${{BEARER}}
    send: [events, counts, status]
counts: {{every: 1s}}
web: {{listen: '127.0.0.1:{port}'}}
"""
SECRETS = {
    "KEY": "hush-key-1",
    "SIGNING": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "BEARER": "hush-bearer-2",
}
WAIT_S = 60.0


def of(receiver: HttpReceiver, kind: str) -> list[Received]:
    return [one for one in list(receiver.accepted) if one.headers["ce-type"].startswith(f"edge-daemon.{kind}")]


def test_deaths_lose_nothing_and_nobody_sees_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    port, mood = free_port(), [200]
    with receiving(lambda _: Answering(mood[0])) as receiver:
        with running(tmp_path, CONFIG.format(url=receiver.url, port=port)) as daemon:
            eventually(lambda: of(receiver, "event"), WAIT_S, what="an event")
            eventually(lambda: of(receiver, "status") and of(receiver, "counts"), WAIT_S, what="status and counts")
            assert of(receiver, "event")[0].headers["authorization"] == "Bearer hush-bearer-2"
            mood[0] = 503
            daemon.kill("bridge hook")
            daemon.kill("recorder")
            eventually(lambda: listens(port), START_S, what="the page")
            http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S)
            eventually(lambda: "bridge hook is away (answers 503" in http.get("/healthz").text, WAIT_S, what="health")
            metrics = http.get("/metrics").text
            assert 'edge_daemon_receiver_up{receiver="hook"} 0.0' in metrics
            titles = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
            shown = [http.get(path).text for path in ("/api/status", "/api/config")]
            mood[0] = 200
            assert steer("hook", "resume", None, None, tmp_path) == "hook: delivery goes on"
            eventually(lambda: http.get("/healthz").status_code == 200, WAIT_S, what="delivery")
            before = len(of(receiver, "event"))
            eventually(lambda: len(of(receiver, "event")) > before, WAIT_S, what="further events")
            http.close()
        lines = [
            json.loads(one)
            for path in sorted(tmp_path.rglob("journal/*.jsonl"))
            for one in path.read_text().splitlines()
        ]
        stored = {one["position"]: one["message"] for one in lines if "message" in one}
        wanted = [position for position, one in stored.items() if one["type"] in ("event", "counts")]
        found = [one for one in receiver.accepted if not one.headers["webhook-id"].startswith("status")]
        numbers = list(dict.fromkeys(int(one.headers["webhook-id"].rpartition(":")[2]) for one in found))
        assert numbers == sorted(numbers)
        assert set(wanted[wanted.index(numbers[0]) :]) <= set(numbers)
        assert all(json.loads(one.body) == stored[int(one.headers["ce-id"].rpartition(":")[2])] for one in found)
        files = [path.read_bytes() for path in tmp_path.rglob("deliver/*")]
        for secret in SECRETS.values():
            assert not any(secret in text for text in (daemon.log, metrics, titles, *shown))
            assert not any(secret.encode() in content for content in files)


@pytest.mark.timeout(300)
def test_from_the_readme_to_a_picture_on_the_phone(terminal: Callable[..., None]) -> None:
    def judge(request: Received) -> Answering:
        return Answering(200 if request.headers.get("authorization") == "Bearer tk_1" else 403)

    with receiving(judge) as receiver:
        terminal("phone", NTFY=receiver.url)
        pictures = [one for one in receiver.accepted if one.body.startswith(b"\xff\xd8\xff")]
        assert {one.headers["title"] for one in pictures} == {"street: visitor", "test: test"}
