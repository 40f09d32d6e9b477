"""The states that a sink leaves to the next one."""

import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.accounting import Acks, StreamState
from edge_daemon.messages.recording import Record
from edge_daemon.sink.checkpoint import LIMIT_BYTES, Checkpoint
from edge_daemon.sink.outbox import Outbox


def state(seq: int, camera: str = "a") -> Acks:
    return Acks(streams=[StreamState(camera=camera, model="m", epoch=1, resolved=seq, published=seq)])


def note(checkpoint: Checkpoint, acks: Acks, written: int = -1) -> None:
    checkpoint.note(acks.streams, {}, [written])


@given(steps=st.integers(1, 5), cut=st.integers(0, 80), data=st.binary(max_size=40))
def test_the_whole_part_of_a_torn_file_counts(
    tmp_path_factory: pytest.TempPathFactory, steps: int, cut: int, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("m") / "checkpoint"
    checkpoint = Checkpoint(path)
    sizes = [path.stat().st_size]
    for seq in range(steps):
        note(checkpoint, state(seq))
        sizes.append(path.stat().st_size)
    checkpoint.close()
    length = max(0, sizes[-1] - cut)
    path.write_bytes(path.read_bytes()[:length])
    whole = sum(size <= length for size in sizes) - 2
    after = Checkpoint(path)
    assert [one.resolved for one in after.states] == ([whole] if whole >= 0 else [])
    after.close()
    path.write_bytes(path.read_bytes() + data)
    Checkpoint(path).close()  # any bytes are harmless


def test_it_does_not_grow_without_limit(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    for seq in range(10_000):
        note(checkpoint, state(seq, "ab"[seq % 2]))
    assert (tmp_path / "checkpoint").stat().st_size <= LIMIT_BYTES + 1000
    checkpoint.close()
    after = Checkpoint(tmp_path / "checkpoint")
    assert sorted(one.resolved for one in after.states) == [9998, 9999]
    after.close()


def test_states_of_tracks_and_lengths_of_files_are_kept(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    checkpoint.note(state(1).streams, {("a", "m"): b"tracks"}, [100, -1])
    checkpoint.note(state(2, "b").streams, {}, [200, -1])
    checkpoint.close()
    after = Checkpoint(tmp_path / "checkpoint")
    assert (after.analyses, after.lengths) == ({("a", "m"): b"tracks"}, [200, -1])
    after.close()


def test_what_is_made_after_the_recorder_had_all_is_left_too(tmp_path: Path) -> None:
    path, address = tmp_path / "checkpoint", f"ipc://{tmp_path}/nobody"
    checkpoint = Checkpoint(path)
    checkpoint.note([], {}, [], [Record(number=number, body=b"{}", precious=True) for number in (1, 2)], 0)
    checkpoint.note([], {}, [], [], 2)
    checkpoint.close()
    checkpoint = Checkpoint(path)
    assert checkpoint.records == []
    outbox = Outbox(address, checkpoint.records, checkpoint.last_record)
    outbox.add(("a", "m"), b"[]", precious=True)
    checkpoint.note([], {}, [], outbox.take(), outbox.kept)
    outbox.close()
    checkpoint.close()
    after = Checkpoint(path)
    assert [one.body for one in after.records] == [b"[]"]
    assert after.last_record == 3
    after.close()


def test_states_from_before_the_disk_was_full_are_not_left_to_the_next(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    note(checkpoint, state(1))
    size = (tmp_path / "checkpoint").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # of the next record only a part is written
    try:
        note(checkpoint, state(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    note(checkpoint, state(3))
    after = Checkpoint(tmp_path / "checkpoint")
    assert after.states == [], "the dispatcher knows newer ones"
    after.close()


def test_a_full_disk_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = Checkpoint(Path("/dev/full/checkpoint"))
    note(checkpoint, state(1))
    note(checkpoint, state(2))
    assert caplog.text.count("cannot write") == 1
    assert [one.resolved for one in checkpoint.states] == [2]
