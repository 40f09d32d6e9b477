"""The model of a machine: what has to hold whatever was measured."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.bench.machine import SPARE, Arrangement, Live, Machine, Speed, Transport

ms = st.floats(0.1, 100)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    cores = draw(st.integers(1, 16))
    speeds = [
        Speed(workers=workers, threads=threads, service_ms=draw(ms), cpu_ms=draw(ms))
        for threads in (1, 2, 4)
        if threads <= cores
        for workers in sorted({1, cores // threads})
    ]
    transport = st.builds(Transport, cpu_ms=ms, gap_ms=ms, used=st.floats(0.5, 1))
    return Machine(
        cores=cores,
        camera_fps=draw(st.floats(1, 60)),
        decode_ms=draw(ms),
        convert_ms=draw(ms),
        transports={"auto": draw(transport), "jpeg": draw(transport)},
        speeds=speeds,
        live=draw(st.builds(Live, cpu_ms=st.floats(0, 5), gap_ms=st.floats(0, 5), used=st.floats(0.5, 1))),
    )


@given(machine=machines(), fps=st.floats(0.1, 60))
def test_the_best_is_as_good_as_any_or_nearly(machine: Machine, fps: float) -> None:
    best = machine.best(fps)
    assert best.workers * best.threads <= machine.cores
    assert all(machine.cameras(best, fps) >= 0.97 * machine.cameras(other, fps) for other in machine.choices())


@given(machine=machines(), fps=st.floats(0.1, 60), more=st.floats(1, 4))
def test_more_frames_of_each_are_fewer_cameras(machine: Machine, fps: float, more: float) -> None:
    for choice in machine.choices():
        assert machine.cameras(choice, fps * more) <= machine.cameras(choice, fps)


@given(machine=machines())
def test_as_many_cameras_as_fit_are_looked_at_wholly(machine: Machine) -> None:
    for choice in machine.choices():
        count = int(machine.cameras(choice, machine.camera_fps))
        assert machine.live_fps(choice, count) == pytest.approx(count * machine.camera_fps)


@given(machine=machines(), cameras=st.integers(0, 200))
def test_cores_and_workers_bound_what_is_looked_at(machine: Machine, cameras: int) -> None:
    for choice in machine.choices():
        speed, transport = machine.speed(choice.workers, choice.threads), machine.transports[choice.codec]
        fps = machine.live_fps(choice, cameras)
        assert 0 <= fps <= 1e3 * choice.workers / speed.service_ms
        spent_ms = cameras * machine.camera_fps * machine.decode_ms
        spent_ms += fps * (machine.convert_ms + speed.cpu_ms + transport.cpu_ms)
        assert fps == 0 or spent_ms <= 1e3 * machine.cores * (1 + 1e-9)


def test_figures_by_hand() -> None:
    machine = Machine(
        cores=4,
        camera_fps=25,
        decode_ms=4,
        convert_ms=1,
        transports={"auto": Transport(cpu_ms=5, gap_ms=2, used=0.9)},
        speeds=[
            Speed(workers=1, threads=1, service_ms=20, cpu_ms=20),
            Speed(workers=4, threads=1, service_ms=26, cpu_ms=26),
        ],
        live=Live(cpu_ms=2, gap_ms=3, used=0.8),
    )
    assert machine.speed(2, 1).service_ms == pytest.approx(22)
    one, all_of_them = Arrangement(1, 1, "auto"), Arrangement(4, 1, "auto")
    assert machine.lossless_fps(one) == pytest.approx(1000 / 22)
    assert machine.lossless_fps(all_of_them) == pytest.approx(3600 / (4 + 1 + 5 + 26))
    assert machine.live_fps(all_of_them, 5) == pytest.approx((3200 - 5 * 25 * 4) / (1 + 5 + 26 + 2))
    assert machine.live_fps(one, 5) == pytest.approx(1000 / (20 + 2 + 3))
    assert machine.cameras(all_of_them, 10) == pytest.approx((1 - SPARE) * 3200 / (25 * 4 + 10 * 34))
    assert machine.best(25) == Arrangement(3, 1, "auto"), "a fourth worker would find no core free"
    paired = replace(machine, speeds=[Speed(workers=2, threads=2, service_ms=12, cpu_ms=20)])
    held = "while one of its threads waits for a core, the other has nothing to do"
    assert paired.lossless_fps(Arrangement(2, 2, "auto")) == pytest.approx(3600 / (4 + 1 + 5 + 2 * 12)), held
