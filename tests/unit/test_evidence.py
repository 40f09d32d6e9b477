"""Evidence is weighed: what is known counts before what is proved, and that before what is likely."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.models.evidence import Fact, Sign, Sure, asked, fact, notes, weigh
from edge_daemon.settings import BoxesSettings

SURE: tuple[Sure, ...] = ("known", "proved", "likely")
SIGNS = st.lists(st.none() | st.builds(Sign, st.integers(), st.just("because"), st.sampled_from(SURE)))


@given(SIGNS)
def test_the_first_of_the_surest_signs_counts(signs: list[Sign[int] | None]) -> None:
    given_ = [sign for sign in signs if sign]
    expected = next((sign for sure in SURE for sign in given_ if sign.sure == sure), None)
    assert weigh(signs) is expected


def test_what_yaml_states_is_known() -> None:
    assert asked(BoxesSettings(), "order") is None
    stated = asked(BoxesSettings(nms=False), "nms")
    assert stated
    assert (stated.value, stated.sure) == (False, "known")


@pytest.mark.parametrize("sure", SURE)
def test_only_what_is_likely_is_a_note(sure: Sure) -> None:
    one = fact("unit of a box", Sign("pixel", "of its size", sure), key="boxes: {unit: pixel}")
    expected = ["likely, not certain: unit of a box pixel (of its size); `boxes: {unit: pixel}` settles it"]
    assert list(notes([one])) == (expected if sure == "likely" else [])


def test_facts_of_the_input_share_a_note() -> None:
    facts = [
        Fact("colour", "RGB", "usual for x", "likely", "input: {color: rgb}"),
        Fact("fit", "stretch", "usual for x", "likely", "input: {resize: stretch}"),
        Fact("values", "0 to 1", "its graph", "known", "input: {scale: 0.004}"),
    ]
    assert list(notes(facts)) == [
        "likely, not certain: its input has colour RGB, fit stretch (usual for x); "
        "`input: {color: rgb, resize: stretch}` settles it"
    ]
