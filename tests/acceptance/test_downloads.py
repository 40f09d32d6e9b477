"""The real command runs a model that it has to download first."""

import hashlib
from pathlib import Path

from tests.acceptance.harness import clip, running
from tests.http_files import Files, serving
from tests.onnx_models import colour_model

FRAMES = 3


def test_a_model_is_downloaded_once(tmp_path: Path) -> None:
    content = colour_model(tmp_path / "m.onnx").read_bytes()
    source = clip(tmp_path / "clip.mp4", FRAMES)
    cache = tmp_path / "cache"
    with serving(Files(contents={"/m.onnx": content})) as files:
        sha256 = hashlib.sha256(content).hexdigest()
        model = f"{{path: '{files.url('/m.onnx')}', sha256: {sha256}}}"
        config = f"cameras: {{c: {{source: {source}}}}}\nmodels: {{m: {model}}}\n"
        with running(tmp_path, config, "--cache", str(cache)) as daemon:
            assert daemon.finish() == 0
            assert len([line for line in daemon.lines() if line["type"] == "result"]) == FRAMES
            assert "model m: downloading" in daemon.log
        assert len(files.requests) == 1
    assert [file.name for file in cache.iterdir()] == [f"m-{sha256[:12]}.onnx"]
    with running(tmp_path, config, "--cache", str(cache)) as daemon:  # and now nobody serves it
        assert daemon.finish() == 0


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with serving(Files()) as files:
        address = files.url("/m.onnx").replace("//", "//user:hunter2@")
        config = f"cameras: {{c: {{source: 'scene:'}}}}\nmodels: {{m: {{path: '{address}', sha256: {'f' * 64}}}}}\n"
        with running(tmp_path, config, "--cache", str(tmp_path / "cache")) as daemon:
            assert daemon.finish() == 3
            (sentence,) = (line for line in daemon.log.splitlines() if line.startswith("edge-daemon:"))
    assert "model m: " in sentence
    assert "/m.onnx: there is no such file (HTTP 404)" in sentence
    assert "hunter2" not in daemon.log
