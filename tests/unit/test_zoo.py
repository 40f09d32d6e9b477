"""The catalogue that ships, where models are kept, and what a configuration's path stands for."""

import hashlib
from pathlib import Path

import pytest

from edge_daemon.config.load import loads, missing_files
from edge_daemon.config.sources import model_names
from edge_daemon.errors import ConfigError, ModelError, StartError
from edge_daemon.zoo import cache, catalogue
from edge_daemon.zoo.catalogue import Catalogue, slug
from edge_daemon.zoo.paths import checked_address
from edge_daemon.zoo.resolve import remote, resolve

PERMISSIVE = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"}
SUM = "0123456789abcdef" * 4
ENTRY = f"""
[[model]]
name = "tiny"
title = "A tiny one"
licence = "MIT"
address = "https://models.example/tiny.onnx"
sha256 = "{SUM}"
size = 4
input = [8, 8]
task = "detection"
classes = "person"
labels = ["person"]
decoder = "yolox"
notes = ""
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """A catalogue of one, in the place of the one that ships."""
    (tmp_path / "tiny.toml").write_text(ENTRY)
    monkeypatch.setattr(catalogue, "FILE", tmp_path / "tiny.toml")
    return Catalogue.load()


def test_what_ships_is_free_fixed_and_differs() -> None:
    entries = list(Catalogue.load())
    assert {"yolox-nano", "light-person"} <= {entry.name for entry in entries}
    for entry in entries:
        assert set(entry.licence.split(", ")) <= PERMISSIVE, entry.name
        assert entry.address.startswith("https://"), entry.name
        assert all(name not in entry.address for name in ("/main/", "/master/", "/HEAD/")), entry.name
    assert len({entry.sha256 for entry in entries}) == len({entry.address for entry in entries}) == len(entries)


def test_what_ships_is_what_lies_beside_the_checkout(shared_data: Path) -> None:
    there = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in (shared_data / "models").glob("*.onnx")}
    for entry in Catalogue.load():
        assert there[entry.sha256].stat().st_size == entry.size


def test_an_entry_by_name() -> None:
    entries = Catalogue.load()
    assert entries.entry("yolox-nano") is entries.entry("zoo:yolox-nano")
    with pytest.raises(ConfigError, match=r"no model 'yolo-nano'; did you mean yolox-nano\?"):
        entries.entry("zoo:yolo-nano")
    with pytest.raises(ConfigError, match=r"no model 'x'; `edge-daemon models` lists them"):
        entries.entry("x")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"tiny"', '"Tiny One"', "name"),
        (SUM, SUM[:-1], "sha256"),
        ("https://", "http://", "must be https"),
        ("size = 4", "size = 0", "size"),
        ("notes", "note", "note"),
        ("[[model]]", "[[model", "line"),
    ],
)
def test_catalogues_that_are_none(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(ENTRY.replace(old, new))
    with pytest.raises(ConfigError, match=f"c.toml: is not a valid catalogue: .*{words}"):
        Catalogue.load(tmp_path / "c.toml")


def test_catalogues_that_are_not_there_or_name_one_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a valid catalogue"):
        Catalogue.load(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text(ENTRY + ENTRY)
    with pytest.raises(ConfigError, match="twice"):
        Catalogue.load(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/edge-daemon"}, "/var/lib/edge-daemon/models"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "XDG_CACHE_HOME": "/x"}, "/var/lib/a/models"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/edge-daemon/models"),
        ({"XDG_CACHE_HOME": "x"}, "~/.cache/edge-daemon/models"),
        ({}, "~/.cache/edge-daemon/models"),
    ],
)
def test_the_folder(environment: dict[str, str], folder: str) -> None:
    assert cache.folder(None, environment) == Path(folder).expanduser()


def test_the_folder_that_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache.folder(Path("here"), {"STATE_DIRECTORY": "/x"}) == tmp_path / "here"


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StartError, match="--cache"):
        cache.folder(None, {})


def test_a_changed_model_is_another_file() -> None:
    a, b = (cache.file_in(Path("/c"), "m", sha256) for sha256 in (SUM, "f" * 64))
    assert (str(a), str(b)) == ("/c/m-0123456789ab.onnx", "/c/m-ffffffffffff.onnx")


@pytest.mark.parametrize(
    ("text", "name"), [("m", "m"), ("a b/ü", "a-b"), ("..", "model"), ("", "model"), ("x" * 99, "x" * 64)]
)
def test_slug(text: str, name: str) -> None:
    assert slug(text) == name


def test_what_paths_stand_for(tmp_path: Path, tiny: Catalogue) -> None:
    named = remote("zoo:tiny", None, tmp_path)
    assert named
    assert named.file == tmp_path / "tiny-0123456789ab.onnx"
    assert (named.address, named.size, named.labels) == ("https://models.example/tiny.onnx", 4, ("person",))
    addressed = remote("https://u:p@h/a/my%20model.onnx?x=1", SUM, tmp_path)
    assert addressed
    assert addressed.file == tmp_path / "my-model-0123456789ab.onnx"
    assert remote("/m.onnx", SUM, tmp_path) is None
    with pytest.raises(ModelError, match=r"\*\*\*@h/m: a download needs its sha256"):
        remote("https://u:p@h/m", None, tmp_path)


def test_here_is_what_is_as_long_as_it_should_be(tmp_path: Path, tiny: Catalogue) -> None:
    named = remote("zoo:tiny", None, tmp_path)
    assert named
    assert not named.is_here()
    named.file.write_bytes(b"123")
    assert not named.is_here()
    named.file.write_bytes(b"1234")
    assert named.is_here()


def test_a_file_is_held_to_its_sum(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(b"model")
    assert resolve(str(file)) == file
    assert resolve(str(file), hashlib.sha256(b"model").hexdigest()) == file
    with pytest.raises(ModelError, match=f"another file than the one that `sha256` names: its sum is {'9372c470'}"):
        resolve(str(file), SUM)
    with pytest.raises(ModelError, match="there is no such file"):
        resolve(str(tmp_path / "no.onnx"), SUM)
    with pytest.raises(ModelError, match="cannot be read: is a directory"):
        resolve(str(tmp_path), SUM)


def test_a_configuration_may_name_them() -> None:
    config = loads(
        f"""
        cameras: {{a: {{source: "scene:"}}}}
        models:
          a: {{path: zoo:yolox-nano}}
          b: {{path: https://h/m.onnx, sha256: {SUM.upper()}}}
          c: {{path: http://127.0.0.1:80/m.onnx, sha256: {SUM}}}
          d: {{path: /m.onnx, sha256: {SUM}}}
        """
    )
    assert config.models["a"].path == "zoo:yolox-nano"
    assert {model.sha256 for model in config.models.values()} == {None, SUM}
    assert [str(problem) for problem in missing_files(config)] == [
        "<string>:7: models.d.path: there is no file /m.onnx"
    ]
    assert "https" not in repr(config)  # an address may hold a password


def test_names_of_models_without_a_file() -> None:
    assert model_names(["zoo:yolox-nano", "zoo:a.b", "https://u:p@h.example/m.onnx"]) == [
        "yolox-nano",
        "a.b",
        "h.example",
    ]


@pytest.mark.parametrize("address", ["https://h/m", "HTTPS://h", "http://localhost:8000/m", "http://[::1]/m"])
def test_addresses(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize(
    "address", ["http://h/m", "https://", "https://h:0/", "https://h/a b", "https://h/ü", "https://[h", "m"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="must be https"):
        checked_address(address)
