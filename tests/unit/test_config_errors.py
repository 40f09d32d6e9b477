"""Configurations that are wrong: the exact sentence for each."""
# ruff: noqa: E501 - a case of a table is a line, however long its sentence

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.load import load, loads
from edge_daemon.errors import ConfigError
from edge_daemon.settings import DecoderName

EXAMPLE = (Path(__file__).parents[2] / "configs" / "example.yaml").read_text()
MODELS = "models:\n  person: {path: builtin:person}\n"
SUM = "0123456789abcdef" * 4
DECODERS = " or ".join([", ".join(get_args(DecoderName)[:-1]), get_args(DecoderName)[-1]])


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "c.yaml")
    assert caught.value.__cause__ is None
    return str(caught.value).splitlines()


def camera(settings: str) -> str:
    """A configuration that is right but for what its one camera has in line 3, besides its source."""
    return f"cameras:\n  door: {{source: 0,\n    {settings}}}\n{MODELS}"


def model(settings: str) -> str:
    """The same for its one model, in line 5."""
    return f"cameras:\n  door: {{source: 0}}\nmodels:\n  person: {{path: builtin:person,\n    {settings}}}\n"


def others(settings: str) -> str:
    """The same for what stands in line 1."""
    return f"{settings}\ncameras:\n  door: {{source: 0}}\n{MODELS}"


