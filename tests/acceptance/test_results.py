"""The results file over several runs."""

from pathlib import Path

import pytest

from tests.acceptance.harness import START_S, clip, running
from tests.onnx_models import slow_model
from tests.waiting import eventually

FRAMES = 10


def config(folder: Path, source: str) -> str:
    return f"""
cameras: {{a: {{source: "{source}"}}}}
models: {{m: {{path: {slow_model(folder / "m.onnx", 1)}}}}}
"""


def test_a_live_camera_s_results_are_added_to_those_of_earlier_runs_and_a_renamed_file_is_left(tmp_path: Path) -> None:
    live = config(tmp_path, "scene:?fps=20&size=320x180")
    epochs = []
    for _ in range(2):
        with running(tmp_path, live) as daemon:
            before = len(daemon.lines())
            eventually(lambda before=before: len(daemon.lines()) > before + 3, START_S, what="results")  # type: ignore[misc]
            epochs.append(daemon.lines()[-1]["epoch"])
            assert daemon.stop() == 0
            if len(epochs) == 2:
                assert {line["epoch"] for line in daemon.lines()} == set(epochs)
    assert epochs[0] < epochs[1]
    with running(tmp_path, live) as daemon:
        eventually(lambda: daemon.lines()[-1]["epoch"] > epochs[-1], START_S, what="results")
        old = daemon.results.rename(tmp_path / "old.jsonl")
        assert daemon.reload(live).returncode == 0
        eventually(lambda: len(daemon.lines()) > 3, START_S, what="results in another file")
        size = old.stat().st_size
        count = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > count + 3, START_S, what="more")
        assert old.stat().st_size == size
        assert daemon.stop() == 0


@pytest.mark.parametrize(("option", "kept"), [(None, False), ("--append", True), ("--overwrite", False)])
def test_a_file_s_results_replace_those_of_earlier_runs_once_there_are_any(
    tmp_path: Path, option: str | None, kept: bool
) -> None:
    film = clip(tmp_path / "film.mp4", FRAMES)
    before = '{"of": "an earlier run"}\n'
    (tmp_path / "results.jsonl").write_text(before)
    options = [option] if option else []
    model = tmp_path / "m.onnx"
    text = config(tmp_path, str(film))
    right = model.read_bytes()
    model.write_bytes(b"no model")
    with running(tmp_path, text, *options) as daemon:
        assert daemon.finish() != 0
        assert daemon.results.read_text() == before
    model.write_bytes(right)
    with running(tmp_path, text, *options) as daemon:
        assert daemon.finish() == 0
        lines = daemon.written()
        assert len(lines) == FRAMES + kept + 1
        assert (lines[0] == {"of": "an earlier run"}) is kept
        end = {"captured": FRAMES, "delivered": FRAMES, "dropped": {}}
        assert lines[-1] == {"v": 1, "type": "end", "camera": "a", "model": "m", "epoch": lines[-2]["epoch"], **end}
