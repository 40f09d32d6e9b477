"""What a daemon publishes fits the schema that it prints, and has the fields that programs have always read."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from edge_daemon.messages.topics import TOPICS
from tests.acceptance.harness import Listener, clip, free_port, running
from tests.onnx_models import colour_model

DOCS = Path(__file__).parents[2] / "docs" / "messages.md"
PATIENT_S = 60.0
FIELDS = {
    "": "at cameras processes switches type v",
    "cameras.street": "about announced fps height held models motion rejected since state tries width",
    "cameras.street.motion": "passed since state",
    "cameras.gone": "about announced fps height held hint models reason rejected since state tries width",
    "cameras.street.models.m": "captured delivered dropped found fps in_flight latency_ms",
    "cameras.street.models.m.latency_ms": "p50 p90 p99",
    "processes.sink": "cpu detail memory_bytes name pid rejected restarts role silent_s since state",
    "processes.sink.detail": "",
    "processes.dispatcher.detail": "",
    "processes.web.detail": "",
    "processes.m-0.detail": "longest_s provider rejected served",
    "processes.street.detail": "about announced fps held height motion rejected tries width",
    "processes.gone.detail": "about announced fps held height hint rejected tries width",
}
"""The fields of `status/` in version 0.1, with processes by name."""


def printed_schema() -> dict[str, Any]:
    command = [sys.executable, "-m", "edge_daemon", "schema", "--messages"]
    schema: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return schema


def strict(schema: Any) -> Any:
    """The schema, in which objects have no other fields than those that it names."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {key: strict(value) for key, value in schema.items()} | closed


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All headers up to a status in which everything has happened."""
    folder = tmp_path_factory.mktemp("schema")
    colour_model(folder / "m.onnx")
    config = f"""
cameras:
  street: {{source: "scene:?fps=15&size=320x180", motion: {{}}}}
  tape: {{source: {clip(folder / "clip.mp4", 3)}}}
  gone: {{source: "rtsp://127.0.0.1:{free_port()}/x"}}
models: {{m: {{path: m.onnx}}}}
web: {{listen: "127.0.0.1:{free_port()}"}}
"""

    def is_complete(header: dict[str, Any]) -> bool:
        return header["type"] == "status" and (
            header["cameras"]["gone"]["state"].startswith("down (")
            and header["cameras"]["tape"]["state"] == "finished"
            and header["cameras"]["street"]["models"]["m"]["delivered"] > 5
            and all(process["state"] != "starting" for process in header["processes"])
        )

    with (
        running(folder, config) as daemon,
        Listener(daemon.address, "result/", "frame/", "status/") as listener,
    ):
        headers = listener.until(is_complete, PATIENT_S)
        while not {"result", "frame", "end", "status"} <= {header["type"] for header in headers}:
            headers.append(listener.receive()[0])
        assert daemon.stop() == 0
    return headers


def test_everything_that_is_published_fits_the_schema(published: list[dict[str, Any]]) -> None:
    validator = jsonschema_rs.validator_for(strict(printed_schema()))
    for header in published:
        error = next(iter(validator.iter_errors(header)), None)
        assert error is None, f"{error} in {header}"


def test_the_schema_refuses_what_is_not_published(published: list[dict[str, Any]]) -> None:
    validator = jsonschema_rs.validator_for(printed_schema())
    result = next(header for header in published if header["type"] == "result")
    assert validator.is_valid(result)
    assert not validator.is_valid({**result, "seq": "1"})
    assert not validator.is_valid({**result, "v": 2})
    assert not validator.is_valid({key: value for key, value in result.items() if key != "detections"})


def test_a_status_has_the_fields_that_it_always_had(published: list[dict[str, Any]]) -> None:
    status = next(header for header in reversed(published) if header["type"] == "status")
    status["processes"] = {process["name"]: process for process in status["processes"]}
    for path, names in FIELDS.items():
        part: Any = status
        for key in path.split(".") if path else ():
            part = part[key]
        assert set(part) - {"next_try_s"} == set(names.split()), path  # which is absent during an attempt


def test_the_documentation_names_the_topics() -> None:
    assert set(re.findall(r"^\| `([a-z]+/[^`]*)` \|", DOCS.read_text(), re.MULTILINE)) == {
        topic.pattern for topic in TOPICS.values()
    }
