"""The tables of a status: whatever it holds, on whatever terminal."""

from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge_daemon.cli.tables import camera_table, process_table
from edge_daemon.cli.top import picture
from edge_daemon.client import Status

names = st.text("abc-门前é", min_size=1, max_size=20)
states = st.sampled_from(["up", "stalled", "frozen", "connecting", "down (unauthorised)", "finished", "ended"])
counts = st.integers(0, 10**9)
latencies = st.none() | st.fixed_dictionaries({key: st.floats(0, 1e5) for key in ("p50", "p90", "p99")})
cameras = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {
            "state": states,
            "models": st.dictionaries(
                names,
                st.fixed_dictionaries(
                    {
                        "fps": st.floats(0, 1000),
                        "latency_ms": latencies,
                        "delivered": counts,
                        "dropped": st.dictionaries(st.sampled_from(["paced", "still", "stale"]), counts),
                        "found": st.dictionaries(names, st.integers(1, 300)),
                    }
                ),
                max_size=3,
            ),
        },
        optional={"motion": st.fixed_dictionaries({"state": st.sampled_from(["moving", "still"])})},
    ),
    max_size=4,
)
processes = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "role": st.sampled_from(["sink", "dispatcher", "worker", "capture", "web"]),
            "state": states,
            "cpu": st.floats(0, 64),
            "memory_bytes": counts,
            "restarts": st.integers(0, 999),
            "pid": st.none() | st.integers(1, 10**6),
            "detail": st.fixed_dictionaries({}, optional={"provider": st.just("cpu")}),
        }
    ),
    max_size=6,
)


def lines(renderable: Any, width: int) -> list[str]:
    console = Console(width=width, file=StringIO())
    with console.capture() as shown:
        console.print(renderable)
    return shown.get().splitlines()


@given(cameras, processes, st.integers(40, 220), st.floats(0, 99))
def test_it_fits_the_terminal(told: dict[str, Any], table: list[dict[str, Any]], width: int, silent_s: float) -> None:
    status = Status(at="2026-01-01T00:00:00.000000Z", cameras=told, processes=table)
    shown = lines(picture("tcp://127.0.0.1:5555", status, silent_s, width), width)
    assert all(len(line) <= width for line in shown)
    assert ("no word from" in "".join(shown)) == (silent_s > 2.5)


@given(cameras)
def test_each_camera_and_model_has_a_row(told: dict[str, Any]) -> None:
    assert camera_table(told, width=80).row_count == sum(len(camera["models"]) for camera in told.values())


@given(processes)
def test_each_process_has_a_row(table: list[dict[str, Any]]) -> None:
    assert process_table(table, width=80).row_count == len(table)
