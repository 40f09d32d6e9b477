"""The generated street: the same every time, and the truth is where people are."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.demo.scene.options import SceneOptions
from edge_daemon.demo.scene.scene import Scene, Truth
from edge_daemon.errors import SourceError
from tests.examples import one_in

FPS = 15.0


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("scene:", SceneOptions()),
        ("SCENE:?", SceneOptions()),
        ("scene:?seed=3", SceneOptions(seed=3)),
        (
            "scene:?seed=3&size=1280x720&fps=7.5&frames=200&people=0",
            SceneOptions(seed=3, width=1280, height=720, fps=7.5, frames=200, people=0),
        ),
    ],
)
def test_options_are_read(source: str, options: SceneOptions) -> None:
    assert SceneOptions.parse(source) == options


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("scenery:", "'scenery:' is no generated scene; one starts with scene: such as scene:?seed=3"),
        (
            "scene:?sead=3",
            "scene:?sead=3: there is no option 'sead'; did you mean seed? There are seed, size, fps, frames, people",
        ),
        ("scene:?x=3", "scene:?x=3: there is no option 'x'. There are seed, size, fps, frames, people"),
        ("scene:?seed=1&seed=2", "scene:?seed=1&seed=2: seed is given twice"),
        (
            "scene:?seed=-1",
            "scene:?seed=-1: seed=-1 is not possible; it must be a whole number from 0 to 4294967295",
        ),
        (
            "scene:?size=640",
            "scene:?size=640: size=640 is not possible; it must be WIDTHxHEIGHT in pixels, "
            "each from 64 to 3840, such as 640x360",
        ),
        (
            "scene:?frames=0",
            "scene:?frames=0: frames=0 is not possible; it must be a whole number from 1; "
            "without it the scene does not end",
        ),
    ],
)
def test_bad_options_are_refused_in_words(source: str, sentence: str) -> None:
    with pytest.raises(SourceError) as caught:
        SceneOptions.parse(source)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "option",
    ["fps=0", "fps=nan", "fps=1e3", "fps=", "people=31", "people=1.5", "size=63x64", "size=9999x9999", "seed=٣"],
)
def test_values_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(SourceError, match="is not possible; it must be"):
        SceneOptions.parse(f"scene:?{option}")


def test_any_order_of_frames_gives_the_same_frames() -> None:
    forwards, anyhow = Scene(5), Scene(5)
    pictures = [forwards.frame(index, FPS) for index in range(12)]
    for index in (11, 3, 7, 0):
        picture, people = anyhow.frame(index, FPS)
        assert np.array_equal(picture, pictures[index][0])
        assert people == pictures[index][1]


def test_same_moment_shows_the_same_people_at_any_rate() -> None:
    slow, fast = Scene(6).frame(10, 5.0)[1], Scene(6).frame(60, 30.0)[1]
    assert slow == fast


def test_seeds_differ() -> None:
    assert not np.array_equal(Scene(1).frame(0, FPS)[0], Scene(2).frame(0, FPS)[0])


@one_in(2)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(64, 800),
    height=st.integers(64, 600),
    people=st.integers(0, 30),
    index=st.integers(0, 10**7),
)
def test_truth_lies_within_the_picture(seed: int, width: int, height: int, people: int, index: int) -> None:
    picture, truth = Scene(seed, width, height, people).frame(index, FPS)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    assert len({person.id for person in truth}) == len(truth)
    for person in truth:
        left, top, right, bottom = person.xyxy
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert 0.4 <= person.visible <= 1
    assert people > 0 or truth == []


@pytest.mark.parametrize("people", [1, 4, 8])
def test_about_as_many_people_as_asked_for(people: int) -> None:
    scenes = [Scene(seed, 320, 180, people) for seed in range(12)]
    counts = [len(scene.frame(index, FPS)[1]) for scene in scenes for index in range(0, 6000, 1000)]
    assert 0.6 * people <= np.mean(counts) <= 1.3 * people


def test_people_walk_on() -> None:
    scene = Scene(0)
    before, after = ({p.id: p.xyxy for p in scene.frame(index, FPS)[1]} for index in (0, 8))
    assert any(before[who] != after[who] for who in before.keys() & after.keys())


def test_boxes_fit_people_closely() -> None:
    """Held against the same street without anybody in it: the noise is the same, and so are the cars."""
    checked = 0
    for seed in range(20):
        with_people, empty = Scene(seed), Scene(seed, people=0)
        picture, truth = with_people.frame(40, FPS)
        changed = np.abs(picture.astype(int) - empty.frame(40, FPS)[0]).max(axis=2) > 12
        for person in (p for p in truth if p.visible > 0.99 and alone(p, truth)):
            left, top, right, bottom = (int(value) for value in person.xyxy)
            if top < 4 or bottom - top < 60:
                continue
            head = changed[:, left:right]
            assert not head[top - 4 : top - 1].any(), f"seed {seed}: {person} begins above its box"
            assert head[top : top + 6].any(), f"seed {seed}: {person} begins below the top of its box"
            assert changed[top:bottom, left:right].mean() > 0.25
            checked += 1
    assert checked > 10


def alone(person: Truth, truth: list[Truth]) -> bool:
    """Whether nobody else comes near the person's box; shadows fall sideways, so only columns count."""
    left, _, right, _ = person.xyxy
    others = [other.xyxy for other in truth if other is not person]
    return all(other[2] < left - 40 or other[0] > right + 40 for other in others)


def test_sky_is_blue_in_bgr() -> None:
    blue, _, red = Scene(0, people=0).frame(0, FPS)[0][:4].mean(axis=(0, 1))
    assert blue > red


def test_rendering_is_cheap() -> None:
    """At most 4 ms of CPU time for a frame of the default size; the limit leaves room for a busy machine."""
    scene = Scene(0)
    spent = []
    for index in range(60):
        began = time.thread_time()
        scene.frame(index, FPS)
        spent.append(time.thread_time() - began)
    assert np.median(spent) < 8e-3
