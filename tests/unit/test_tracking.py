"""The tracker, by its properties: whatever the rate, the order, the unit and the account of frames in between."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.findings import Detection
from edge_daemon.tracking.agility import Agility
from edge_daemon.tracking.association import Expected, pairs
from edge_daemon.tracking.boxes import Boxes, Floats, centred, overlaps
from edge_daemon.tracking.camera_motion import CameraMotion
from edge_daemon.tracking.certainty import MOST, USUAL, Certainty
from edge_daemon.tracking.gap import NOTHING, Gap, gap_s
from edge_daemon.tracking.motion import REST_S, Motion, Offset, Passing
from edge_daemon.tracking.stream import Moment, Stream, StreamTracks
from edge_daemon.tracking.track import PATIENCE_LOOKS, PATIENCE_S
from edge_daemon.tracking.tracker import Tracker, TrackerState

WIDTH, HEIGHT = 4000, 1000
Scene = list[tuple[float, float, float, float]]
steps = st.lists(st.floats(0.02, 0.6), min_size=2, max_size=25)
speeds = st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=4)


def found(box: Sequence[float], confidence: float = 0.9, class_id: int = 0) -> Detection:
    left, top, right, bottom = box
    name = ("person", "car", "truck")[class_id]
    return Detection(xyxy=(left, top, right, bottom), confidence=confidence, class_id=class_id, class_name=name)


def walker(lane: int, x: float, size: float = 200.0) -> tuple[float, float, float, float]:
    """A box in one of several lanes, whose foot is at x."""
    return x - size / 4, lane * 2 * size, x + size / 4, lane * 2 * size + size


def look(tracker: Tracker, scene: Sequence[Detection], time_s: float, gap: Gap = NOTHING) -> list[int | None]:
    return tracker.update(Boxes.of(scene, (WIDTH, HEIGHT)), time_s, gap)


def watch(tracker: Tracker, scenes: Sequence[tuple[float, Sequence[Detection]]]) -> list[list[int | None]]:
    return [look(tracker, scene, time_s) for time_s, scene in scenes]


def street(velocities: list[float], times: Sequence[float]) -> list[tuple[float, list[Detection]]]:
    """Walkers in lanes of their own, with velocities in their heights a second."""
    return [
        (t, [found(walker(lane, 500 + 200 * velocity * t)) for lane, velocity in enumerate(velocities)]) for t in times
    ]


@given(speeds, steps)
def test_who_walks_evenly_keeps_one_number_at_any_rate(velocities: list[float], dts: list[float]) -> None:
    seen = watch(Tracker(), street(velocities, np.cumsum(dts).tolist()))
    assert seen[0] == [None] * len(velocities)
    assert seen[1:] == [list(range(1, len(velocities) + 1))] * (len(dts) - 1)


@given(speeds, steps, st.floats(0.99, 1.01))
def test_a_time_step_that_is_almost_the_usual_one_changes_nothing(
    velocities: list[float], dts: list[float], almost: float
) -> None:
    times = np.cumsum(dts)
    jittered = [float(times[0]), *(times[0] + np.cumsum(np.array(dts[1:]) * almost)).tolist()]
    scenes = street(velocities, times.tolist())
    late = [(t, scene) for t, (_, scene) in zip(jittered, scenes, strict=True)]
    assert watch(Tracker(), scenes) == watch(Tracker(), late)


@given(st.floats(0.02, 2.0), st.floats(1e-9, 1e-3))
def test_predictions_depend_on_time_without_a_jump(seconds: float, more: float) -> None:
    places, variances = zip(*(moved(seconds + extra) for extra in (0.0, more)), strict=True)
    assert np.abs(places[1] - places[0]).max() < 2 * more
    assert np.abs(variances[1] - variances[0]).max() < 5 * more


def moved(*seconds: float) -> tuple[Floats, Floats]:
    """Place and covariances of a box that was seen three times, after times."""
    motion = Motion((0.2, 0.3, 0.3, 0.2))
    for x in (0.02, 0.05):
        motion.predict(Passing(0.1))
        motion.correct((0.2 - x, 0.3, 0.3, 0.21))
    for one in seconds:
        motion.predict(Passing(one))
    return np.array(motion.at), np.array([motion.centre, motion.size])


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_two_predictions_are_one_over_both_times(one: float, other: float) -> None:
    places, variances = moved(one, other)
    expected, expected_variances = moved(one + other)
    np.testing.assert_allclose(places, expected, atol=1e-9)
    np.testing.assert_allclose(variances, expected_variances, atol=1e-9)


@given(st.floats(0.01, 100))
def test_who_was_seen_standing_has_no_velocity_left(still_s: float) -> None:
    motion = Motion((0.5, 0.5, 0.1, 0.2))
    for i in range(1, 5):
        motion.predict(Passing(0.1))
        motion.correct((0.5 + 0.02 * i, 0.5, 0.1, 0.2))
    place = motion.at
    motion.rest(still_s)
    assert motion.at == place
    motion.predict(Passing(1.0))
    moved_on = motion.at[0] - place[0]
    assert 0 <= moved_on < 0.21 * math.exp(-still_s / REST_S) + 1e-9


@given(st.integers(1, 20), st.floats(0.5, 36_000))
def test_still_frames_hold_everybody(looks: int, still_s: float) -> None:
    tracker = Tracker()
    standing = street([0.0, 0.0], [0.2 * i for i in range(looks + 1)])
    watch(tracker, standing)
    time_s = standing[-1][0] + still_s
    assert look(tracker, standing[0][1], time_s, Gap(still=int(5 * still_s))) == [1, 2]


def test_who_stops_as_the_picture_gets_still_is_where_he_was() -> None:
    tracker = Tracker()
    watch(tracker, street([0.8], [0.1 * i for i in range(10)]))
    stopped = [found(walker(0, 500 + 200 * 0.8 * 0.9))]
    assert look(tracker, stopped, 10.9, Gap(still=50, unseen=4)) == [1]


def test_the_others_are_who_they_were_when_one_has_left() -> None:
    tracker = Tracker()
    scenes = street([0.1, 0.0, -0.1], [0.2 * i for i in range(30)])
    watch(tracker, scenes[:5])
    rest = watch(tracker, [(time_s, [scene[0], scene[2]]) for time_s, scene in scenes[5:]])
    assert rest == [[1, 3]] * len(rest)
    assert len(tracker.tracks) == 2


@given(st.lists(st.booleans(), min_size=3, max_size=30), speeds)
def test_still_frames_in_place_of_identical_ones_change_nothing(looked: list[bool], velocities: list[float]) -> None:
    every, gated = Tracker(), Tracker()
    arrival = [(0.2 * i, [found(walker(lane, 500)) for lane in range(len(velocities))]) for i in range(10)]
    assert watch(every, arrival) == watch(gated, arrival)
    time_s, still = arrival[-1][0], 0
    for is_looked_at in looked:
        time_s += 0.2
        ids = look(every, arrival[0][1], time_s)
        still += not is_looked_at
        if is_looked_at:
            assert look(gated, arrival[0][1], time_s, Gap(still=still)) == ids
            still = 0
    later = [(time_s + t, scene) for t, scene in street(velocities, [0.2 * i for i in range(1, 10)])]
    first = look(gated, later[0][1], later[0][0], Gap(still=still))
    assert [first, *watch(gated, later[1:])] == watch(every, later)


@given(st.floats(0.03, 1.0))
def test_a_lost_track_ends_after_a_time_looked_at_and_a_number_of_looks(dt: float) -> None:
    tracker = Tracker()
    watch(tracker, street([0.0], [0.0, dt]))
    misses = 0
    while tracker.tracks:
        misses += 1
        look(tracker, [], dt * (1 + misses))
    assert misses == pytest.approx(max(PATIENCE_LOOKS, math.ceil(PATIENCE_S / dt)), abs=1)
    assert misses >= PATIENCE_LOOKS
    assert [track.tracker_id for track in tracker.ended] == [1]
    look(tracker, [], 100.0)
    assert not tracker.ended


def test_time_that_nobody_looked_at_ends_no_track() -> None:
    tracker = Tracker(longest_s=0.1)
    watch(tracker, street([0.0], [0.0, 0.1]))
    for miss in range(PATIENCE_LOOKS):
        look(tracker, [], 60.0 * (miss + 1))
    assert len(tracker.tracks) == 1


def test_what_one_look_alone_shows_has_no_number() -> None:
    tracker = Tracker()
    once = [found(walker(0, 500))]
    assert watch(tracker, [(0.0, once), (0.1, []), (0.2, []), (0.3, once)]) == [[None], [], [], [None]]
    assert tracker.state.next_id == 1


def test_an_object_that_the_second_look_misses_begins_where_it_was_first_found() -> None:
    tracker, first = Tracker(), walker(0, 500)
    ids = watch(tracker, [(0.0, [found(first)]), (0.1, []), (0.2, [found(walker(0, 510))])])
    assert ids == [[None], [], [1]]
    assert tracker.begun[1].ago == 2
    assert tracker.begun[1].box == pytest.approx([edge / HEIGHT for edge in first])


def test_unsure_detections_continue_tracks_and_begin_none() -> None:
    tracker = Tracker()
    faint = [found(walker(0, 500), 0.2), found(walker(1, 500), 0.2)]
    watch(tracker, street([0.0], [0.0, 0.1]))
    assert watch(tracker, [(0.2, faint), (0.3, faint), (0.4, faint)]) == [[1, None]] * 3


boxes = st.builds(
    lambda x, y, w, h, confidence, class_id: found((x, y, x + w, y + h), confidence, class_id),
    *[st.floats(-200, 1200)] * 2,
    *[st.floats(0, 900)] * 2,
    st.floats(0.0, 1.0),
    st.integers(0, 2),
)
chaos = st.lists(st.tuples(st.floats(0.0, 1.0), st.lists(boxes, max_size=6)), max_size=12)


def timed(scenes: list[tuple[float, list[Detection]]]) -> list[tuple[float, list[Detection]]]:
    times = np.cumsum([dt for dt, _ in scenes]).tolist()
    return [(time_s, scene) for time_s, (_, scene) in zip(times, scenes, strict=True)]


@given(chaos, st.integers(1, 10**9))
def test_numbers_are_new_and_given_to_one_detection_at_a_time(
    scenes: list[tuple[float, list[Detection]]], next_id: int
) -> None:
    tracker = Tracker(TrackerState(next_id=next_id))
    ended: set[int] = set()
    highest = next_id - 1
    for time_s, scene in timed(scenes):
        numbers = [number for number in look(tracker, scene, time_s) if number is not None]
        assert len(set(numbers)) == len(numbers)
        assert not ended & set(numbers)
        new = sorted(number for number in numbers if number > highest)
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
        ended |= {track.tracker_id for track in tracker.ended}
    assert tracker.state.next_id == highest + 1


@given(chaos, st.integers(0, 11))
def test_another_tracker_goes_on_from_the_state(scenes: list[tuple[float, list[Detection]]], death: int) -> None:
    alive, dying = Stream(), Stream()
    for i, (time_s, scene) in enumerate(timed(scenes)):
        if i == death:
            dying = Stream(msgspec.msgpack.decode(msgspec.msgpack.encode(dying.state), type=StreamTracks))
        moment = Moment(i // 5, time_s, time_s)
        boxes = Boxes.of(scene, (WIDTH, HEIGHT))
        assert dying.update(boxes, moment, {}) == alive.update(boxes, moment, {})


@given(chaos, st.sampled_from([0.5, 2.0, 4.0]))
def test_a_camera_that_changes_its_resolution_changes_nothing(
    scenes: list[tuple[float, list[Detection]]], factor: float
) -> None:
    one, other = Tracker(), Tracker()
    for time_s, scene in timed(scenes):
        scaled = [found([factor * at for at in one.xyxy], one.confidence, one.class_id) for one in scene]
        again = other.update(Boxes.of(scaled, (int(factor * WIDTH), int(factor * HEIGHT))), time_s)
        assert look(one, scene, time_s) == again


@given(chaos)
def test_masks_and_keypoints_have_no_influence(scenes: list[tuple[float, list[Detection]]]) -> None:
    for _, scene in scenes:
        boxes = Boxes.of(scene, (WIDTH, HEIGHT))
        assert boxes.places.shape == (len(scene), 4)
        assert boxes.classes == [one.class_id for one in scene]


@given(speeds, steps, st.randoms())
def test_the_order_of_detections_does_not_matter(velocities: list[float], dts: list[float], random: object) -> None:
    tracker, names = Tracker(), dict[int, int]()
    for time_s, scene in street(velocities, np.cumsum(dts).tolist()):
        order = list(range(len(scene)))
        random.shuffle(order)  # type: ignore[attr-defined]
        ids = look(tracker, [scene[lane] for lane in order], time_s)
        for lane, number in zip(order, ids, strict=True):
            if number is not None:
                assert names.setdefault(lane, number) == number
    assert len(set(names.values())) == len(velocities)


def test_a_class_that_flickers_is_voted_for() -> None:
    tracker = Tracker()
    classes = [1, 1, 2, 1, 1, 1, 2]
    ids = watch(tracker, [(0.1 * i, [found(walker(0, 500), 0.8, kind)]) for i, kind in enumerate(classes)])
    assert ids == [[None], *[[1]] * 6]
    assert tracker.tracks[0].class_id == 1


def test_who_sits_in_a_car_is_not_the_car() -> None:
    tracker = Tracker()
    car, driver = found((300, 300, 700, 600), 0.9, 1), found((400, 310, 520, 520), 0.8, 0)
    scenes = [[car, driver], [car, driver], [car], [driver], [driver, car]]
    assert watch(tracker, [(0.1 * i, scene) for i, scene in enumerate(scenes)])[1:] == [[1, 2], [1], [2], [2, 1]]


def test_a_bicycle_does_not_become_its_rider() -> None:
    tracker = Tracker()
    rider, bicycle = found((400, 200, 500, 500), 0.9, 0), found((380, 330, 520, 500), 0.9, 1)
    assert watch(tracker, [(0.0, [rider]), (0.1, [rider]), (0.2, [bicycle]), (0.3, [bicycle])])[1:] == [
        [1],
        [None],
        [2],
    ]


def test_an_object_found_twice_is_one_track() -> None:
    tracker = Tracker()
    car, truck = found((300, 300, 700, 600), 0.9, 1), found((302, 301, 702, 598), 0.8, 2)
    ids = watch(tracker, [(0.1 * i, [car, truck] if i else [car]) for i in range(5)])
    assert ids[1:] == [[1, None]] * 4


edges = st.floats(0, 1)
sizes = st.just(0.0) | st.floats(1e-5, 1)  # smaller boxes have no area
corners = st.tuples(edges, edges, sizes, sizes).map(lambda box: (*box[:2], box[0] + box[2], box[1] + box[3]))


@given(st.lists(corners, min_size=1, max_size=5), st.lists(corners, min_size=1, max_size=5))
def test_overlaps_are_intersections_over_unions(one: Scene, other: Scene) -> None:
    a, b = np.array(one), np.array(other)
    shared = overlaps(centred(a), centred(b))
    for i, j in np.ndindex(shared.shape):
        p, q = a[i], b[j]
        size = np.maximum(np.minimum(p[2:], q[2:]) - np.maximum(p[:2], q[:2]), 0).prod()
        union = (p[2:] - p[:2]).prod() + (q[2:] - q[:2]).prod() - size
        assert shared[i, j] == pytest.approx(size / union if union else 0.0, abs=1e-9)


def test_confirmed_tracks_choose_first_and_sure_detections_go_first() -> None:
    place = np.array([[0.5, 0.5, 0.1, 0.2]])
    three = np.repeat(place, 3, axis=0)
    nearly = place + np.array([[0.01, 0, 0, 0]])
    tracks = Expected(three, np.full(3, 0.01), np.array([False, True, True]))
    assert pairs(tracks, columns(place, nearly), np.array([False, True])) == [(1, 1), (2, 0)]
    first = Expected(tracks.places[:1], tracks.variances[:1], tracks.confirmed[:1])
    assert pairs(first, columns(place), np.array([False])) == []


def test_what_is_left_goes_to_confirmed_tracks_first_and_from_sure_detections() -> None:
    place = np.array([[0.5, 0.5, 0.1, 0.2]])
    aside, both = place + np.array([[0.05, 0, 0, 0]]), np.array([True, False])
    tracks = Expected(np.concatenate([aside, place]), np.full(2, 0.01), both)
    assert pairs(tracks, columns(place), np.array([True])) == [(0, 0)]
    one = Expected(place, np.full(1, 0.01), np.array([True]))
    assert pairs(one, columns(aside, place), both) == [(0, 0)]


def test_who_is_of_another_class_and_does_not_lie_there_is_another() -> None:
    place = np.array([[0.5, 0.5, 0.1, 0.2]])
    one, apart = Expected(place, np.full(1, 0.02), np.array([True])), columns(place + np.array([[0.09, 0, 0, 0]]))
    sure, alike = np.array([True]), np.array([[True]])
    assert pairs(one, apart, sure, alike) == [(0, 0)]
    assert pairs(one, apart, sure, ~alike) == []


def test_heights_tell_apart_who_pass_one_another() -> None:
    tall, short = np.array([[0.5, 0.5, 0.1, 0.2]]), np.array([[0.513, 0.5, 0.1, 0.176]])
    tracks = Expected(np.concatenate([tall, short]), np.full(2, 0.001), np.array([True, True]))
    swapped = columns(tall * [[0, 1, 1, 1]] + [[0.513, 0, 0, 0]], short * [[0, 1, 1, 1]] + [[0.5, 0, 0, 0]])
    assert pairs(tracks, swapped, np.array([True, True])) == [(0, 0), (1, 1)]


def columns(*places: Floats) -> Boxes:
    found_ = np.concatenate(places)
    return Boxes(found_, np.full(len(found_), 0.9), [0] * len(found_))


def test_a_detection_that_lies_on_a_track_is_its_own_and_others_go_by_likelihood() -> None:
    one, other = np.array([[0.5, 0.5, 0.1, 0.2]]), np.array([[0.56, 0.5, 0.1, 0.2]])
    tracks = Expected(np.concatenate([one, other]), np.array([0.001, 0.2]), np.array([True, True]))
    between = np.array([[0.537, 0.5, 0.1, 0.2]])  # overlaps more with the other, whose place is less certain
    assert pairs(tracks, columns(one + 0.001), np.array([True])) == [(0, 0)]
    assert pairs(tracks, columns(between), np.array([True])) == [(1, 0)]
    child = np.array([[0.56, 0.5, 0.04, 0.06]])
    assert pairs(tracks, columns(child), np.array([True])) == [], "it is too small"


def test_who_has_left_the_picture_does_not_come_back_as_another() -> None:
    scenes = [(0.2 * i, [found(walker(0, 3600 + 110 * i))]) for i in range(4)]
    tracker = Tracker()
    watch(tracker, scenes)
    comes = [(0.8, [found(walker(0, 3995))]), (1.0, [found(walker(0, 3885))])]
    assert watch(tracker, comes) == [[None], [2]]


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [({}, Gap()), ({"paced": 4}, Gap()), ({"paced": 4, "still": 3, "replaced": 2, "late": 1}, Gap(3, 3))],
)
def test_the_account_says_what_happened_between(dropped: dict[str, int], expected: Gap) -> None:
    assert Gap.of(dropped) == expected


@given(st.floats(0, 100), st.integers(0, 100), st.integers(0, 100), st.floats(1, 10))
def test_time_between_looks_is_divided(elapsed_s: float, still: int, unseen: int, longest_s: float) -> None:
    step = Gap(still, unseen).step(elapsed_s, longest_s)
    assert step.moving_s + step.still_s == pytest.approx(elapsed_s)
    assert step.looked_s == min(step.moving_s, longest_s)
    assert step.moving_s == pytest.approx(elapsed_s * (unseen + 1) / (still + unseen + 1))


def test_slow_cameras_count_as_looked_at() -> None:
    assert [gap_s(None), gap_s(25), gap_s(0.5)] == [1.0, 1.0, 4.0]


def test_what_is_sure_depends_on_what_the_model_usually_says() -> None:
    certainty = Certainty()
    assert certainty.threshold == pytest.approx(0.8 * USUAL)
    for _ in range(100):
        certainty.note([0.45], [0.45, 0.2])
    assert certainty.threshold == pytest.approx(0.36, abs=0.01)
    for _ in range(100):
        certainty.note([0.95], [0.95])
    assert certainty.threshold == MOST
    for _ in range(200):
        certainty.note([], [])
    assert certainty.threshold == MOST
    for _ in range(200):
        certainty.note([], [0.4, 0.2])
    assert certainty.threshold == pytest.approx(0.32, abs=0.01)


def test_a_model_of_low_confidence_is_tracked_too() -> None:
    tracker = Tracker()
    scenes = [(0.1 * i, [found(walker(0, 500), 0.45)]) for i in range(40)]
    assert watch(tracker, scenes)[-1] == [1]


@pytest.mark.parametrize(("away_s", "expected"), [(0.0, [1]), (1.5, [1]), (30.0, [None])])
def test_a_camera_that_is_opened_again_soon_keeps_its_tracks(away_s: float, expected: list[int | None]) -> None:
    stream, person = Stream(), Boxes.of([found(walker(0, 500))], (WIDTH, HEIGHT))
    for at in (5.0, 5.1):
        stream.update(person, Moment(1, at, 1000 + at), {})
    assert stream.update(person, Moment(2, 0.0, 1005.1 + away_s), {}) == expected
    again = stream.update(person, Moment(2, 0.1, 900.0), {})  # a step of the wall clock changes nothing
    assert again == [1 if away_s < 30 else 2]


def test_who_walked_on_while_a_camera_was_away_keeps_his_number() -> None:
    stream, speed = Stream(), 0.8
    for time_s, scene in street([speed], [0.1 * i for i in range(20)]):
        stream.update(Boxes.of(scene, (WIDTH, HEIGHT)), Moment(1, time_s, 1000 + time_s), {})
    ((_, scene),) = street([speed], [1.9 + 1.5])
    assert stream.update(Boxes.of(scene, (WIDTH, HEIGHT)), Moment(2, 0.3, 1003.4), {}) == [1]


def panned(pan: float, seed: int) -> int:
    """Number of numbers that ten people who stand unevenly receive while the camera is turned by fits and starts.

    `pan` is how far it turns between two looks, in heights of a person.
    """
    rng, tracker, camera, speed = np.random.default_rng(seed), Tracker(), 0.0, 0.0
    stands = [walker(lane, x) for lane in range(2) for x in np.cumsum(rng.uniform(90, 300, 5))]
    for i in range(200):
        if i % 7 == 0:
            speed = float(rng.choice([-pan, 0.0, pan])) * 200
        camera += speed
        offset = np.array([camera, 0, camera, 0])
        look(tracker, [found((np.array(box) + offset + rng.normal(0, 4, 4)).tolist()) for box in stands], 0.1 * i)
    return tracker.state.next_id - 1


@pytest.mark.parametrize("seed", range(3))
def test_a_camera_that_is_turned_swaps_nobody(seed: int) -> None:
    assert panned(0.0, seed) == 10
    assert panned(0.15, seed) == 10


def test_a_group_that_starts_to_walk_is_no_camera_motion() -> None:
    camera = CameraMotion()
    rng = np.random.default_rng(1)
    for _ in range(200):
        noise = camera.shift([Offset(x, y, 0.01) for x, y in rng.normal(0, 0.01, (10, 2)).tolist()], 0.1)
        assert noise is None or np.abs(noise).max() < 0.005
    for _ in range(20):
        shift = camera.shift([Offset(0.1, 0.1, 0.01)] * 10, 0.1)
    assert shift == pytest.approx((0.1, 0.1), rel=0.15)
    assert camera.shift([Offset(0.1, 0.1, 0.01)] * 3, 0.1) is None


def test_a_car_that_turns_widens_what_is_expected_and_even_walks_narrow_it() -> None:
    agility = Agility()
    agility.note([])
    assert agility.factor == 1.0
    for _ in range(50):
        agility.note([Offset(0.3, 0.3, 0.1)] * 10)
    assert agility.factor == 4.0
    for _ in range(100):
        agility.note([Offset(0.02, 0.02, 0.1)] * 10)
    assert agility.factor == 1.0


def test_who_zigzags_is_found_by_what_the_tracker_has_learned() -> None:
    tracker, times = Tracker(), [0.2 * i for i in range(40)]
    scenes = [(t, [found(walker(lane, 500 + 60 * math.sin(3 * t))) for lane in range(4)]) for t in times]
    watch(tracker, scenes)
    assert tracker.state.agility > 1.0
    assert Tracker(tracker.state).state.agility == tracker.state.agility
