"""`check` finds what `run` would refuse: models, classes, addresses in use; and notes what is likely a mistake."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_daemon.cli.app import app
from edge_daemon.cli.machine_checks import machine_faults
from edge_daemon.config.load import load


def check(folder: Path, text: str, *options: str) -> Result:
    (folder / "c.yaml").write_text(text)
    return CliRunner().invoke(app, ["check", str(folder / "c.yaml"), *options])


def problems(result: Result) -> list[str]:
    return [line.partition("c.yaml:")[2] for line in str(result.exception).splitlines()]


MODELS = """
cameras: {a: {source: "scene:"}}
models:
  person:
    path: builtin:person
    classes: [persn, person]
    class_confidence: {persons: 0.3}
  face:
    path: builtin:person
    after: person
    classes: [people]
  broken: {path: broken.onnx}
"""


def test_models_are_loaded_and_every_wrong_class_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    assert problems(check(tmp_path, MODELS)) == [
        "6: models.person.classes[0]: model person has no class 'persn': did you mean person?",
        "7: models.person.class_confidence.persons: model person has no class 'persons': did you mean person?",
        "11: models.face.classes[0]: model person has no class 'people': it has person",
        "12: models.broken.path: the file is not a complete ONNX model (cut off, damaged or encrypted): download or "
        "export it again",
    ]


def test_a_quick_check_leaves_models_out(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    result = check(tmp_path, MODELS, "--quick")
    assert result.exit_code == 0, result.exception
    assert "good (1 camera, 3 models)" in result.output


def test_addresses_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f"""
cameras: {{a: {{source: "scene:"}}}}
models: {{m: {{path: "builtin:person"}}}}
publish: {{bind: ["tcp://127.0.0.1:{port}"]}}
web: {{listen: "127.0.0.1:{port}"}}
"""
        found = problems(check(tmp_path, text, "--quick"))
    assert found == [
        f"4: publish.bind[0]: cannot listen at 127.0.0.1:{port}: address already in use",
        f"5: web.listen: cannot listen at 127.0.0.1:{port}: address already in use",
    ]
    assert check(tmp_path, text, "--quick").exit_code == 0


def test_the_built_in_model_on_real_pictures_is_noted(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    text = 'cameras: {a: {source: pictures}, b: {source: "scene:"}}\nmodels: {m: {path: "builtin:person"}}\n'
    result = check(tmp_path, text, "--quick")
    assert result.exit_code == 0
    assert "2: models.m.path: builtin:person knows only the generated street (scene:)" in result.output
    assert "(a)" in result.output


def test_files_of_the_service_are_readable_by_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import pwd

    from edge_daemon.cli import machine_checks

    if os.geteuid():
        pytest.skip("only root can ask for another user")
    monkeypatch.setattr(machine_checks, "SERVICE_USER", pwd.getpwuid(65534).pw_name)
    labels = tmp_path / "labels.txt"
    labels.write_text("person\n")
    file = tmp_path / "c.yaml"
    text = 'cameras: {a: {source: "scene:"}}\nmodels: {m: {path: "builtin:person", labels: labels.txt}}\n'
    file.write_text(text)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == pwd.getpwuid(0).pw_name and folder.stat().st_mode & 0o5 != 0o5:
            folder.chmod(0o755)
    labels.chmod(0o600)
    file.chmod(0o644)
    (problem,) = machine_faults(load(file), file, file)
    assert problem.key == "models.m.labels"
    assert "may not read" in problem.text
    labels.chmod(0o644)
    assert not list(machine_faults(load(file), file, file))


NORTH = """\
cameras: {a: {source: "scene:", zones: {z: {points: [[0, 0], [1, 0], [1, 1]]}}}}
models: {m: {path: "builtin:person"}}
publish: {bind: ["ipc://p"]}
web: {enabled: false}
location: {latitude: 69.6, longitude: 18.9}
rules: {night: {enters: z, classes: [CLASS], during: sunset-sunrise}}
"""


def test_classes_of_rules_are_those_of_the_model_and_days_without_a_sunset_are_noted(tmp_path: Path) -> None:
    assert problems(check(tmp_path, NORTH.replace("CLASS", "car"))) == [
        "6: rules.night.classes[0]: model m has no class 'car': there are person"
    ]
    result = check(tmp_path, NORTH.replace("CLASS", "person"))
    assert "rules.night.during: is never on 116 days of the year, on which the sun does not" in result.output


def test_a_store_elsewhere_is_noted_with_the_drop_in_that_a_service_needs(tmp_path: Path) -> None:
    result = check(tmp_path, NORTH.replace("CLASS", "person") + f"storage: {{media: {tmp_path}/nas}}\n")
    assert f"ReadWritePaths={tmp_path}/nas" in result.output
