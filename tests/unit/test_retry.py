"""How long a capture waits before it opens a lost camera again."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.retry import STEADY_S, Retry


@given(st.lists(st.sampled_from(["refused", "timeout", "not found", "unauthorised", "odd"]), min_size=1, max_size=40))
def test_patience_grows_to_a_limit_and_never_ends(reasons: list[str]) -> None:
    retry = Retry(lambda: 1.0)
    for reason in reasons:
        wait_s = retry.failed(reason, 0.0)
        assert 0.5 <= wait_s <= {"refused": 1.0, "timeout": 2.0, "unauthorised": 300.0}.get(reason, 30.0)
        assert reason != "unauthorised" or wait_s >= 30.0, "cameras lock out clients that retry too often"


def test_a_camera_that_ran_well_is_tried_again_at_once() -> None:
    retry = Retry(lambda: 1.0)
    assert [retry.failed("odd", 0.0) for _ in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert retry.failed("odd", STEADY_S) == 0.5


def test_waits_differ() -> None:
    assert len({Retry().failed("odd", 0.0) for _ in range(20)}) > 10
