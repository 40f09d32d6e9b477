"""Files and addresses that are given in place of a configuration."""

from pathlib import Path

import pytest

from edge_daemon.config.load import load
from edge_daemon.config.mistaken import sentence
from edge_daemon.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("best.onnx", "is a model; run it: edge-daemon run --source SOURCE --model best.onnx"),
        ("best.PT", "export it to ONNX first"),
        ("clip.MP4", "is a video; run a model on it: edge-daemon run --source clip.MP4"),
        ("bus.jpg", "is a picture; run a model on it: edge-daemon inspect zoo:yolox-nano bus.jpg"),
        ("scene:?fps=5", "is the address of a camera"),
    ],
)
def test_the_command_for_it_is_named(given: str, advice: str) -> None:
    found = sentence(Path(given))
    assert advice in (found or "")


def test_an_address_is_recognised_and_its_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path("rtsp://me:hunter2@10.0.0.4/s"))
    assert "edge-daemon probe ADDRESS" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", ["config.yaml", "config.yml", "config", "a.b/c.json", "C:x.yaml"])
def test_other_names_may_be_configurations(given: str) -> None:
    assert sentence(Path(given)) is None
