"""Real inference servers, if tools/inference_servers.sh has installed them: the same boxes as here, to the last bit."""

import os
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.models.builtin import path_of
from edge_daemon.models.model import Model
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import RemoteEngine
from edge_daemon.models.remote.opening import open_model
from edge_daemon.settings import ModelSettings, RemoteSettings
from tests.real_servers import SCHEMES, START_S, serving
from tests.waiting import eventually

PERSON = path_of("person")
INSTALLED = Path(os.environ.get("INFERENCE_SERVERS", "none"))
pytestmark = pytest.mark.skipif(
    not INSTALLED.is_absolute(), reason="INFERENCE_SERVERS does not name the folder of tools/inference_servers.sh"
)


def opened(url: str) -> Model | None:
    try:
        return open_model(ModelSettings(name="m", path=str(PERSON), remote=RemoteSettings(urls=[url])))
    except AwayError:
        return None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("server", [one for one in SCHEMES if one != "edge-daemon"])
def test_boxes_are_those_of_the_model_here(tmp_path: Path, server: str) -> None:
    street = Scene(seed=1, width=640, height=360, people=4).frame(5, 15.0)[0]
    expected = Model(ModelSettings(name="m", path=str(PERSON))).detect(street)[0].detections
    assert len(expected) > 0
    with serving(server, INSTALLED, PERSON, tmp_path) as urls:
        for url in urls.values():
            there = eventually(lambda url=url: opened(url), START_S, what=url)  # type: ignore[misc]
            assert there is not None
            found = there.detect(street)[0].detections
            assert isinstance(there.session.engine, RemoteEngine)
            there.session.engine.close()
            assert np.array_equal(found.xyxy, expected.xyxy)
            assert np.array_equal(found.confidence, expected.confidence)
