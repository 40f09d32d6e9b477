"""From one plan to another: who goes, who is replaced, who comes, and how a person is told."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.load import loads
from edge_daemon.settings import ConfigSettings, WebSettings
from edge_daemon.supervisor.diff import diff, in_words, needs_restart, trials
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.plan import plan

BASE = """
cameras: {door: {source: 'scene:'}}
models: {m: {path: builtin:person}}
"""

cameras = st.dictionaries(
    st.sampled_from(["door", "yard", "hall"]),
    st.fixed_dictionaries({"source": st.sampled_from(["'scene:'", "'scene:?seed=2'"]), "fps": st.sampled_from([1, 2])}),
    min_size=1,
)
models = st.dictionaries(
    st.sampled_from(["m", "n"]),
    st.fixed_dictionaries({"path": st.just("builtin:person"), "workers": st.integers(1, 3), "iou": st.just(0.5)}),
    min_size=1,
)


def planned(text: str) -> list[ProcessSpec]:
    return plan(loads(text, "here"), Path("/run/x"))


def configured(spec: ProcessSpec) -> ProcessSpec:
    """A process without the text of the configuration that the web shows, and when it was read."""
    if not isinstance(spec.settings, WebSettings):
        return spec
    return replace(spec, settings=msgspec.structs.replace(spec.settings, config=ConfigSettings()))


@st.composite
def plans(draw: st.DrawFn) -> list[ProcessSpec]:
    def lines(things: dict[str, dict[str, object]]) -> str:
        # Sorted: the web shows cameras in the order of the file, which is no change that anybody is told of.
        of = {n: ", ".join(f"{key}: {value}" for key, value in keys.items()) for n, keys in sorted(things.items())}
        return ", ".join(f"{name}: {{{keys}}}" for name, keys in of.items())

    return planned(f"cameras: {{{lines(draw(cameras))}}}\nmodels: {{{lines(draw(models))}}}\n")


@given(plans(), plans())
def test_it_leads_from_one_plan_to_the_other(old: list[ProcessSpec], new: list[ProcessSpec]) -> None:
    steps = diff(old, new)
    left = {spec.key for spec in old} - {spec.key for spec in steps.gone}
    assert left | {spec.key for spec in steps.added} == {spec.key for spec in new}
    assert not {spec.key for spec in steps.added} & {spec.key for spec in old}
    assert {spec.key for spec in steps.changed} <= left
    assert {spec.role for spec in [*steps.gone, *steps.added]} <= {"capture", "worker"}
    same = [*map(configured, old)] == [*map(configured, new)]
    assert (in_words(old, new) == "nothing has changed") == same
    before = [spec.settings for spec in old]
    assert all(spec.settings not in before for spec in steps.changed)


@given(plans())
def test_a_plan_does_not_differ_from_itself(one: list[ProcessSpec]) -> None:
    steps = diff(one, [replace(spec) for spec in one])
    assert [*steps.gone, *steps.changed, *steps.added] == []
    assert not trials(one, one)


DOOR, MODEL = "door: {source: 'scene:'}", "builtin:person}"


@pytest.mark.parametrize(
    ("was", "becomes", "words", "tried"),
    [
        (
            "door: {source: 'scene:'}",
            "door: {source: 'scene:?seed=2'}",
            "camera door: source scene: → scene:?seed=2 (opened again)",
            [],
        ),
        (DOOR, "door: {source: 'scene:', max_age: 1s}", "camera door: max_age 500ms → 1s", []),
        (MODEL, "builtin:person, workers: 3}", "model m: workers 1 → 3", []),
        (MODEL, "builtin:person, confidence: 0.9}", "model m: confidence 0.4 → 0.9 (new workers)", ["m"]),
        (
            "builtin:person}",
            "builtin:person, worker_timeout: 9s}",
            "model m: worker_timeout 60s → 9s (new workers)",
            [],
        ),
        (MODEL, "builtin:person, max_memory: 1GB}", "model m: max_memory set to 1000000000", []),
        (
            "door: {source: 'scene:'}",
            "door: {source: 'scene:', fps: 5, motion: {}}",
            "camera door: fps set to 5, motion added",
            [],
        ),
        ("models:", "frames: {codec: jpeg}\nmodels:", "frames: codec auto → jpeg", []),
        (
            "models:",
            "web: {listen: 127.0.0.1:8081}\nmodels:",
            "web: listen 127.0.0.1:8080 → 127.0.0.1:8081 (restarted)",
            [],
        ),
        ("models:", "web: {weight: 2}\nmodels:", "web: weight 1 → 2", []),
        ("models:", "web: {enabled: false}\nmodels:", "web removed", []),
        (
            "{m: {path: builtin:person}}",
            "{n: {path: builtin:person}}",
            "model m removed; model n added",
            ["n"],
        ),
        ("door:", "yard:", "camera door removed; camera yard added", []),
    ],
)
def test_what_changed_in_words_and_which_models_are_tried(was: str, becomes: str, words: str, tried: list[str]) -> None:
    old, new = planned(BASE), planned(BASE.replace(was, becomes))
    assert sorted(in_words(old, new).split("; ")) == sorted(words.split("; "))
    assert [spec.name for spec in trials(old, new)] == [f"{name}-0 (trial)" for name in tried]


def test_how_many_frames_a_capture_holds_is_not_worth_a_new_one() -> None:
    steps = diff(planned(BASE), planned(BASE.replace("person}", "person, workers: 3}")))
    assert [spec.name for spec in steps.added] == ["m-1", "m-2"]
    assert "capture" not in {spec.role for spec in steps.changed}


FILE = BASE.replace("'scene:'", "tape.mp4")
LIVE = BASE.replace("'scene:'", "tape.mp4, delivery: live")


@pytest.mark.parametrize(
    ("base", "key", "reopened"),
    [
        (BASE, "fps: 5", False),
        (BASE, "motion: {}", False),
        (BASE, "max_age: 1s", False),
        (BASE, "max_age: 100ms", False),
        (BASE, "reorder_wait: 2s", False),
        (BASE, "weight: 3", False),
        (BASE, "models: [m]", False),
        (BASE, "stall_timeout: 9s", False),
        (BASE, "transport: udp", True),
        (BASE, "read_timeout: 9s", True),
        (BASE, "decode: cpu", True),
        (BASE, "device: {fps: 9}", True),
        (LIVE, "fps: 5", False),
        (LIVE, "loop: true", True),
        (FILE, "weight: 3", False),
        (FILE, "fps: 5", True),
        (FILE, "motion: {}", True),
        (FILE, "delivery: live", True),
    ],
)
def test_a_camera_is_opened_again_only_for_what_it_is_opened_with(base: str, key: str, reopened: bool) -> None:
    steps = diff(planned(base), planned(base.replace("}}\nmodels", f", {key}}}}}\nmodels")))
    assert [spec.title for spec in steps.changed] == ["capture door"] * reopened


@pytest.mark.parametrize(("key", "replaced"), [("worker_timeout: 9s", ["m-0"]), ("max_memory: 1GB", [])])
def test_a_worker_is_replaced_for_what_it_has_to_know(key: str, replaced: list[str]) -> None:
    steps = diff(planned(BASE), planned(BASE.replace("person}", f"person, {key}}}")))
    assert [spec.name for spec in steps.changed] == replaced


def test_a_model_that_comes_after_another_one_than_before_is_named() -> None:
    text = "cameras: {door: {source: 'scene:'}}\nmodels: {m: {path: builtin:person}, n: {path: builtin:person}}"
    follows = text.replace("n: {path", "n: {after: m, path")
    assert needs_restart(planned(text), planned(follows)) == "another `after` of model n needs a restart"
    assert needs_restart(planned(follows), planned(follows.replace("after: m", "after: m, max_crops: 3"))) == ""
    assert needs_restart(planned(BASE), planned(follows)) == "", "it is new"


def test_a_model_file_that_was_replaced_is_another_model(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    text = BASE.replace("builtin:person", str(file))
    file.write_bytes(b"one")
    old = planned(text)
    file.write_bytes(b"another")
    assert in_words(old, planned(text)) == "model m: file changed (new workers)"
