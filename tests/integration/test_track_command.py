"""`edge-daemon track` over results of this daemon, and of other programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_daemon.cli.app import app
from edge_daemon.errors import EdgeError


def result(seq: int, *xs: float, **other: Any) -> dict[str, Any]:
    found = [{"xyxy": [x, 100.0, x + 50, 200.0], "confidence": 0.9, "class_id": 0, "class_name": "person"} for x in xs]
    return {"seq": seq, "time_s": seq / 5, "width": 640, "height": 480, "detections": found, **other}


def tracked(folder: Path, messages: list[Any], *options: str) -> list[Any]:
    source, target = folder / "results.jsonl", folder / "tracked.jsonl"
    source.write_text("".join(json.dumps(message) + "\n" for message in messages))
    done = CliRunner().invoke(app, ["track", str(source), "--output", str(target), *options], catch_exceptions=True)
    if done.exception:
        raise done.exception
    return [json.loads(line) for line in target.read_text().splitlines()]


def ids(messages: list[Any]) -> list[list[int | None]]:
    return [[found.get("tracker_id") for found in message["detections"]] for message in messages]


def test_results_keep_everything_else(tmp_path: Path) -> None:
    mask = {"size": [480, 640], "counts": "PP"}
    messages = [result(seq, 10.0 + seq, 400.0, camera="a", model="m", timing_ms={"total": 3.5}) for seq in range(4)]
    for message in messages:
        message["detections"][1] |= {"mask": mask, "keypoints": [[1.0, 2.0, 0.5]], "corners": [[1.0, 2.0]] * 4}
    written = tracked(tmp_path, messages)
    assert ids(written) == [[None, None], [1, 2], [1, 2], [1, 2]]
    for message in written:
        for found in message["detections"]:
            found.pop("tracker_id", None)
    assert written == messages


def test_cameras_and_models_have_numbers_of_their_own(tmp_path: Path) -> None:
    streams = [("a", "m"), ("b", "m"), ("a", "n")]
    messages = [result(seq, 10.0, camera=camera, model=model) for seq in range(2) for camera, model in streams]
    assert ids(tracked(tmp_path, messages)) == [[None]] * 3 + [[1]] * 3


def test_other_messages_and_the_findings_of_models_that_run_after_others_stay(tmp_path: Path) -> None:
    end = {"v": 1, "type": "end", "camera": "a", "model": "m", "captured": 3}
    after = [result(seq, 10.0, camera="a", model="second", after="m") for seq in range(2)]
    assert tracked(tmp_path, [*after, end]) == [*after, end]


def test_numbers_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    first = tracked(tmp_path, [result(seq, 10.0) for seq in range(3)])
    assert tracked(tmp_path, first) == first
    assert ids(tracked(tmp_path, first[1:])) == [[None], [1]]


def test_wall_time_is_enough(tmp_path: Path) -> None:
    messages = [result(seq, 10.0, captured_at=f"2026-11-28T10:00:{seq:02d}Z") for seq in range(3)]
    for message in messages:
        del message["time_s"]
    assert ids(tracked(tmp_path, messages)) == [[None], [1], [1]]


def test_a_new_epoch_goes_on_after_the_last_one(tmp_path: Path) -> None:
    messages = [result(seq, 10.0, epoch=1, captured_at=f"2026-11-28T10:00:00.{2 * seq}Z") for seq in range(3)]
    messages += [result(seq, 10.0, epoch=2, captured_at=f"2026-11-28T10:00:01.{2 * seq}Z") for seq in range(2)]
    assert ids(tracked(tmp_path, messages)) == [[None], [1], [1], [1], [1]]


def test_still_frames_are_those_of_the_account(tmp_path: Path) -> None:
    standing = [result(seq, 10.0) for seq in range(3)]
    missed = [result(3 + 50 * i, time_s=1 + 10.0 * i, dropped={"still": 49}) for i in range(1, 6)]
    again = result(400, 10.0, time_s=70.0, dropped={"still": 49})
    assert ids(tracked(tmp_path, [*standing, *missed, again]))[-1] == [1]
    unseen = [{**one, "dropped": {"replaced": 49}} for one in missed]
    assert ids(tracked(tmp_path, [*standing, *unseen, again]))[-1] == [None]


def test_the_configuration_says_how_often_a_camera_is_looked_at(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("cameras: {slow: {source: 'scene:', fps: 0.1}}\nmodels: {m: {path: 'builtin:person'}}\n")
    rare = [result(seq, *[10.0] * (seq not in range(2, 8)), camera="slow", time_s=10.0 * seq) for seq in range(9)]
    assert ids(tracked(tmp_path, rare, "--config", str(config)))[-1] == [None]


def test_standard_input_and_output() -> None:
    lines = "".join(json.dumps(result(seq, 10.0)) + "\n\n" for seq in range(2))
    done = CliRunner().invoke(app, ["track", "-"], input=lines)
    assert ids([json.loads(line) for line in done.stdout.splitlines()]) == [[None], [1]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: not a result"),
        ("[]", "line 2: not a result: not an object"),
        ('{"type": "result"}', "line 2: not a result"),
        (json.dumps(result(1, 1.0, height=0)), "`height` is not above 0"),
        (json.dumps(result(1, 1.0, time_s=None)), "neither `time_s` nor `captured_at`"),
        (json.dumps(result(1, 1.0, detections=[{"xyxy": [1, 2]}])), "of length 4"),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: str, reason: str) -> None:
    source = tmp_path / "results.jsonl"
    source.write_text(json.dumps(result(0, 1.0)) + "\n" + line + "\n")
    done = CliRunner().invoke(app, ["track", str(source)])
    assert isinstance(done.exception, EdgeError)
    assert reason in str(done.exception)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    source = tmp_path / "results.jsonl"
    for arguments in ([str(source)], [str(source), "--output", str(source)], [str(source), "--output", "/no/x"]):
        done = CliRunner().invoke(app, ["track", *arguments])
        assert isinstance(done.exception, EdgeError), arguments
        assert arguments[-1] in str(done.exception)
        source.write_text(json.dumps(result(0, 1.0)) + "\n")
