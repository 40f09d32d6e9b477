"""Where a worker had come outlives it."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_daemon.runtime.crash_marker import NOTHING, CrashMarker, FrameId, InHand, read
from edge_daemon.transport.zeromq import ipc

INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pictures=st.lists(st.builds(FrameId, st.text(max_size=64), INT64, INT64) | INT64, min_size=1, max_size=4))
def test_the_last_picture_is_read(tmp_path: Path, pictures: list[InHand]) -> None:
    inbox = ipc(tmp_path, "worker-1")
    marker = CrashMarker(inbox)
    assert read(f"{inbox}-{os.getpid()}") == NOTHING, "it died before it began one"
    for picture in pictures:
        marker.put(picture)
        assert read(f"{inbox}-{os.getpid()}") == picture
    marker.close()
    assert read(f"{inbox}-{os.getpid()}") == pictures[-1]


def test_nothing_is_known_of_a_worker_without_one(tmp_path: Path) -> None:
    inbox = ipc(tmp_path, "worker-1")
    assert read(f"{inbox}-1") is None
    (tmp_path / "at-worker-1-1").write_bytes(b"torn")
    assert read(f"{inbox}-1") is None


def test_those_of_workers_that_are_gone_are_removed(tmp_path: Path) -> None:
    for name in (f"at-worker-1-{os.getppid()}", "at-worker-1-4194305", "at-worker-2-4194305"):
        (tmp_path / name).touch()
    CrashMarker(ipc(tmp_path, "worker-1")).close()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([f"at-worker-1-{os.getpid()}", f"at-worker-1-{os.getppid()}", "at-worker-2-4194305"])


def test_where_there_can_be_no_file_none_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marker = CrashMarker(ipc(tmp_path / "nowhere", "worker-1"))
    marker.put(FrameId("door", 1, 2))
    marker.close()
    assert "cannot write the crash marker" in caplog.text