def source(value: str) -> str:
    """The same for the camera's source, in line 2."""
    return f"cameras:\n  door: {{source: {value}}}\n{MODELS}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("fsp: 5", "fsp: unknown key; did you mean fps?"),
        ("FPS: 5", "FPS: unknown key; did you mean fps?"),
        (
            "colour: red",
            "colour: unknown key; known keys here: source, models, fps, motion, delivery, loop, max_age, reorder_wait, "
            "weight, transport, decode, "
            "open_timeout, read_timeout, stall_timeout, ca, fingerprint, zones, lines, ignore, privacy, record, device",
        ),
        ("confidence: 0.5", "confidence: unknown key; it belongs to models.NAME.confidence"),
        ("quality: 5", "quality: unknown key; it belongs to frames.quality"),
        ("fps: -3", "fps: must be above 0 (got -3)"),
        ("fps: 0", "fps: must be above 0 (got 0)"),
        ("fps: fast", "fps: must be a number above 0 (got 'fast')"),
        ("fps: 10:30", "fps: must be a number above 0 (got '10:30')"),
        ("fps: true", "fps: must be a number above 0 (got true)"),
        ("fps: .inf", "fps: must be a number above 0 (got inf)"),
        ("fps: .nan", "fps: must be a number above 0 (got nan)"),
        ("fps: 1e999", "fps: must be a number above 0 (got inf)"),
        ("fps: [5]", "fps: must be a number above 0 (got a list)"),
        ("fps: 010", "fps: begins with 0, which some YAML readers read as octal; remove the 0 or quote it"),
        ("fps: 1234567890123456789012", "fps: has too many digits for a number; quote it if it is text"),
        ("fps: !!python/name:os.system x", "fps: has a tag that is not supported; write the plain value"),
        ("fps: !!int x", "fps: is tagged as a number but is not one"),
        ("weight: 0", "weight: must be from 0.001 to 1000 (got 0)"),
        ("weight: ", "weight: must be a number from 0.001 to 1000 (got nothing)"),
        ("delivery: lossles", "delivery: must be live or lossless (got 'lossles'; did you mean lossless?)"),
        ("loop: true", "loop: is for files and folders; other sources have no end (got true)"),
        ("delivery: 1", "delivery: must be live or lossless (got 1)"),
        ("max_age: 500", "max_age: needs a unit; write 500ms, 2s or 1m (got 500)"),
        ("max_age: 1.5", "max_age: needs a unit; write 500ms, 2s or 1m (got 1.5)"),
        ("max_age: 500 ms", "max_age: must be a duration, such as 500ms, 2s or 1m (got '500 ms')"),
        ("max_age: 2h", "max_age: must be a duration, such as 500ms, 2s or 1m (got '2h')"),
        ("max_age: 0ms", "max_age: must be longer than 0 (got '0ms')"),
        ("max_age: true", "max_age: must be a duration, such as 500ms, 2s or 1m (got true)"),
        ("models: person", "models: must be a list, such as [person] (got 'person')"),
        ("models: []", "models: must not be empty; leave the key out instead"),
        ("models: [person, person]", "models: lists the same value twice, at [0] and [1]"),
        ("models: [persn]", "models[0]: must name a model: person (got 'persn'; did you mean person?)"),
        ("models: [person, 7]", "models[1]: must be text (got 7; put it in quotes)"),
        ('fps: "\\0"', "fps: contains a line break or an unprintable character"),
        ("fps: 1, fps: 2", "fps: is defined twice, first in line 3"),
        ("fps: '${NOT_SET_ANYWHERE}'", "fps: ${NOT_SET_ANYWHERE} is not set; there is no environment variable of this name"),
    ],
)  # fmt: skip
def test_camera(settings: str, message: str) -> None:
    assert errors(camera(settings)) == [f"c.yaml:3: cameras.door.{message}"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("workers: 0", "workers: must be from 1 to 64 (got 0)"),
        ("workers: 1.5", "workers: must be a whole number from 1 to 64 (got 1.5)"),
        ("workers: two", "workers: must be a whole number from 1 to 64 (got 'two')"),
        ("threads: true", "threads: must be a whole number from 1 to 64 (got true)"),
        ("confidence: 40", "confidence: must be from 0 to 1 (got 40)"),
        ("iou: 45%", "iou: must be a number from 0 to 1 (got '45%')"),
        ("classes: person", "classes: must be a list, such as [person] (got 'person')"),
        ("classes: []", "classes: must not be empty; leave the key out instead"),
        ("classes: [no, '']", "classes[1]: must not be empty (got '')"),
        ("classes: [persn], labels: [person]", "classes[0]: must be one of the model's labels (got 'persn'; did you mean person?)"),
        ("decoder: yolo", f"decoder: must be one of {DECODERS} (got 'yolo'; did you mean yolox?)"),
        ("providers: [CUDA]", "providers[0]: must be an execution provider, or a mapping from one to its options; did you mean cuda? (got 'CUDA')"),
        ("providers: [{cuda: 1}]", "providers[0]: must map option names of cuda to single values (got a mapping)"),
        ("providers: [cpu, {cpu: {a: 1}}]", "providers: lists the same value twice, at [0] and [1]"),
        ("input: {size: 0}", "input.size: must be a number of pixels, or WIDTHxHEIGHT such as 640x384 (got 0)"),
        ("input: {size: 640*480}", "input.size: must be a number of pixels, or WIDTHxHEIGHT such as 640x384 (got '640*480')"),
        ("after: person", "after: must name a model that does not itself run after this one (got 'person')"),
        ("after: persn", "after: must name another model (got 'persn'; did you mean person?)"),
        ("class_confidence: {person: 2}", "class_confidence.person: must be from 0 to 1 (got 2)"),
        ("labels: [1]", "labels: must be a list of names, the path of a text file with one name a line, coco or voc"),
        ("labels: 1", "labels: must be a list of names, the path of a text file with one name a line, coco or voc (got 1)"),
        ("labels: ''", "labels: must not be empty (got '')"),
        ("worker: 2", "worker: unknown key; did you mean workers?"),
    ],
)  # fmt: skip
def test_model(settings: str, message: str) -> None:
    assert errors(model(settings)) == [f"c.yaml:5: models.person.{message}"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("frame: {}", "frame: unknown key; did you mean frames?"),
        ("frames: 5", "frames: must be a mapping of keys (got 5)"),
        ("frames: {codec: jpg}", "frames.codec: must be one of auto, raw, jpeg, png or webp (got 'jpg'; did you mean jpeg?)"),
        ("frames: {quality: 101}", "frames.quality: must be from 1 to 100 (got 101)"),
        ("publish: {bind: 'tcp://127.0.0.1:1'}", "publish.bind: must be a list, such as [tcp://127.0.0.1:5555] (got 'tcp://127.0.0.1:1')"),
        ("publish: {bind: []}", "publish.bind: must not be empty; leave the key out instead"),
        ("publish: {bind: ['127.0.0.1:5555']}", "publish.bind[0]: must be tcp://ADDRESS:PORT or ipc://FILE, such as tcp://127.0.0.1:5555 (got '127.0.0.1:5555')"),
        ("publish: {bind: ['tcp://127.0.0.1:99999']}", "publish.bind[0]: must have a port from 1 to 65535 (got 'tcp://127.0.0.1:99999')"),
        ("publish: {bind: ['tcp://*:5555']}", "publish.bind[0]: is open to other machines; bind to 127.0.0.1, set secret_key and clients, or set insecure: true (got 'tcp://*:5555')"),
        ("publish: {bind: ['tcp://10.0.0.5:5555'], insecure: false}", "publish.bind[0]: is open to other machines; bind to 127.0.0.1, set secret_key and clients, or set insecure: true (got 'tcp://10.0.0.5:5555')"),
        ("publish: {wait_for: -1}", "publish.wait_for: must be from 0 to 1000 (got -1)"),
        ("publish: {insecure: yes}", "publish.insecure: must be true or false (got 'yes')"),
        ("web: {enabled: on}", "web.enabled: must be true or false (got 'on')"),
        ("web: {enabled: 1}", "web.enabled: must be true or false (got 1)"),
        ("web: {listen: 8080}", "web.listen: must be text (got 8080; put it in quotes)"),
        ("web: {listen: '8080'}", "web.listen: must be ADDRESS:PORT, such as 127.0.0.1:8080 (got '8080')"),
        ("web: {listen: '0.0.0.0:80'}", "web.listen: is open to other machines; set tokens (`edge-daemon token` makes one), listen on 127.0.0.1, or set insecure: true (got '0.0.0.0:80')"),
        ("runtime_dir: ''", "runtime_dir: must not be empty (got '')"),
        ("? [a, b]\n: c", "has a list or a mapping as a key; keys are plain words"),
        ("web: &w {<<: *w}", "web: contains itself, through an alias"),
        ("web: {<<: 5}", "web: << merges mappings only, such as <<: *other"),
    ],
)  # fmt: skip
def test_other_sections(settings: str, message: str) -> None:
    assert errors(others(settings)) == [f"c.yaml:1: {message}"]


