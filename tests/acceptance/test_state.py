"""What lies in the state folder survives the daemon, and any way in which it ends."""

import json
import time
from pathlib import Path

from tests.acceptance.harness import START_S, Daemon, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

AHEAD_S = 10_000_000


def epochs(daemon: Daemon) -> list[int]:
    """Epochs of the results written so far, in order."""
    return list(dict.fromkeys(line["epoch"] for line in daemon.lines()))


def kept(folder: Path) -> dict[str, int]:
    """The highest epochs of the one daemon that has state below `folder`."""
    (file,) = (folder / "state" / "edge-daemon").glob("config-*/epochs.json")
    found: dict[str, int] = json.loads(file.read_bytes())["epochs"]
    return found


def test_epochs_go_upwards_though_the_clock_was_set_back_and_everything_was_killed(tmp_path: Path) -> None:
    colour_model(tmp_path / "m.onnx")
    config = "cameras: {door: {source: 'scene:?fps=20&size=160x120'}}\nmodels: {m: {path: m.onnx}}\n"
    with running(tmp_path, config) as daemon:
        eventually(daemon.lines, START_S, what="results")
        (first,) = epochs(daemon)
        assert abs(first - time.time()) < START_S, "the clock's second"
        assert kept(tmp_path) == {"door": first}
        assert daemon.stop() == 0
    # To the next daemon it looks as if the clock had been set back by months.
    (file,) = (tmp_path / "state" / "edge-daemon").glob("config-*/epochs.json")
    file.write_text(json.dumps({"v": 1, "epochs": {"door": first + AHEAD_S, "yard": 7}}))
    expected = first + AHEAD_S
    for _ in range(2):
        daemon.results.unlink()
        with running(tmp_path, config) as daemon:
            eventually(daemon.lines, START_S, what="results")
            assert epochs(daemon) == [expected + 1]
            daemon.kill("dispatcher")
            daemon.kill("capture door")
            eventually(lambda: len(epochs(daemon)) > 1, START_S, what="the next epoch")
            assert epochs(daemon) == [expected + 1, expected + 2]
            expected += 2
            assert kept(tmp_path) == {"door": expected, "yard": 7}
            children = daemon.processes().values()
            daemon.process.kill()  # as a power cut would
            for child in children:
                child.wait(START_S)
    assert "WARNING dispatcher" not in daemon.log
