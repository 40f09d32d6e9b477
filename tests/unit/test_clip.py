"""The times of a clip's packets: when each is shown, and when it is decoded."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.media.clip import TICKS, USUAL_S, clean_end, in_ticks, timeline
from edge_daemon.media.packets import Packet


def packet(arrived_s: float, stamp_s: float | None, *, time_s: float | None = None) -> Packet:
    time_s = arrived_s if time_s is None else time_s
    return Packet(data=b"x", size=1, key=False, arrived_s=arrived_s, stamp_s=stamp_s, time_s=time_s, duration_s=0.04)


@st.composite
def decoding_orders(draw: st.DrawFn) -> list[int]:
    """Presentation order of frames in order of decoding: groups in which a later frame comes first."""
    order: list[int] = []
    while len(order) < 40:
        group = draw(st.permutations(range(draw(st.integers(1, 8)))))
        order += [len(order) + index for index in group]
    return order


@given(decoding_orders(), st.floats(1, 120), st.floats(-1e5, 1e5))
def test_decoding_times_rise_and_are_not_after_presentation(order: list[int], fps: float, first_s: float) -> None:
    shown, decoded = in_ticks([first_s + index / fps for index in order])
    assert [sorted(shown).index(time) for time in shown] == order
    assert all(later > earlier for earlier, later in pairwise(decoded))
    assert all(dts <= pts for pts, dts in zip(shown, decoded, strict=True))
    held = max(index - place for index, place in enumerate(order))
    assert shown[0] - decoded[0] <= (held + order[0] + 1) * TICKS / fps + 1, "no earlier than it has to be"


@given(st.lists(st.floats(0, 5), min_size=1, max_size=100))
def test_times_that_repeat_are_told_apart(times_s: list[float]) -> None:
    shown, decoded = in_ticks(times_s)
    assert len(set(shown)) == len(shown)
    assert all(later > earlier for earlier, later in pairwise(decoded))
    assert all(dts <= pts for pts, dts in zip(shown, decoded, strict=True))


def test_stamps_are_used_where_they_hold_together() -> None:
    burst = [packet(10.0 + 0.001 * index, index * 0.04) for index in range(8)]
    live = [packet(10.0 + 0.04 * index, index * 0.04) for index in range(8, 100)]
    assert timeline(burst + live)[0] == pytest.approx([index * 0.04 for index in range(100)])


def test_a_missing_stamp_follows_from_its_neighbours() -> None:
    stamps: list[float | None] = [index * 0.04 for index in range(50)]
    stamps[0] = stamps[20] = None  # RTSP sends the first packet without
    made = timeline([packet(5 + index * 0.04, stamp_s) for index, stamp_s in enumerate(stamps)])[0]
    assert made == pytest.approx([index * 0.04 for index in range(50)])


OTHER_STAMPS: dict[str, Callable[[int], float | None]] = {
    "none": lambda _: None,
    "all equal": lambda _: 7.0,
    "set ahead": lambda index: index * 0.04 + 3600.0 * (index > 25),
    "set back": lambda index: index * 0.04 - 3.0 * (index > 25),
    "too slow": lambda index: index * 0.004,
    "too fast": lambda index: index * 0.4,
}


@pytest.mark.parametrize("kind", OTHER_STAMPS)
def test_other_stamps_are_not(kind: str) -> None:
    made = [packet(5 + index * 0.04, OTHER_STAMPS[kind](index)) for index in range(100)]
    assert timeline(made)[0] == [one.time_s for one in made]


def test_one_packet_is_a_clip_too() -> None:
    assert timeline([packet(5.0, 2.0)])[0] == [2.0]
    assert in_ticks([2.0]) == ([2 * TICKS], [2 * TICKS])
    assert round(USUAL_S * TICKS) > 0


@given(decoding_orders(), st.floats(0.01, 3))
def test_a_clip_holds_all_frames_up_to_its_end(order: list[int], seconds: float) -> None:
    times_s = [index / 25 for index in order]
    end = clean_end(times_s, seconds)
    kept, left = sorted(times_s[:end]), times_s[end:]
    assert kept == [index / 25 for index in range(end)], "without a gap"
    assert all(time_s >= seconds for time_s in left)
    assert end <= 25 * seconds + 9, "and few more: those that others refer to"
