"""Real inference servers, if tools/inference_servers.sh has installed them: the same boxes as here, to the last bit."""

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.models.model import Model
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import RemoteEngine
from edge_daemon.models.remote.opening import open_model
from edge_daemon.settings import ModelSettings, RemoteSettings
from tests.real_servers import SCHEMES, START_S, serving
from tests.waiting import eventually

INSTALLED = Path(os.environ.get("INFERENCE_SERVERS", "none"))
pytestmark = pytest.mark.skipif(
    not INSTALLED.is_absolute(), reason="INFERENCE_SERVERS does not name the folder of tools/inference_servers.sh"
)


def opened(url: str, copy: Path) -> Model | None:
    try:
        return open_model(ModelSettings(name="m", path=str(copy), remote=RemoteSettings(urls=[url])))
    except AwayError:
        return None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("server", SCHEMES)
def test_boxes_are_those_of_the_model_here(tmp_path: Path, shared_data: Path, server: str) -> None:
    model = shared_data / "models" / "yolox_nano.onnx"
    here = Model(ModelSettings(name="m", path=str(model)))
    pictures = [read(file) for file in sorted((shared_data / "images").glob("*.jpg"))[:20]]
    expected = [here.detect(picture)[0].detections for picture in pictures]
    assert sum(map(len, expected)) > 0
    with serving(server, INSTALLED, model, tmp_path) as urls:
        for url in urls.values():
            there = eventually(partial(opened, url, model), START_S, what=url)
            assert there is not None
            for picture, known in zip(pictures, expected, strict=True):
                found = there.detect(picture)[0].detections
                assert np.array_equal(found.xyxy, known.xyxy)
                assert np.array_equal(found.confidence, known.confidence)
                assert np.array_equal(found.class_id, known.class_id)
            assert isinstance(there.session.engine, RemoteEngine)
            there.session.engine.close()


def read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file))
    assert picture is not None
    return np.asarray(picture, np.uint8)