URL = (
    "must be a URL with a host, such as rtsp://user:password@10.0.0.4/stream; "
    "write / ? # @ and spaces of a password as %2F %3F %23 %40 %20"
)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "must be a URL, a path, the number of a webcam, or 'scene:' (got nothing)"),
        ("-1", "must be a URL, a path, the number of a webcam, or 'scene:' (got -1)"),
        ("true", "must be a URL, a path, the number of a webcam, or 'scene:' (got true)"),
        ("1.5", "must be a URL, a path, the number of a webcam, or 'scene:' (got 1.5)"),
        ("rtmp://h/x", "must be rtsp://, rtsps://, http://, https://, file:// or a path; did you mean rtsp://? (got 'rtmp://h/x')"),
        ("srt://u:p@h/x", "must be rtsp://, rtsps://, http://, https://, file:// or a path (got 'srt://***@h/x')"),
        ("rtsp:///stream", f"{URL} (got 'rtsp:///stream')"),
        ("rtsp://u:p/a#ss@h/x", f"{URL} (got 'rtsp://***@h/x')"),
        ("'rtsp://u:p ss@h/x'", f"{URL} (got 'rtsp://***@h/x')"),
        ("'rtsp://u:p@h:port/x'", "must have a port from 1 to 65535 after the host, or none (got 'rtsp://***@h:port/x')"),
        ("'http://[::1/x?token=abc'", f"{URL} (got 'http://[::1/x?token=***')"),
    ],
)  # fmt: skip
def test_source(value: str, message: str) -> None:
    assert errors(source(value)) == [f"c.yaml:2: cameras.door.source: {message}"]


