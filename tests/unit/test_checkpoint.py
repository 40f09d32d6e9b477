"""The states that a sink leaves to the next one, in a file, and in the lines of its results."""

import resource
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.accounting import Acks, StreamState
from edge_daemon.sink.checkpoint import LIMIT_BYTES, Checkpoint, EndLine, Line, ResultLine, caught_up

RESULT = b'{"type": "result", "camera": "a", "model": "m", "epoch": 1, "seq": 7, "dropped": {}}\n'
Step = tuple[str, int, dict[str, int]]
steps = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.integers(1, 2), st.dictionaries(st.sampled_from(["paced", "late"]), st.integers(1, 3))
    ),
    max_size=20,
)


def published(history: list[Step]) -> list[tuple[Line, StreamState]]:
    """The lines that are written, each with the state of its stream after it; cameras may begin a new epoch."""
    now: dict[str, StreamState] = {}
    written = []
    for camera, epoch, dropped in history:
        state = now.get(camera) or StreamState(camera=camera, model="m", epoch=epoch)
        if epoch > state.epoch:
            state = msgspec.structs.replace(state, epoch=epoch, resolved=-1, published=-1)
        seq = state.published + 1 + sum(dropped.values())
        line: Line = ResultLine(camera=camera, model="m", epoch=state.epoch, seq=seq, dropped=dropped)
        now[camera] = msgspec.structs.replace(
            state,
            resolved=seq,
            published=seq,
            delivered=state.delivered + 1,
            dropped=dict(Counter(state.dropped) + Counter(dropped)),
        )
        written.append((line, now[camera]))
    return written


def last(states: list[StreamState]) -> dict[str, StreamState]:
    return {state.camera: state for state in states}


@given(history=steps, known=st.integers(0, 20))
def test_lines_make_up_for_states_that_were_not_noted(history: list[Step], known: int) -> None:
    written = published(history)
    noted = list(last([state for _, state in written[:known]]).values())
    again = [line for line, _ in written[max(0, known - 3) :]]  # some are known already
    assert last(caught_up(noted, again)) == last([state for _, state in written])


def test_a_gap_that_was_noted_is_not_counted_again() -> None:
    state = StreamState(camera="a", model="m", epoch=1, resolved=3, published=1, gap={"late": 2}, dropped={"late": 5})
    line = ResultLine(camera="a", model="m", epoch=1, seq=5, dropped={"late": 2, "paced": 1})
    (after,) = caught_up([state], [line])
    assert (after.resolved, after.dropped, after.gap) == (5, {"late": 5, "paced": 1}, {})


@given(
    history=steps, lost=st.dictionaries(st.sampled_from(["late", "shutdown"]), st.integers(1, 3)), twice=st.booleans()
)
def test_an_end_makes_up_for_what_was_dropped_last(history: list[Step], lost: dict[str, int], twice: bool) -> None:
    before = last([state for _, state in published(history)])
    noted = list(before.values()) or [StreamState(camera="a", model="m", epoch=1)]
    ends = [
        EndLine(
            camera=one.camera,
            model="m",
            epoch=one.epoch,
            captured=one.delivered + sum(dropped.values()),
            dropped=dropped,
        )
        for one in noted
        for dropped in [dict(Counter(one.dropped) + Counter(lost))]
    ]
    after = caught_up(noted, ends * (1 + twice))
    for state, now in zip(noted, after, strict=True):
        assert (now.finished, now.delivered, now.published) == (True, state.delivered, state.published)
        assert now.resolved == state.resolved + sum(lost.values())
        assert Counter(now.dropped) == Counter(state.dropped) + Counter(lost)
        assert now.gap == lost


def test_the_end_of_another_epoch_is_left_to_be_repeated() -> None:
    state = StreamState(camera="a", model="m", epoch=1, resolved=3, published=3, delivered=4)
    line = EndLine(camera="a", model="m", epoch=2, captured=9, dropped={"worker-lost": 5})
    assert caught_up([state], [line]) == [state]


def state(seq: int, camera: str = "a") -> Acks:
    return Acks(streams=[StreamState(camera=camera, model="m", epoch=1, resolved=seq, published=seq)])


def note(checkpoint: Checkpoint, acks: Acks, written: int = -1) -> None:
    checkpoint.note(acks, written)


@given(steps=st.integers(1, 5), cut=st.integers(0, 80), data=st.binary(max_size=40))
def test_the_whole_part_of_a_torn_file_counts(
    tmp_path_factory: pytest.TempPathFactory, steps: int, cut: int, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("m") / "checkpoint"
    checkpoint = Checkpoint(path, None)
    sizes = [path.stat().st_size]
    for seq in range(steps):
        note(checkpoint, state(seq))
        sizes.append(path.stat().st_size)
    checkpoint.close()
    length = max(0, sizes[-1] - cut)
    path.write_bytes(path.read_bytes()[:length])
    whole = sum(size <= length for size in sizes) - 2
    after = Checkpoint(path, None)
    assert [one.resolved for one in after.states] == ([whole] if whole >= 0 else [])
    after.close()
    path.write_bytes(path.read_bytes() + data)
    Checkpoint(path, None).close()  # any bytes are harmless


def test_it_does_not_grow_without_limit(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", None)
    for seq in range(10_000):
        note(checkpoint, state(seq, "ab"[seq % 2]))
    assert (tmp_path / "checkpoint").stat().st_size <= LIMIT_BYTES + 1000
    checkpoint.close()
    after = Checkpoint(tmp_path / "checkpoint", None)
    assert sorted(one.resolved for one in after.states) == [9998, 9999]
    after.close()


def test_lines_of_an_earlier_run_are_ignored(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.write_bytes(RESULT)
    checkpoint = Checkpoint(tmp_path / "checkpoint", results, results.stat().st_size)
    assert checkpoint.states == []
    checkpoint.close()
    with results.open("ab") as file:
        file.write(
            b'not JSON\n{"type": "result", "camera": "a", "model": "m", "epoch": 2, "seq": 0, "dropped": {}}\n{"torn'
        )
    after = Checkpoint(tmp_path / "checkpoint", results, results.stat().st_size)
    assert [(one.epoch, one.published) for one in after.states] == [(2, 0)]
    after.close()


def test_lines_that_are_still_to_be_replaced_are_ignored(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.write_bytes(RESULT)
    for _ in range(2):  # the sink dies before its first result
        checkpoint = Checkpoint(tmp_path / "checkpoint", results, 0)
        assert checkpoint.states == []
        checkpoint.close()


def test_states_from_before_the_disk_was_full_are_not_left_to_the_next(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", None)
    note(checkpoint, state(1))
    size = (tmp_path / "checkpoint").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # of the next record only a part is written
    try:
        note(checkpoint, state(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    note(checkpoint, state(3))
    after = Checkpoint(tmp_path / "checkpoint", None)
    assert after.states == [], "the dispatcher knows newer ones"
    after.close()


def test_a_full_disk_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = Checkpoint(Path("/dev/full/checkpoint"), None)
    note(checkpoint, state(1))
    note(checkpoint, state(2))
    assert caplog.text.count("cannot write") == 1
    assert [one.resolved for one in checkpoint.states] == [2]
