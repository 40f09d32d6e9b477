"""The tables of a status, for any status and any width of the terminal."""

import logging
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, Group
from rich.text import Text

from edge_daemon.cli.sentences import counted_in, in_brief
from edge_daemon.cli.show import SUMMARIES_S, LogLines
from edge_daemon.cli.tables import Order, camera_table, process_table, rows
from edge_daemon.cli.top import KEYS, View, picture
from edge_daemon.messages.status import CameraStatus, MotionStatus, ProcessStatus, Status, StreamCounts, Totals
from tests.statuses import camera, process, stream_counts

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
    totals=st.just(msgspec.UNSET)
    | st.builds(
        Totals,
        events=st.dictionaries(names, counts, max_size=2),
        lines=st.dictionaries(names, st.just({"person": {"in": 3, "out": 1}}), max_size=2),
        zones=st.dictionaries(names, st.dictionaries(names, counts, max_size=2), max_size=2),
    ),
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


def many(count: int) -> dict[str, CameraStatus]:
    busy = stream_counts(10**7, 10**7, {"replaced": 51, "stale": 1, "paced": 10**6}, fps=5.0, found={"person": 3})
    slow = msgspec.structs.replace(busy, latency_ms={"p50": 43.0, "p99": 1234.0})
    found = {f"loading-dock-{number}": camera("up", objects=busy, faces=slow) for number in range(count)}
    return found | {"yard": camera("down (unauthorised)", objects=stream_counts())}


def test_many_cameras_take_one_line_each_and_the_down_ones_come_first() -> None:
    for count in (16, 64):
        shown = lines(camera_table(many(count), width=110), 110)
        assert len(shown) == 1 + 2 * count + 1
        assert shown[1].startswith("yard")
        assert "loading-dock-0" in shown[2]
        assert " 52 " in shown[2], "lost frames are counted, those that were left out by fps are not"


@given(cameras, st.sampled_from(["state", "name", "fps", "latency", "lost"]))
def test_every_order_has_every_row_once(shown: dict[str, CameraStatus], order: Order) -> None:
    found = rows(shown, order)
    wanted = {(name, model) for name, one in shown.items() for model in one.models}
    assert {(row.name, row.model) for row in found} == wanted
    assert len(found) == len(wanted)


def test_keys_sort_show_details_and_scroll() -> None:
    view, status = View(), Status(at="2026-01-01T00:00:00Z", cameras=many(64), processes=[process("sink")] * 20)
    console = Console(width=110, height=24, file=StringIO())

    def shown() -> list[str]:
        return lines(view.visible(console, Group(picture("", status, 0.0, 110, view), Text(KEYS))), 110)

    first = shown()
    assert len(first) == 24
    assert first[-1].startswith("q quit")
    assert "yard" in "".join(first)
    view.typed("l")
    assert "1234 ms" in shown()[3]
    view.typed("j" * 5)
    assert shown()[0] != first[0]
    view.typed("k" * 9)
    assert shown()[0] == first[0]
    view.typed("d")
    assert "51 replaced" in "".join(shown())
    view.typed("j" * 1000)
    assert "sink" in "".join(shown())


def test_a_summary_counts_what_came_since_the_last() -> None:
    before = {"door": {"m": stream_counts(10, 8, {"replaced": 2})}}
    now = {
        "door": camera("up", m=stream_counts(40, 30, {"replaced": 5, "paced": 5}, fps=5.0, latency_ms={"p99": 20.0})),
        "yard": camera("stalled", m=stream_counts(2, 2)),
    }
    assert in_brief(Status(at="", cameras=now, processes=[]), before) == (
        "1 of 2 cameras up, 5.0 results/s, latency p99 at most 20 ms, 24 results since the last summary, "
        "lost: 3 replaced; not up: yard stalled"
    )


def test_a_summary_waits_for_a_status_with_cameras(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    caplog.set_level(logging.INFO, "edge_daemon")
    lines = LogLines(lambda: now)
    there = Status(at="", cameras={"door": camera("up")}, processes=[])
    lines.update(there)
    now = SUMMARIES_S[0]
    for status in (Status(at="", cameras={}, processes=[]), there, there):  # the sink has just been started again
        lines.update(status)
    assert [record.message.split(",")[0] for record in caplog.records] == ["1 of 1 camera up"]


@given(
    st.sampled_from(["[/x]person", "[red]person", "[bold", "a\x1b]0;title\x07b", "a\nb", "\x9b2J"]),
    st.integers(20, 200),
)
def test_names_are_no_markup_and_reach_no_terminal_raw(name: str, width: int) -> None:
    counts = stream_counts(7, 7, found={name: 3})
    shown = StringIO()
    console = Console(file=shown, width=width, force_terminal=False)
    console.print(camera_table({name: camera(f"down ({name})", **{name: counts})}, width=width))
    console.print(process_table([process("worker", name, f"down ({name})", detail={"provider": name})], width=width))
    assert all(line.isprintable() for line in shown.getvalue().split("\n"))
    if width > 150 and name.startswith("["):
        assert name in shown.getvalue()


def test_what_is_counted_is_in_words() -> None:
    counted = Totals(
        events={"visitor": 2, "gate": 1},
        lines={"gate": {"person": {"in": 3, "out": 1}, "car": {"in": 1, "out": 0}}},
        zones={"drive": {"person": 2, "car": 1}},
    )
    assert (
        counted_in(msgspec.structs.replace(stream_counts(), totals=counted)) == "3 in drive, gate 4 in 1 out, 3 events"
    )
    assert counted_in(stream_counts()) == ""