NAME = "a name may contain only letters, digits, -, _ and ., and must begin with a letter or digit"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/b", f"'a/b': {NAME} (got 'a/b')"),
        ("front door", f"'front door': {NAME} (got 'front door')"),
        (".a", f".a: {NAME} (got '.a')"),
        ("-a", f"-a: {NAME} (got '-a')"),
        ("'a\u200bb'", f"'a\\u200bb': {NAME} (got 'a\\u200bb')"),
        ("''", "'': a name must not be empty (got '')"),
        ("a" * 65, f"{'a' * 65}: a name has at most 64 characters and 200 bytes (got '{'a' * 57}...')"),
        ("'a\\n'", f"'a\\\\n': {NAME} (got 'a\\\\n')"),
    ],
)
def test_names(name: str, message: str) -> None:
    text = f"cameras:\n  {name}: {{source: 0}}\n{MODELS}"
    assert errors(text) == [f"c.yaml:2: cameras.{message}"]


CAMERAS = "cameras:\n  door: {source: 0}\n"
NO_CAMERAS = "cameras: must not be empty; for example {door: {source: rtsp://10.0.0.4/stream1}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c.yaml: is empty; it needs cameras: and models:"),
        ("# nothing\n", "c.yaml: is empty; it needs cameras: and models:"),
        ("- a", "c.yaml:1: must be a mapping of keys to values (got a list); it needs cameras: and models:"),
        ("text", "c.yaml:1: must be a mapping of keys to values (got 'text'); it needs cameras: and models:"),
        (MODELS, "c.yaml:1: cameras: is missing; for example cameras: {door: {source: rtsp://10.0.0.4/stream1}}"),
        (CAMERAS, "c.yaml:1: models: is missing; for example models: {person: {path: builtin:person}}"),
        ("cameras:\n" + MODELS, f"c.yaml:1: {NO_CAMERAS}"),
        ("cameras: {}\n" + MODELS, f"c.yaml:1: {NO_CAMERAS}"),
        ("cameras: [0]\n" + MODELS, "c.yaml:1: cameras: must be a mapping of keys (got a list)"),
        ("cameras:\n  a:\n" + MODELS, "c.yaml:2: cameras.a.source: is missing; for example source: rtsp://10.0.0.4/stream1"),
        ("cameras:\n  a: 0\n" + MODELS, "c.yaml:2: cameras.a: must be a mapping of keys (got 0)"),
        (CAMERAS + "models:\n  m: {path: ''}", "c.yaml:4: models.m.path: must not be empty (got '')"),
        (CAMERAS + "models:\n  m: {path: 'builtin:'}", "c.yaml:4: models.m.path: must name a model after 'builtin:', such as builtin:person (got 'builtin:')"),
        (CAMERAS + "models:\n  m: {path: https://h/m.onnx}", "c.yaml:4: models.m.path: needs sha256: beside it, as sha256sum prints it (got 'https://h/m.onnx')"),
        (CAMERAS + f"models:\n  m: {{path: http://h/m.onnx, sha256: {SUM}}}", "c.yaml:4: models.m.path: must be https:// with a host and a file path; write characters outside ASCII as %XX (got 'http://h/m.onnx')"),
        (CAMERAS + f"models:\n  m: {{path: 'https://u:p/w@h:x/m', sha256: {SUM}}}", "c.yaml:4: models.m.path: must be https:// with a host and a file path; write characters outside ASCII as %XX (got 'https://***@h:x/m')"),
        (CAMERAS + f"models:\n  m: {{path: s3://h/m.onnx, sha256: {SUM}}}", "c.yaml:4: models.m.path: must be a file, builtin:NAME, zoo:NAME, or https://... with its sha256 (got 's3://h/m.onnx')"),
        (CAMERAS + "models:\n  m: {path: https://h/m.onnx, sha256: abc}", "c.yaml:4: models.m.sha256: must be the 64 hexadecimal digits that sha256sum prints (got 'abc')"),
        (CAMERAS + "models:\n  m: {path: m.onnx, sha256: 7}", "c.yaml:4: models.m.sha256: must be text (got 7; put it in quotes)"),
        (CAMERAS + "models:\n  m: {path: 'zoo:'}", "c.yaml:4: models.m.path: must name a model after 'zoo:', such as zoo:yolox-nano (got 'zoo:')"),
        (CAMERAS + "models:\n  m: {path: zoo:yolox-nanno}", "c.yaml:4: models.m.path: must name a model of the catalogue (see `edge-daemon models`) (got 'zoo:yolox-nanno'; did you mean zoo:yolox-nano?)"),
        (CAMERAS + f"models:\n  m: {{path: zoo:yolox-nano, sha256: {SUM}}}", f"c.yaml:4: models.m.sha256: is for files and https:// only (got '{SUM[:57]}...')"),
        ("cameras:\n  a: {source: 0}\n  b: {source: 1}\n  a: {source: 2}\n" + MODELS, "c.yaml:4: cameras.a: is defined twice, first in line 2"),
        ("a: b: c", "c.yaml:1: is not YAML (column 5): a ':' where no value can start; quote text that contains ': ', or look for a missing ':' before it"),
        ("a: scene:", "c.yaml:1: is not YAML (column 9): a ':' where no value can start; quote text that contains ': ', or look for a missing ':' before it"),
        (
            "cameras:\n\u00a0 door:\n",
            "c.yaml:2: a character that looks like a space, or cannot be seen (U+00A0 in column 1): replace it by a space",
        ),
        ("cameras:\n\tdoor:\n", "c.yaml:2: is not YAML (column 1): a tab; YAML indents with spaces only"),
        ("a:\n  b: 1\n c: 2", "c.yaml:3: is not YAML (column 2): text that fits neither the indentation nor the line before it"),
        ("a: [1, 2\nb: 3", "c.yaml:2: is not YAML (column 2): the list opened by [ in line 1 is not closed, or lacks a comma"),
        ("a: {b: 1\nc: 3", "c.yaml:2: is not YAML (column 2): the mapping opened by { in line 1 is not closed, or lacks a comma"),
        ("a: 'b\nc: 3\n", "c.yaml:3: is not YAML (column 1): quotes opened in line 1 are not closed"),
        ("a: b\nword\n", "c.yaml:3: is not YAML (column 1): a key without ':' after it, or a list item without '- ' before it"),
        ("a: *b", "c.yaml:1: is not YAML (column 4): an alias (*name) whose anchor (&name) does not come before it"),
        ("a: &b 1\nc: &b 2", "c.yaml:2: is not YAML (column 4): an anchor (&name) that is defined twice"),
        ("a: @b", "c.yaml:1: is not YAML (column 4): text that starts with a reserved character of YAML; put it in quotes"),
        ('a: "\\d"', "c.yaml:1: is not YAML (column 6): an unknown \\ escape in double quotes; write \\\\ or use single quotes"),
        ('a: "\\UFFFFFFFF"', "c.yaml:1: is not YAML (column 7): a broken \\ escape in double quotes; write \\\\ or use single quotes"),
        ("a: - b", "c.yaml:1: is not YAML (column 4): a list item ('- ') that does not start a line"),
        ("a: 1\n---\nb: 1", "c.yaml:2: is not YAML (column 1): a second document ('---'); a configuration is a single one"),
        ("a: 1\nb: \x07", "c.yaml:2: is not YAML (column 4): the character U+0007, which is not allowed in YAML"),
        ("[" * 100_000, "c.yaml:1: is not YAML (column 31): lists or mappings nested too deeply"),
    ],
)  # fmt: skip
def test_whole_files(text: str, message: str) -> None:
    assert errors(text) == [message]


