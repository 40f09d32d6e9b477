"""A configuration as administrators see it: as it was written, and without secrets."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.load import adhoc, loads
from edge_daemon.config.shown import as_yaml

TEXT = """
x-shared: &shared {fps: 5}
cameras:
  door: {<<: *shared, source: "rtsp://viewer:${SHOWN_PASSWORD}@10.0.0.4/sub"}
  yard: {source: "rtsp://viewer:hunter2@10.0.0.5/sub"}
  lift: {source: "http://10.0.0.6/v?token=hunter2&channel=1"}
models: {m: {path: builtin:person}}
publish: {secret_key: "${SHOWN_KEY}", clients: [any]}
web: {tokens: {office: hunter2hunter2hunter2, boss: {token: "hunter2-hunter2-hunter2", role: administrator}}}
"""


def test_secrets_are_masked_and_the_rest_is_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWN_PASSWORD", "hunter2")
    monkeypatch.setenv("SHOWN_KEY", "hunter2" + 33 * "x")
    shown = as_yaml(loads(TEXT))
    assert "hunter2" not in shown
    found = yaml.safe_load(shown)
    assert list(found) == ["cameras", "models", "publish", "web"]
    assert found["cameras"]["door"] == {"fps": 5, "source": "rtsp://***@10.0.0.4/sub"}
    assert found["cameras"]["lift"] == {"source": "http://10.0.0.6/v?token=***&channel=1"}
    assert found["publish"] == {"secret_key": "${SHOWN_KEY}", "clients": ["any"]}
    assert found["web"]["tokens"] == {"office": "***", "boss": {"token": "***", "role": "administrator"}}


@given(st.text("abcdefgh%:.-_", min_size=4))
def test_no_password_of_an_address_is_shown(password: str) -> None:
    secret = f"s{password}x9"
    assert secret not in as_yaml(adhoc([f"rtsp://viewer:{secret}@10.0.0.4/s"], ["builtin:person"]))


def test_it_says_when_it_was_read() -> None:
    assert adhoc(["scene:"], ["builtin:person"]).origin.read_at.endswith("Z")
