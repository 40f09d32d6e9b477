"""The wait that other tests are built on."""

import pytest

from tests.waiting import eventually


def test_gives_the_first_true_value() -> None:
    values = iter([None, 0, "there", "later"])
    assert eventually(lambda: next(values), 5, every_s=0) == "there"


def test_fails_with_what_was_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.01 s: the camera; last value: None"):
        eventually(lambda: None, 0.01, what="the camera")
