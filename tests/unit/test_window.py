"""The frames that a capture buffers."""

import threading
from typing import Any

import numpy as np

from edge_daemon.capture.moment import Moment
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import BufferedFrame, Window
from edge_daemon.settings import CaptureSettings
from tests.waiting import eventually


def frame(seq: int) -> BufferedFrame:
    return BufferedFrame(seq, Moment(0.0, 0, 0, 0), Picture(seq, lambda: np.zeros((1, 1, 3), np.uint8)))


def made(**settings: Any) -> Window:
    return Window(CaptureSettings(camera="c", source="x", dispatcher="", **settings))


def numbers(window: Window) -> list[int]:
    return [buffered.seq for buffered in window.frames()]


def test_live_holds_the_newest() -> None:
    window = made(delivery="live")
    for seq in range(5):
        assert window.put(frame(seq))
    assert numbers(window) == [4]
    assert (first := window.first_from(2))
    assert first.seq == 4, "the oldest that will do is the newest there is"
    assert window.first_from(5) is None
    assert window.unaccounted == 0, "nobody has to account for the newest"


def test_live_keeps_the_last_of_those_that_are_requested_again() -> None:
    window = made(delivery="live", window=2)
    for seq in range(5):
        window.put(kept := frame(seq))
        window.keep(kept)
        window.keep(kept)
    assert window.exactly(2) is None
    assert [window.exactly(seq) is not None for seq in (3, 4)] == [True, True]


def test_lossless_makes_the_reader_wait_for_room() -> None:
    window = made(delivery="lossless", window=2)
    reader = threading.Thread(target=lambda: [window.put(frame(seq)) for seq in range(5)])
    reader.start()
    eventually(lambda: numbers(window) == [0, 1], 5)
    assert window.first_from(0) is not None
    assert numbers(window) == [0, 1], "looking is not releasing"
    assert window.unaccounted == 2
    window.release(0)
    eventually(lambda: numbers(window) == [1, 2], 5)
    window.release(4)
    eventually(lambda: numbers(window) == [3, 4], 5)
    reader.join(5)
    assert not reader.is_alive()


def test_closing_wakes_the_reader() -> None:
    window = made(delivery="lossless", window=1)
    window.put(frame(0))
    answers: list[bool] = []
    reader = threading.Thread(target=lambda: answers.append(window.put(frame(1))))
    reader.start()
    window.close()
    reader.join(5)
    assert answers == [False]
