"""Values put into a configuration's text: what is there afterwards, and what stays."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.edit import as_lines, with_values
from edge_daemon.config.yaml import parse
from edge_daemon.errors import ConfigError

WORKERS = ("models", "m", "workers")
CODEC = ("frames", "codec")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("models:\n  m:\n    workers: 1  # few\n", "models:\n  m:\n    workers: 4  # few\n"),
        ("models:\n  m:\n    workers:\n    iou: 0.5\n", "models:\n  m:\n    workers: 4\n    iou: 0.5\n"),
        (
            "models:\n  # ours\n  m:\n    path: a  # small\n    # so\n    crop: \n      margin: 1\n",
            "models:\n  # ours\n  m:\n    path: a  # small\n    workers: 4\n    # so\n    crop: \n      margin: 1\n",
        ),
        ("models: {m: {path: a.onnx}}", "models: {m: {path: a.onnx, workers: 4}}"),
        ("models: {m: {path: a.onnx, workers: 2}} # x", "models: {m: {path: a.onnx, workers: 4}} # x"),
        ("models:\n  m: {}\n", "models:\n  m: {workers: 4}\n"),
        ("models:\n  m:\n", "models:\n  m: {workers: 4}\n"),
        ("models:\r\n  m:\r\n    path: a\r\n", "models:\r\n  m:\r\n    path: a\r\n    workers: 4\r\n"),
        ("models:\n  m:\n    path: a", "models:\n  m:\n    path: a\n    workers: 4\n"),
        ("models:\n  m:\n    crop:\n      margin: 1\n", "models:\n  m:\n    workers: 4\n    crop:\n      margin: 1\n"),
        (
            "a: &a {workers: 1}\nmodels:\n  m:\n    <<: *a\n    path: a\n",
            "a: &a {workers: 1}\nmodels:\n  m:\n    <<: *a\n    path: a\n    workers: 4\n",
        ),
        ("web: {}\n", "web: {}\nmodels: {m: {workers: 4}}\n"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert with_values(before, "c.yaml", {WORKERS: 4}) == after


def test_several_at_once() -> None:
    text = with_values("models:\n  m:\n    path: a\n", "c.yaml", {WORKERS: 2, CODEC: "jpeg"})
    assert yaml.safe_load(text) == {"models": {"m": {"path": "a", "workers": 2}}, "frames": {"codec": "jpeg"}}


@pytest.mark.parametrize(
    "text",
    [
        "models:\n  m: &m {workers: 1}\n  n: *m\n",  # would change n too
        "a: &a 1\nmodels: {m: {workers: *a}}\n",
        "models:\n  m:\n    workers: &w 1\n    threads: *w\n",
        "models: [m]\n",
    ],
)
def test_what_is_not_safe_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_values(text, "c.yaml", {WORKERS: 4})
    assert str(caught.value) == "c.yaml: cannot be edited safely; add this by hand: models: {m: {workers: 4}}"


def test_values_are_told_as_one_would_write_them() -> None:
    assert as_lines({WORKERS: 2, CODEC: "jpeg"}) == "models: {m: {workers: 2}}; frames: {codec: jpeg}"


_words = st.text("abcxyz", min_size=1, max_size=3)
_trees = st.recursive(
    st.integers(0, 99) | _words, lambda inner: st.dictionaries(_words, inner, max_size=4), max_leaves=12
)


@given(
    tree=st.dictionaries(_words, _trees, max_size=4),
    path=st.lists(_words, min_size=1, max_size=3).map(tuple),
    flow=st.sampled_from([True, False, None]),
    value=st.integers(100, 200),
)
def test_whatever_is_written_the_rest_stays(
    tree: dict[str, object], path: tuple[str, ...], flow: bool | None, value: int
) -> None:
    text = "# first\n" + yaml.safe_dump(tree, default_flow_style=flow) + "# last\n"
    try:
        edited = with_values(text, "c.yaml", {path: value})
    except ConfigError:
        return
    found = parse(edited, "c.yaml").data
    for step in path:
        assert isinstance(found, dict)
        found = found[step]
    assert found == value
    assert edited.startswith("# first\n")
    assert edited.endswith("# last\n")
