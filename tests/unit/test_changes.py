"""The sentence of a reload names everything that has changed, nothing else, and no secret."""

import re

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.load import loads
from edge_daemon.supervisor.changes import LONG, changes
from edge_daemon.supervisor.description import Description, Entry, described

NAMES = ["camera hall", "camera yard", "model m", "web"]
KEYS = ["fps", "weight", "source", "motion"]
entries = st.builds(lambda value: Entry(value, f"<{value}>"), st.integers(0, 3))
secrets = st.builds(lambda value: Entry(f"hunter{value}"), st.integers(0, 3))
sections = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(KEYS[:-1], entries | secrets),
        "motion": st.dictionaries(st.sampled_from("ab"), entries, min_size=1),
    },
)
descriptions = st.dictionaries(st.sampled_from(NAMES), sections)
notes = st.dictionaries(st.sampled_from(NAMES), st.just("opened again"))


@given(descriptions, descriptions, notes)
def test_each_section_and_key_that_has_changed_is_named_and_no_other(
    before: Description, after: Description, restarted: dict[str, str]
) -> None:
    sentence = changes(before, after, restarted)
    told = {part.partition(":")[0]: part for part in sentence.split("; ")}
    for name in NAMES:
        was, now = before.get(name), after.get(name)
        if was is None and now is None:
            assert name not in sentence
        elif was is None or now is None:
            assert f"{name} {'added' if was is None else 'removed'}" in told
        elif was == now:
            assert (name in sentence) == (name in restarted)
        else:
            changed = {key for key in KEYS if was.get(key) != now.get(key)}
            named = set(re.findall(r"\b(fps|weight|source|motion)\b", told[name]))
            assert named == changed
            assert told[name].endswith(" (opened again)") == (name in restarted)


@given(descriptions, descriptions)
def test_no_secret_is_shown(before: Description, after: Description) -> None:
    assert "hunter" not in changes(before, after, {})


@given(descriptions)
def test_nothing_has_changed_from_a_configuration_to_itself(one: Description) -> None:
    assert changes(one, one, {}) == "nothing has changed"


@given(descriptions, descriptions)
def test_the_way_back_names_the_same(one: Description, other: Description) -> None:
    there, back = changes(one, other, {}), changes(other, one, {})
    assert len(re.findall("added|set to", there)) == back.count("removed")
    assert sorted(re.findall(r"<\d> → <\d>", there)) == sorted(
        " → ".join(reversed(pair.split(" → "))) for pair in re.findall(r"<\d> → <\d>", back)
    )


def test_values_are_written_as_in_the_file_and_credentials_are_not_shown() -> None:
    text = """
cameras: {hall: {source: "rtsp://me:hunter2@10.0.0.4/one", models: [m], max_age: 250ms, motion: {area: 0.01}}}
models: {m: {path: builtin:person}, n: {path: builtin:person, providers: [cpu]}}
"""
    config = loads(text)
    changed = loads(
        text.replace("hunter2", "hunter3").replace("[m]", "[m, n]").replace("250ms", "2m").replace("0.01", "0.02")
    )
    before, after = ({"hall": described(one.cameras["hall"])} for one in (config, changed))
    assert changes(before, after, {}) == (
        "hall: source changed, models [m] → [m, n], motion.area 0.01 → 0.02, max_age 250ms → 120s"
    )
    elsewhere = loads(text.replace("/one", "/two"))
    after = {"hall": described(elsewhere.cameras["hall"])}
    assert changes(before, after, {}) == "hall: source rtsp://***@10.0.0.4/one → rtsp://***@10.0.0.4/two"


def test_long_values_are_not_shown() -> None:
    before, after = ({"a": {"mask": Entry(value, value * (LONG + 1))}} for value in "xy")
    assert changes(before, after, {}) == "a: mask changed"
    assert changes({"a": {}}, after, {}) == "a: mask added"