@pytest.mark.parametrize("level", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merges"])
def test_aliases_of_aliases_do_not_fill_the_memory(level: str) -> None:
    lines = ["a0: &a0 {b: 1}"]
    lines += [f"a{i}: &a{i} {level.format(', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, 9)]
    assert errors("\n".join(lines)) == ["c.yaml: holds more than 20000 values once aliases are filled in"]


def test_everything_at_once_in_the_order_of_lines() -> None:
    text = """\
cameras:
  door:
    source: rtsp://viewer:${NOT_SET_ANYWHERE}@10.0.0.4/stream
    fps: -3
    models: [persn]
  door: {source: 1}
  front gate: {weight: heavy}
models:
  person:
    path: builtin:person
    wrokers: 2
    workers: 010
publish:
  bind: ["tcp://0.0.0.0:5555"]
frames: {codec: gif}
"""
    unset = "${NOT_SET_ANYWHERE} is not set; there is no environment variable of this name"
    assert errors(text) == [
        f"c.yaml:3: cameras.door.source: {unset}",
        "c.yaml:4: cameras.door.fps: must be above 0 (got -3)",
        "c.yaml:5: cameras.door.models[0]: must name a model: person (got 'persn'; did you mean person?)",
        "c.yaml:6: cameras.door: is defined twice, first in line 2",
        f"c.yaml:7: cameras.'front gate': {NAME} (got 'front gate')",
        "c.yaml:7: cameras.'front gate'.source: is missing; for example source: rtsp://10.0.0.4/stream1",
        "c.yaml:7: cameras.'front gate'.weight: must be a number from 0.001 to 1000 (got 'heavy')",
        "c.yaml:11: models.person.wrokers: unknown key; did you mean workers?",
        "c.yaml:12: models.person.workers: begins with 0, which some YAML readers read as octal; "
        "remove the 0 or quote it",
        "c.yaml:14: publish.bind[0]: is open to other machines; bind to 127.0.0.1, set secret_key and clients, "
        "or set insecure: true (got 'tcp://0.0.0.0:5555')",
        "c.yaml:15: frames.codec: must be one of auto, raw, jpeg, png or webp (got 'gif')",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "utf16.yaml").write_bytes("a: 1".encode("utf-16"))
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    for name, message in [
        ("no.yaml", ": there is no such file"),
        ("empty.yaml/c.yaml", ": cannot be read: not a directory"),
        (
            "",
            ": is a folder; name the YAML file in it. Run a model on a folder of pictures: "
            f"edge-daemon run --source {tmp_path} --model MODEL",
        ),
        ("latin.yaml", ":2: is not UTF-8 text; save it as UTF-8"),
        ("utf16.yaml", ":1: is not UTF-8 text; save it as UTF-8"),
        ("empty.yaml", ": is empty; it needs cameras: and models:"),
        ("large.yaml", ": is too large for a configuration (1 MB at most)"),
        ("\0", ": cannot be read: embedded null byte"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}{message}"


def refused_or_loaded(text: str) -> None:
    """Loads or raises ConfigError, whose lines can all be printed; anything else fails the test."""
    said = ""
    try:
        loads(text, "c.yaml")
    except ConfigError as error:
        said = str(error)
    assert all(line.startswith("c.yaml:") for line in said.splitlines())
    said.encode()


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    refused_or_loaded(text)


@given(st.lists(st.sampled_from([*"\n\t:-[]{}!&*<'\"|>%@?#,$0~.", "a", " ", "  ", ": ", "- ", "<<", "&a ", "*a"])))
def test_any_punctuation(tokens: list[str]) -> None:
    refused_or_loaded("".join(tokens))


@given(st.data())
def test_any_change_of_the_example(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(EXAMPLE)))
    until = data.draw(st.integers(at, min(at + 40, len(EXAMPLE))))
    refused_or_loaded(EXAMPLE[:at] + data.draw(st.text(max_size=8)) + EXAMPLE[until:])


PATHS = [
    "cameras.c.source",
    "cameras.c.models",
    "cameras.c.fps",
    "cameras.c.max_age",
    "cameras.c",
    "models.m.path",
]
PATHS += [
    "models.m.labels",
    "models.m.classes",
    "models.m",
    "publish.bind",
    "publish",
    "web.listen",
    "runtime_dir",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
SCALARS |= st.text(alphabet="rtsphile:/@?#[]%${}.0~ \0\ud800", max_size=30)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(PATHS), VALUES)
def test_any_value_anywhere(path: str, value: object) -> None:
    *sections, last = path.split(".")
    root: dict[str, object] = {}
    section = root
    for name in sections:
        section = section.setdefault(name, {})  # type: ignore[assignment]
    section[last] = value
    refused_or_loaded(flow(root))


def flow(value: object) -> str:
    """YAML of any value in one line; texts as double-quoted escapes."""
    match value:
        case dict():
            return "{" + ", ".join(f"? {flow(k)} : {flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
        case float():
            return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
        case None:
            return "~"
        case _:
            return str(value).lower()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("storage: {max_size: 20}", "storage.max_size: needs a unit; write 500MB or 2GB (got 20)"),
        ("storage: {keep: {alert: 5d}}", "storage.keep.alert: unknown key; did you mean alerts?"),
        ("storage: {keep: {alerts: 5}}", "storage.keep.alerts: needs a unit; write 30s, 5min or 2h (got 5)"),
        ("record: {}\nstorage: false", "record: needs the store, which `storage` turns off (got a mapping)"),
        ("record: {before: 0s}", "record.before: must be longer than 0 (got '0s')"),
    ],
)
def test_storage_and_record(keys: str, message: str) -> None:
    assert [line.partition(": ")[2] for line in errors(others(keys))] == [message]


def test_what_is_kept_as_it_came_cannot_be_masked() -> None:
    hidden = "cameras:\n  door: {source: 0, privacy: [[[0, 0], [1, 0], [1, 1]]]}\n"
    advice = "clips are kept as the camera sends them, and hide nothing"
    assert errors(f"record: {{}}\n{hidden}{MODELS}") == [
        f"c.yaml:3: cameras.door.privacy: does not go with `record`: {advice}; set record: false here (got a list)"
    ]
    loads(f"record: {{}}\n{hidden.replace('privacy', 'record: false, privacy')}{MODELS}")


def test_keys_for_anchors_are_free() -> None:
    shared = "x-common: &common {fps: 5, note: '${NOT_SET}'}\nx-1:\n"
    config = loads(shared + "cameras: {a: {source: 0, fps: 3}}\nmodels: {m: {path: 'builtin:person'}}", "c.yaml")
    assert config.cameras["a"].fps == 3
    merged = "x-common: &common {fps: 5}\ncameras: {a: {<<: *common, source: 0}}\n"
    assert loads(merged + "models: {m: {path: 'builtin:person'}}", "c.yaml").cameras["a"].fps == 5
    assert errors("y: 1\ncameras: {a: {source: 0}}\nmodels: {m: {path: 'builtin:person'}}") == [
        "c.yaml:1: y: unknown key; known keys here: name, cameras, models, frames, publish, web, log, rules, counts, location, record, storage, deliver, modes, runtime_dir"
    ]


def test_a_loop_does_not_go_with_a_file_that_is_read_once() -> None:
    (message,) = errors(camera("loop: true, delivery: lossless").replace("source: 0", "source: a.mp4"))
    assert message == (
        "c.yaml:3: cameras.door.loop: does not go with delivery: lossless, which reads a file to its end once; "
        "leave one of them out (got true)"
    )
