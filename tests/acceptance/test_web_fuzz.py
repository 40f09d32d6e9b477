"""Requests made up from the interface's own description: whatever is sent, nothing in there breaks."""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, free_port, listens, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

ENDLESS = ("/stream.mjpg", "/api/frames", "/api/results", "/api/events/stream", "/frame.jpg")
"""Answers that have no end, or wait for a frame."""
LOGIN = "/api/login"
"""Comes last: wrong tokens keep their address out for a while."""
PER_ROUTE = 12
BOSS = new_token()
HEADERS = {"Authorization": f"Bearer {BOSS}"}


def test_no_request_breaks_it(tmp_path: Path) -> None:
    port = free_port()
    cameras = "cameras: {c: {source: 'scene:?fps=2&size=160x120'}}\n"
    models = f"models: {{m: {{path: {colour_model(tmp_path / 'm.onnx')}}}}}\n"
    tokens = f"{{boss: {{token: '{digest(BOSS)}', role: administrator}}}}"
    config = f"{cameras}{models}web: {{listen: '127.0.0.1:{port}', timeout: 5s, tokens: {tokens}}}\n"
    with running(tmp_path, config) as daemon:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: daemon.lines() and listens(port), 2 * START_S, what="results and the web")
        eventually(lambda: httpx.get(f"{url}/healthz").status_code == 200, START_S, what="health")
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=HEADERS)
        codes: Counter[int] = Counter()
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) > 15
        for operation in sorted(operations, key=lambda operation: operation.path == LOGIN):
            if operation.path == LOGIN:
                # 403: a signed link that is wrong
                assert set(codes) <= {200, 400, 403, 404, 405, 413, 415, 422, 426}, codes
                assert httpx.get(f"{url}/api/models", headers=HEADERS).json() == ["m"], "it is still there"
            if not operation.path.endswith(ENDLESS):
                _fuzz(operation, url, codes)
        assert httpx.get(f"{url}/healthz").status_code == 200, "it is still there"
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
    assert codes[200] > 20
    assert codes[404] > 5, "some were wrong"
    assert set(codes) <= {200, 400, 401, 403, 404, 405, 413, 415, 422, 426, 429}, codes


def _fuzz(operation: schemathesis.schemas.APIOperation[Any, Any, Any, Any], url: str, codes: Counter[int]) -> None:
    names = {"model": "m", "camera": "c"}

    @given(case=operation.as_strategy(), known=st.booleans())
    @settings(
        max_examples=PER_ROUTE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case[Any], known: bool) -> None:
        if known:
            case.path_parameters = {
                name: names.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        codes[case.call(base_url=url, timeout=START_S, headers=HEADERS).status_code] += 1

    send()
