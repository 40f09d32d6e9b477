"""Configurations that are right: what they load to, and the files that ship."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_daemon.config.load import adhoc, json_schema, load, loads, missing_files
from edge_daemon.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
MINIMAL = """
cameras: {street: {source: "scene:"}}
models: {person: {path: builtin:person}}
"""


def keys(value: object, prefix: str = "") -> set[str]:
    """`cameras.*.fps` for every key; the names that people choose are stars."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{prefix}.{'*' if prefix in ('.cameras', '.models') else key}"
            found |= {path} | keys(inner, path)
    return found


def schema_keys(node: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> set[str]:
    if "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")]
    found: set[str] = set()
    for key, inner in node.get("properties", {}).items():
        found |= {f"{prefix}.{key}"} | schema_keys(inner, definitions, f"{prefix}.{key}")
    if isinstance(inner := node.get("additionalProperties"), dict):
        found |= {f"{prefix}.*"} | schema_keys(inner, definitions, f"{prefix}.*")
    return found


def test_example_is_the_defaults() -> None:
    assert load(CONFIGS / "example.yaml").model_dump() == loads(MINIMAL).model_dump()


def test_example_has_every_key_and_no_other() -> None:
    schema = json_schema()
    written = yaml.safe_load((CONFIGS / "example.yaml").read_text())
    assert keys(written) == schema_keys(schema, schema["$defs"])


def test_example_tells_editors_its_schema() -> None:
    text = (CONFIGS / "example.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./edge-daemon.schema.json\n")


def fits(value: object, node: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """As much of JSON Schema as ours uses."""
    if "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in node:
        return any(fits(value, choice, definitions) for choice in node["anyOf"])
    if "enum" in node and value not in node["enum"]:
        return False
    match node.get("type"):
        case "object":
            if not isinstance(value, dict):
                return False
            known, others = node.get("properties", {}), node.get("additionalProperties") or {}
            return set(node.get("required", [])) <= set(value) and all(
                fits(inner, known[key], definitions)
                if key in known
                else bool(others) and fits(inner, others, definitions)
                for key, inner in value.items()
            )
        case "array":
            return isinstance(value, list) and all(fits(item, node["items"], definitions) for item in value)
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case None if "enum" in node:
            return True
        case "integer" | "number":
            return (
                isinstance(value, int | float)
                and value >= node.get("minimum", value)
                and value <= node.get("maximum", value)
            )
    raise AssertionError(f"a schema that this test cannot read: {node}")


@pytest.mark.parametrize("name", ["example", "demo", "webcam", "rtsp"])
def test_shipped_files_fit_the_schema_and_load(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "secret")
    path = CONFIGS / f"{name}.yaml"
    schema = json_schema()
    assert fits(yaml.safe_load(path.read_text()), schema, schema["$defs"])
    assert load(path).cameras


def test_schema_describes_every_key() -> None:
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    missing = [key for node in sections for key, inner in node["properties"].items() if not described(inner, schema)]
    assert missing == []
    assert schema["$defs"]["Camera"]["properties"]["max_age"]["default"] == "500ms"


def described(node: dict[str, Any], schema: dict[str, Any]) -> bool:
    target = schema["$defs"].get(node.get("$ref", "").removeprefix("#/$defs/"), {})
    return "description" in node or "description" in target


def test_values_arrive() -> None:
    config = loads(
        """
        cameras:
          前门.1:
            source: 0
            models: [a]
            fps: 5
            delivery: lossless
            max_age: 1.5s
            weight: 0.5
        models:
          a: {path: /models/a.onnx, workers: 2, labels: [person, car], classes: [car], providers: [cuda, cpu]}
          b: {path: builtin:person}
        publish: {bind: ["tcp://*:5555", "ipc:///run/x"], insecure: true, wait_for: 1}
        web:
        runtime_dir: /run/here
        """
    )
    camera = config.cameras["前门.1"]
    assert (camera.source, camera.models, camera.fps) == ("0", ["a"], 5.0)
    assert (camera.delivery, camera.max_age, camera.weight) == ("lossless", 1.5, 0.5)
    model = config.models["a"]
    assert (model.path, model.workers, model.classes) == ("/models/a.onnx", 2, ["car"])
    assert (model.labels, model.providers) == (["person", "car"], ["cuda", "cpu"])
    assert config.publish.bind == ["tcp://*:5555", "ipc:///run/x"]
    assert (config.web.enabled, config.runtime_dir) == (True, "/run/here")


@pytest.mark.parametrize(("written", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("1.5m", 90.0), ("1ms", 0.001)])
def test_durations(written: str, seconds: float) -> None:
    text = MINIMAL.replace('"scene:"', f'"scene:", max_age: {written}')
    assert loads(text).cameras["street"].max_age == pytest.approx(seconds)


@pytest.mark.parametrize(("written", "count"), [("500MB", 500_000_000), ("1.5GB", 1_500_000_000)])
def test_amounts_of_memory(written: str, count: int) -> None:
    text = MINIMAL.replace("builtin:person", f"builtin:person, max_memory: {written}")
    assert loads(text).models["person"].max_memory == count


def test_paths_start_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "c.yaml").write_text(
        """
        cameras:
          a: {source: clips/a.mp4}
          b: {source: pictures/}
          c: {source: "file:///data/a%20b.mp4"}
          d: {source: /dev/video2}
        models: {m: {path: m.onnx, labels: names.txt}}
        publish: {bind: ["ipc://out.sock"]}
        runtime_dir: run
        """
    )
    monkeypatch.chdir(tmp_path)
    config = load(Path("etc/c.yaml"))
    sources = [camera.source for camera in config.cameras.values()]
    assert sources == [f"{folder}/clips/a.mp4", f"{folder}/pictures/", "/data/a b.mp4", "/dev/video2"]
    assert (config.models["m"].path, config.models["m"].labels) == (f"{folder}/m.onnx", f"{folder}/names.txt")
    assert config.publish.bind == [f"ipc://{folder}/out.sock"]
    assert config.runtime_dir == f"{folder}/run"


