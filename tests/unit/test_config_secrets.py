"""Secrets come in where they are asked for, and never get out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.load import loads
from edge_daemon.config.problems import mask
from edge_daemon.config.secrets import lookup_in
from edge_daemon.errors import ConfigError

MODELS = "models: {person: {path: builtin:person}}\n"
SECRET = "hun:t/e@r #2?%"


def config(source: str, more: str = "") -> str:
    return f"cameras:\n  door:\n    source: '{source}'\n    {more}\n{MODELS}"


def source_of(text: str) -> str:
    return loads(text, "c.yaml").cameras["door"].source


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("PASS", SECRET)
    monkeypatch.setenv("PLAIN", "abc")
    monkeypatch.setenv("HOST", "[fe80::1]:554")
    monkeypatch.setenv("EMPTY", "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rtsp://u:${PASS}@h/x", "rtsp://u:hun%3At%2Fe%40r%20%232%3F%25@h/x"),
        ("rtsp://${PLAIN}:${PASS}@h/x", "rtsp://abc:hun%3At%2Fe%40r%20%232%3F%25@h/x"),
        ("http://h/x?pwd=${PASS}", "http://h/x?pwd=hun%3At%2Fe%40r%20%232%3F%25"),
        ("rtsp://u:${PLAIN}@${HOST}/${PLAIN}", "rtsp://u:abc@[fe80::1]:554/abc"),
        ("/data/$${PLAIN}/$PLAIN/$$", "/data/${PLAIN}/$PLAIN/$$"),
        ("/data/${PLAIN}.mp4", "/data/abc.mp4"),
    ],
)
def test_substitution(written: str, meant: str) -> None:
    assert source_of(config(written)) == meant


def test_credentials_come_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "PLAIN").write_text("from-systemd\n")
    (tmp_path / "camera-1.pw").write_text("dashed")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert source_of(config("rtsp://${PLAIN}:${camera-1.pw}@h/x")) == "rtsp://from-systemd:dashed@h/x"
    assert source_of(config("rtsp://u:${PASS}@h/x")).startswith("rtsp://u:hun")


def test_credentials_of_a_folder_have_its_name_before_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets_PLAIN").write_text("of-the-folder\n")
    (tmp_path / "secrets_PASS").write_text("not-this")
    (tmp_path / "PASS").write_text("its-own")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert source_of(config("rtsp://${PLAIN}:${PASS}@h/x")) == "rtsp://of-the-folder:its-own@h/x"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("rtsp://u:${NONE}@h/x", "${NONE} is not set; there is no environment variable of this name"),
        ("rtsp://u:${EMPTY}@h/x", "${EMPTY} is empty"),
        ("rtsp://u:${}@h/x", "${ is not followed by the name of a secret; write ${NAME}, or $${ for a literal ${"),
        (
            "rtsp://u:${A-b:-c}@h/x",
            "${ is not followed by the name of a secret; write ${NAME}, or $${ for a literal ${",
        ),
        ("rtsp://u:${PASS@h/x", "${ is not followed by the name of a secret; write ${NAME}, or $${ for a literal ${"),
    ],
)
def test_missing(written: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(config(written), "c.yaml")
    assert str(caught.value) == f"c.yaml:3: cameras.door.source: {message}"


def test_all_that_are_missing_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(config("rtsp://${A}:${B}@h/x", "models: ['${C}']"), "c.yaml")
    assert [line.split(" is not set")[0] for line in str(caught.value).splitlines()] == [
        "c.yaml:3: cameras.door.source: ${A}",
        "c.yaml:3: cameras.door.source: ${B}",
        "c.yaml:4: cameras.door.models[0]: ${C}",
    ]


def test_credential_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "BYTES").write_bytes(b"\xff\xfe")
    (tmp_path / "LINES").write_text("a\nb\n")
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        loads(config("${BYTES}${LINES}${FOLDER}${NONE}"), "c.yaml")
    at = "c.yaml:3: cameras.door.source:"
    assert str(caught.value).splitlines() == [
        f"{at} the credential BYTES cannot be read, or is not UTF-8 text",
        f"{at} ${{LINES}} contains a line break or an unprintable character",
        f"{at} the credential FOLDER cannot be read, or is not UTF-8 text",
        f"{at} ${{NONE}} is not set; there is no environment variable or systemd credential of this name",
    ]


def test_lookup_says_no_more_than_the_name() -> None:
    with pytest.raises(ValueError, match=r"^\$\{X\} contains a line break"):
        lookup_in({"X": "hunter2\udcff"})("X")


@pytest.mark.parametrize(
    "text",
    [
        config("srt://u:${PASS}@h/x"),
        config("srt://${PASS}"),
        config("rtsp://u@h:${PASS}/x"),
        config("rtsp://h/x", "fps: ${PASS}"),
        config("rtsp://h/x", "delivery: ${PASS}"),
        config("rtsp://h/x", "max_age: ${PASS}"),
        config("rtsp://h/x", "models: ['${PASS}', '${PASS}']"),
        config("rtsp://h/x", "models: ['${PASS}']"),
        config("rtsp://h/x") + "publish: {bind: ['tcp://${PASS}:1']}",
        config("rtsp://h/x") + "web: {listen: '${PASS}'}",
    ],
)
def test_errors_show_no_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "c.yaml")
    shown = str(caught.value)
    assert "hun" not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.text(st.characters(exclude_characters="@", exclude_categories=["Cs"]), min_size=1).map(lambda t: f"§{t}§"))
def test_mask_hides_any_password(password: str) -> None:
    assert mask(f"rtsp://viewer:{password}@10.0.0.4/x") == "rtsp://***@10.0.0.4/x"
