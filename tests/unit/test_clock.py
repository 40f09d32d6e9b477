"""A camera's clock, on simulated cameras whose true capture times are known."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.clock import BAD, DRIFT, JUDGED, LATE_S, PATIENCE_S, STEP_S, CameraClock, LeastDelay

WRAP_S = 2**33 / 90_000
MICRO = 1e-6
"""Floats of a day in seconds are good for a hundredth of this."""


@dataclass
class Camera:
    """Packets of a camera whose clock runs `drift` fast, `delays` behind the captures, in the order of a network."""

    fps: float = 25.0
    drift: float = 0.0
    zero_s: float = 0.0
    start_s: float = 100.0

    def packets(self, delays: Sequence[float], order: Sequence[int] | None = None) -> list[tuple[float, float, float]]:
        """Capture time, arrival and stamp of each; `order` is that of decoding."""
        arrived_s, packets = 0.0, []
        newest_s = 0.0
        for place, index in enumerate(order or range(len(delays))):
            captured_s = self.start_s + index / self.fps
            newest_s = max(newest_s, captured_s)  # what is decoded after another picture is sent after it
            arrived_s = max(arrived_s, newest_s + delays[place])
            packets.append((captured_s, arrived_s, self.zero_s + captured_s * (1 + self.drift)))
        return packets


def jitter(most: float = 0.2) -> st.SearchStrategy[list[float]]:
    """Delays of which one in ten is the least, as on a network that is not always busy."""
    return st.lists(st.floats(0, most), min_size=30, max_size=300).map(
        lambda delays: [0.0 if index % 10 == 0 else delay for index, delay in enumerate(delays)]
    )


fps = st.sampled_from([5.0, 10.0, 15.0, 25.0, 30.0, 60.0])
drifts = st.floats(-DRIFT, DRIFT)


@given(fps, drifts, st.floats(-1e5, 1e5), jitter())
def test_stamps_are_mapped_to_the_least_delayed_packet(
    fps: float, drift: float, zero_s: float, delays: list[float]
) -> None:
    """The error is what the clocks can differ by since the last packet that was not delayed."""
    clock, latest, undelayed_s = CameraClock(), -1.0, 0.0
    for captured_s, arrived_s, stamp_s in Camera(fps, drift, zero_s).packets(delays):
        time_s = clock.shown(clock.received(arrived_s, stamp_s))
        undelayed_s = arrived_s if arrived_s == captured_s else undelayed_s
        bound = 2 * DRIFT * (arrived_s - undelayed_s) + MICRO
        assert captured_s - bound <= time_s <= captured_s + bound
        assert latest <= time_s <= arrived_s
        latest = time_s
    assert clock.usable_at(latest)


@given(fps, drifts, jitter(), st.integers(1, 3))
def test_reordered_frames_are_dated_by_their_own_stamps(
    fps: float, drift: float, delays: list[float], between: int
) -> None:
    """B-frames: each group of frames is decoded after the frame that follows it."""
    groups = range(0, len(delays) - between, between + 1)
    order = [index for start in groups for index in (start + between, *range(start, start + between))]
    clock, undelayed_s = CameraClock(), 0.0
    for captured_s, arrived_s, stamp_s in Camera(fps, drift).packets(delays, order):
        time_s = clock.received(arrived_s, stamp_s)
        assert time_s <= arrived_s
        undelayed_s = arrived_s if arrived_s == captured_s else undelayed_s
        if undelayed_s:
            assert abs(time_s - captured_s) <= 2 * DRIFT * (arrived_s - undelayed_s + between / fps) + MICRO


@pytest.mark.parametrize("drift", [-DRIFT, -DRIFT / 10, 0.0, DRIFT / 10, DRIFT])
def test_drift_is_followed_for_a_day(drift: float) -> None:
    clock = CameraClock()
    for second in range(0, 86_400, 7):
        now_s = 1000.0 + second
        time_s = clock.received(now_s, second * (1 + drift))
        assert now_s - 2 * DRIFT * 7 - MICRO <= time_s <= now_s


@given(jitter(0.02), st.floats(0.1, 20.0), st.integers(10, 25))
def test_packets_of_a_burst_are_dated_when_they_were_captured(delays: list[float], pause_s: float, at: int) -> None:
    """A network that stands still for a while gives all that was sent meanwhile at once."""
    packets = Camera().packets(delays)
    resumed_s = packets[at][1] + pause_s
    clock = CameraClock()
    for captured_s, arrived_s, stamp_s in packets:
        time_s = clock.received(max(arrived_s, resumed_s) if arrived_s > packets[at][1] else arrived_s, stamp_s)
        assert abs(time_s - captured_s) <= 2 * DRIFT * (pause_s + 1) + MICRO


@given(st.floats(0, 60), jitter(0.02))
def test_a_camera_that_pauses_goes_on_where_time_is(pause_s: float, delays: list[float]) -> None:
    clock = CameraClock()
    for index, (captured_s, arrived_s, stamp_s) in enumerate(Camera().packets(delays)):
        paused_s = pause_s if index >= 10 else 0.0
        time_s = clock.received(arrived_s + paused_s, stamp_s + paused_s)
        assert abs(time_s - captured_s - paused_s) <= 2 * DRIFT * (pause_s + 1) + MICRO


@given(st.floats(STEP_S + 0.1, 1e6), st.sampled_from([-1, 1]), jitter(0.1))
def test_a_clock_that_is_set_is_followed_at_once(step_s: float, sign: int, delays: list[float]) -> None:
    clock, latest = CameraClock(), 0.0
    for index, (captured_s, arrived_s, stamp_s) in enumerate(Camera().packets(delays)):
        time_s = clock.shown(clock.received(arrived_s, stamp_s + sign * step_s * (index >= 20)))
        assert captured_s - MICRO <= time_s + DRIFT <= arrived_s + DRIFT
        assert time_s <= captured_s + 0.1 + DRIFT, "off by the delay of the first packet after the step at most"
        assert latest <= time_s
        latest = time_s
    assert clock.usable_at(latest)


@given(st.floats(LATE_S + 0.1, STEP_S - 0.1))
def test_a_clock_that_is_set_back_a_little_is_followed_after_a_while(step_s: float) -> None:
    """It cannot be told from packets that are late, but for that all are."""
    clock = CameraClock()
    for captured_s, arrived_s, stamp_s in Camera().packets([0.0] * 250):
        set_back = captured_s > 101.0
        time_s = clock.received(arrived_s, stamp_s - step_s * set_back)
        if captured_s > 101.0 + PATIENCE_S + 0.1:
            assert abs(time_s - captured_s) <= MICRO + DRIFT * 10


@given(st.integers(0, 250), drifts, st.booleans())
def test_stamps_that_start_over_go_on(at: int, drift: float, reordered: bool) -> None:
    """MPEG-TS counts to 2^33. Packets around the overflow may be late or out of order, and nothing is forgotten."""
    order = [index ^ reordered for index in range(252)]
    packets = Camera(drift=drift).packets([0.1 if index % 16 < 10 else 0.0 for index in range(252)], order)
    offset_s = WRAP_S - packets[at][2]
    clock = CameraClock(WRAP_S)
    for index, (captured_s, arrived_s, stamp_s) in enumerate(packets):
        time_s = clock.received(arrived_s, (stamp_s + offset_s) % WRAP_S)
        if index > 16:
            assert abs(time_s - captured_s) <= 0.04 * reordered + 2 * DRIFT + MICRO
    assert clock.usable_at(packets[-1][1])


@pytest.mark.parametrize("stamp_s", [None, 5.0])
def test_of_stamps_that_are_missing_or_all_equal_the_arrival_remains(stamp_s: float | None) -> None:
    clock = CameraClock()
    for index in range(2 * JUDGED):
        now_s = 100.0 + index / 25
        assert clock.received(now_s, stamp_s) == now_s
        assert clock.usable_at(now_s) == (index < BAD - (stamp_s is None))


@given(st.lists(st.floats(0, 1e6), min_size=3 * JUDGED, max_size=3 * JUDGED))
def test_random_stamps_are_unusable(stamps: list[float]) -> None:
    clock, late = CameraClock(), 0
    for index, stamp_s in enumerate(stamps):
        now_s = 100.0 + index / 25
        late += clock.received(now_s, stamp_s) != now_s
    if len(set(stamps)) > JUDGED:
        assert late <= JUDGED


@pytest.mark.parametrize("speed", [0.0, 0.5, 0.9, 1.1, 2.0, 100.0])
def test_a_clock_of_another_speed_does_no_great_harm(speed: float) -> None:
    clock = CameraClock()
    for index in range(3000):
        now_s = 100.0 + index / 25
        time_s = clock.received(now_s, now_s * speed)
        assert now_s - PATIENCE_S - 2 * LATE_S <= time_s <= now_s
    assert clock.usable_at(now_s) == (1 < speed < 50), "one that is fast looks like packets that come ever sooner"


@pytest.mark.parametrize("by_s", [-3600.0, -10.0, 10.0, 3600.0])
def test_a_clock_that_jumps_back_and_forth_is_unusable(by_s: float) -> None:
    clock = CameraClock()
    for index in range(500):
        now_s = 100.0 + index / 25
        time_s = clock.received(now_s, now_s + by_s * (int(now_s) % 2))
        assert now_s - DRIFT <= time_s <= now_s
    assert not clock.usable_at(now_s)


def test_stamps_that_become_usable_are_used_again() -> None:
    clock = CameraClock()
    for index in range(JUDGED):
        clock.received(100 + index / 25, None)
    assert not clock.usable_at(103)
    for captured_s, arrived_s, stamp_s in Camera(start_s=110.0).packets([0.02, 0.0] * JUDGED):
        off_s = abs(clock.received(arrived_s, stamp_s) - captured_s)
    assert off_s < DRIFT
    assert clock.usable_at(arrived_s)


def test_single_stamps_that_are_missing_change_nothing_for_the_others() -> None:
    clock = CameraClock()
    for index, (captured_s, arrived_s, stamp_s) in enumerate(Camera().packets([0.0, 0.03] * 200)):
        missing = index % 10 == 5
        time_s = clock.received(arrived_s, None if missing else stamp_s)
        assert time_s == arrived_s if missing else abs(time_s - captured_s) < DRIFT
    assert BAD > JUDGED // 10 + 1


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(-1e6, 1e6)), max_size=300))
def test_whatever_a_camera_sends_time_neither_runs_back_nor_ahead(packets: list[tuple[float, float | None]]) -> None:
    clock, now_s, latest = CameraClock(WRAP_S), 1000.0, 0.0
    for later_s, stamp_s in packets:
        now_s += later_s
        time_s = clock.shown(clock.received(now_s, stamp_s))
        assert latest <= time_s <= now_s
        latest = time_s


@given(st.lists(st.floats(0, 10), min_size=1, max_size=100), st.floats(0.01, 1))
def test_the_least_delay_is_never_more_than_the_last(delays: list[float], late_s: float) -> None:
    least = LeastDelay(late_s)
    for number, delay_s in enumerate(delays):
        assert least.add(delay_s, number / 10) <= delay_s + MICRO
    for earlier, later in itertools.pairwise(range(len(delays), len(delays) + 80)):
        assert least.add(3.0, later / 10) >= least.at(earlier / 10) - MICRO
    assert least.at(later / 10) >= 3.0 - late_s - MICRO, "a delay that lasts becomes the least"