def test_anchors_and_merge_keys() -> None:
    config = loads(
        """
        cameras:
          a: &usual {source: 0, fps: 5, weight: 2}
          b: {<<: *usual, source: 1, fps: &rate 7}
          c: {<<: [{fps: *rate}, *usual], source: 2}
        models: {m: {path: builtin:person}}
        """
    )
    seen = {name: (c.source, c.fps, c.weight) for name, c in config.cameras.items()}
    assert seen == {"a": ("0", 5.0, 2.0), "b": ("1", 7.0, 2.0), "c": ("2", 7.0, 2.0)}


def test_plain_words_are_those_of_yaml_1_2() -> None:
    config = loads(
        """
        cameras: {on: {source: 0x1}, 010: {source: "010"}, 2026-01-01: {source: 0}, null: {source: 0}}
        models: {no: {path: 10:30, labels: [yes, off, 1_000, '1', ~x], confidence: 1e-1}}
        """
    )
    assert list(config.cameras) == ["on", "010", "2026-01-01", "null"]
    assert [camera.source for camera in config.cameras.values()] == ["1", "010", "0", "0"]
    assert config.models["no"].labels == ["yes", "off", "1_000", "1", "~x"]
    assert config.models["no"].confidence == pytest.approx(0.1)


@pytest.mark.parametrize("head", ["\ufeff", "---\n", "# comment\n", "%YAML 1.2\n---\n"])
def test_what_may_stand_before(head: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(head + MINIMAL.lstrip())
    assert load(tmp_path / "c.yaml").model_dump() == loads(MINIMAL).model_dump()


def test_line_breaks_of_windows(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(MINIMAL.replace("\n", "\r\n").encode())
    assert load(tmp_path / "c.yaml").cameras["street"].source == "scene:"


def test_equal_wherever_it_stands() -> None:
    assert loads(MINIMAL) == loads("# moved\n\n" + MINIMAL, "other.yaml")


def test_repr_holds_no_credentials() -> None:
    config = loads(MINIMAL.replace('"scene:"', "rtsp://viewer:hunter2@10.0.0.4/x"))
    assert "hunter2" not in repr(config)


def test_adhoc_names_cameras_and_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    config = adhoc(["clip.mp4", "0", "scene:?frames=3"], ["m.onnx", "builtin:person"], {"workers": 3})
    assert {name: camera.source for name, camera in config.cameras.items()} == {
        "clip": f"{tmp_path}/clip.mp4",
        "webcam-0": "0",
        "scene": "scene:?frames=3",
    }
    assert {name: (m.path, m.workers) for name, m in config.models.items()} == {
        "m": (f"{tmp_path}/m.onnx", 3),
        "person": ("builtin:person", 3),
    }


def test_adhoc_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        adhoc(["rtps://u:hunter2@h/x", "a\udcff"], ["https://h/m.onnx"])
    assert str(caught.value).splitlines() == [
        "cameras.h.source: must be rtsp://, rtsps://, http://, https://, file:// or a path; "
        "did you mean rtsps://? "
        "(got 'rtps://***@h/x')",
        "cameras.a.source: contains a line break or an unprintable character (got 'a\\udcff')",
        "models.h.path: needs sha256: beside it, as sha256sum prints it (got 'https://h/m.onnx')",
    ]


def test_usual_class_names_are_no_file() -> None:
    for names in ("coco", "coco90", "coco91", "voc"):
        config = adhoc(["scene:"], ["builtin:person"], {"labels": names})
        assert not list(missing_files(config))


def test_missing_files_have_lines(tmp_path: Path) -> None:
    (tmp_path / "there.onnx").touch()
    (tmp_path / "folder").mkdir()
    path = tmp_path / "c.yaml"
    path.write_text(
        """cameras:
  a: {source: no.mp4}
  b: {source: pictures/}
  c: {source: 0}
  d: {source: "scene:"}
  e: {source: folder}
models:
  m:
    path: folder
    labels: no.txt
  n: {path: there.onnx, labels: [person]}
  o: {path: builtin:person}
"""
    )
    assert [str(problem) for problem in missing_files(load(path))] == [
        f"{path}:2: cameras.a.source: there is no file {tmp_path}/no.mp4",
        f"{path}:3: cameras.b.source: there is no folder {tmp_path}/pictures",
        f"{path}:9: models.m.path: {tmp_path}/folder is a folder",
        f"{path}:10: models.m.labels: there is no file {tmp_path}/no.txt",
    ]


def test_missing_file_of_the_command_line(tmp_path: Path) -> None:
    config = adhoc([f"{tmp_path}/no.mp4", f"{tmp_path}/{'x' * 300}.mp4"], ["builtin:person"])
    assert [str(problem).partition(" /")[0] for problem in missing_files(config)] == [
        "cameras.no.source: there is no file",
        f"cameras.{'x' * 64}.source: cannot look for",
    ]
