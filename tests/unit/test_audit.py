"""What a daemon publishes is checked from outside: what is right passes, and each kind of mistake is found."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.cli.audit import Audit
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status
from tests.statuses import camera, process, stream_counts

Message = Result | End | Status
REASONS = ("paced", "replaced", "stale")


def result(seq: int, dropped: dict[str, int], epoch: int = 1) -> Result:
    return Result(
        camera="door",
        model="m",
        epoch=epoch,
        seq=seq,
        captured_at="",
        width=1,
        height=1,
        detections=[],
        dropped=dropped,
        timing_ms=Timing(),
        worker="m-0",
    )


def status(captured: int, delivered: int, dropped: dict[str, int], in_flight: int = 0, sink: int = 7) -> Status:
    cameras = {"door": camera(m=stream_counts(captured, delivered, dropped, in_flight))}
    return Status(at="", cameras=cameras, processes=[process("sink", pid=sink)])


@st.composite
def published(draw: st.DrawFn) -> list[Message]:
    """What a daemon might publish: results with gaps, statuses in between, new epochs, and perhaps an end."""
    messages: list[Message] = [status(0, 0, {})]
    totals: Counter[str] = Counter()
    delivered, seq, epoch = 0, -1, 1
    for _ in range(draw(st.integers(3, 20))):
        if draw(st.booleans()):
            dropped = draw(st.dictionaries(st.sampled_from(REASONS), st.integers(1, 5)))
            seq += 1 + sum(dropped.values())
            totals.update(dropped)
            delivered += 1
            messages.append(result(seq, dropped, epoch))
        elif draw(st.integers(0, 4)) == 0:
            seq, epoch = -1, epoch + draw(st.integers(1, 9))
        else:
            waiting = draw(st.integers(0, 3))
            messages.append(status(delivered + totals.total() + waiting, delivered, dict(totals), waiting))
            totals_waiting = Counter({"stale": waiting})
            seq += waiting  # what was in flight turns out to be dropped; the next result tells
            if waiting:
                delivered += 1
                totals += totals_waiting
                seq += 1
                messages.append(result(seq, dict(totals_waiting), epoch))
    messages.append(status(delivered + totals.total(), delivered, dict(totals)))
    if draw(st.booleans()):
        dropped = dict(totals)
        messages.append(
            End(
                camera="door",
                model="m",
                epoch=epoch,
                captured=delivered + totals.total(),
                delivered=delivered,
                dropped=dropped,
            )
        )
    return messages


def first_contradiction(messages: Sequence[Message]) -> str | None:
    audit = Audit()
    return next((wrong for message in messages if (wrong := audit.contradiction(message))), None)


@given(published())
def test_what_is_right_passes(messages: list[Message]) -> None:
    assert first_contradiction(messages) is None


@given(published(), st.data())
def test_a_result_that_is_lost_or_comes_twice_is_found(messages: list[Message], data: st.DataObject) -> None:
    results = [index for index, message in enumerate(messages) if isinstance(message, Result)]
    if not results:
        return
    index = data.draw(st.sampled_from(results))
    assert first_contradiction(messages[:index] + messages[index + 1 :])
    assert first_contradiction(messages[: index + 1] + messages[index:])


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([result(3, {}), result(5, {})], "1 frames are missing before frame 5, but 0 are accounted for"),
        ([result(3, {"paced": 5})], "3 frames are missing before frame 3, but 5 are accounted for"),
        ([result(3, {}, epoch=2), result(9, {}, epoch=1)], "follows frame 3 of epoch 2"),
        ([status(5, 4, {}, 0)], "5 captured do not equal 4 delivered plus dropped: none and 0 in flight"),
        ([status(5, 4, {"paced": 1}), status(6, 6, {})], "6 delivered, but 4 plus 0 were received"),
        ([status(5, 4, {"paced": 1}), status(4, 4, {})], "paced is less than before"),
        ([End(camera="door", model="m", epoch=1, captured=3, delivered=2, dropped={})], "at the end 3 captured"),
        (
            [status(1, 1, {}), End(camera="door", model="m", epoch=1, captured=2, delivered=2, dropped={})],
            "2 results in total, but 1 plus 0 were received",
        ),
    ],
)
def test_what_is_wrong_is_said(messages: list[Message], said: str) -> None:
    wrong = first_contradiction(messages)
    assert wrong
    assert said in wrong
    assert wrong.startswith("door / m: ")


def test_a_new_sink_may_count_again_from_where_it_was_acknowledged() -> None:
    assert first_contradiction([status(9, 9, {}), status(8, 8, {}, sink=8), status(8, 8, {}, sink=8)]) is None


def test_cameras_that_nobody_asked_for_are_left_alone() -> None:
    assert Audit(["yard"]).contradiction(status(5, 4, {}, 0)) is None
