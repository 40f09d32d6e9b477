"""The tables of a status, for any status and any width of the terminal."""

from io import StringIO
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge_daemon.cli.tables import camera_table, process_table
from edge_daemon.cli.top import picture
from edge_daemon.messages.status import CameraStatus, MotionStatus, ProcessStatus, Status, StreamCounts
from tests.statuses import process

names = st.text("abc-门前é", min_size=1, max_size=20)
states = st.sampled_from(["up", "stalled", "frozen", "connecting", "down (unauthorised)", "finished", "ended"])
counts = st.integers(0, 10**9)
streams = st.builds(
    StreamCounts,
    captured=counts,
    delivered=counts,
    dropped=st.dictionaries(st.sampled_from(["paced", "still", "stale"]), counts),
    in_flight=counts,
    fps=st.floats(0, 1000),
    latency_ms=st.just({}) | st.fixed_dictionaries({key: st.floats(0, 1e5) for key in ("p50", "p90", "p99")}),
    found=st.dictionaries(names, st.integers(1, 300)),
)
motions = st.builds(MotionStatus, state=st.sampled_from(["moving", "still"]), since=st.just(""), passed=st.floats(0, 1))
cameras = st.dictionaries(
    names,
    st.builds(
        CameraStatus,
        state=states,
        models=st.dictionaries(names, streams, max_size=3),
        motion=st.just(msgspec.UNSET) | motions,
    ),
    max_size=4,
)
processes = st.lists(
    st.builds(
        ProcessStatus,
        name=names,
        role=st.sampled_from(["sink", "dispatcher", "worker", "capture", "web", "bridge"]),
        state=states,
        cpu=st.floats(0, 64),
        memory_bytes=counts,
        restarts=st.integers(0, 999),
        pid=st.none() | st.integers(1, 10**6),
        detail=st.fixed_dictionaries({}, optional={"provider": st.just("cpu")}),
    ),
    max_size=6,
)


def lines(renderable: Any, width: int) -> list[str]:
    console = Console(width=width, file=StringIO())
    with console.capture() as shown:
        console.print(renderable)
    return shown.get().splitlines()


@given(cameras, processes, st.integers(40, 220), st.floats(0, 99))
def test_it_fits_the_terminal(
    shown: dict[str, CameraStatus], table: list[ProcessStatus], width: int, age_s: float
) -> None:
    status = Status(at="2026-01-01T00:00:00.000000Z", cameras=shown, processes=table)
    screen = lines(picture("tcp://127.0.0.1:5555", status, age_s, width), width)
    assert all(len(line) <= width for line in screen)
    assert ("no status from" in "".join(screen)) == (age_s > 2.5)


@given(cameras)
def test_each_camera_and_model_has_a_row(told: dict[str, CameraStatus]) -> None:
    assert camera_table(told, width=80).row_count == sum(len(camera.models) for camera in told.values())


@given(processes)
def test_each_process_has_a_row(table: list[ProcessStatus]) -> None:
    assert process_table(table, width=80).row_count == len(table)


def test_processes_of_every_kind_are_shown_in_the_order_of_the_status() -> None:
    table = [process("sink"), process("worker", "m-0", detail={"provider": "cuda"}), process("bridge", "home")]
    shown = lines(process_table([*table, process("web")], width=200), 200)
    assert [line.split("  ")[0] for line in shown[1:]] == ["sink", "worker m-0", "bridge home", "web"]
    assert "cuda" in shown[2]
