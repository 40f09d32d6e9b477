"""Plain pictures in a capture: encoded once for each size, and not at all while nobody looks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from edge_daemon.capture.jpegs import decoded
from edge_daemon.capture.moment import Moment
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.pictures import Pictures, encoded
from edge_daemon.capture.window import BufferedFrame
from edge_daemon.imaging.codecs import decode_bgr, encode_bgr
from edge_daemon.imaging.yuv import Yuv
from edge_daemon.messages.pictures import FULL, SIZES, nearest, topic
from edge_daemon.transport import zeromq
from tests.waiting import eventually

START_S = 5.0


class Web:
    """Subscribes as the web does."""

    def __init__(self, folder: Path) -> None:
        self.address = zeromq.ipc(folder, "published")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = zeromq.local_subscriber(self._context, self.address, hwm=100)
        self.pictures = Pictures(self._context, self.address, "c", 90)

    def look(self, *sizes: int, camera: str = "c") -> None:
        for size in sizes:
            self._socket.subscribe(topic(camera, size))

    def leave(self, *sizes: int) -> None:
        for size in sizes:
            self._socket.unsubscribe(topic("c", size))

    def until(self, due: bool) -> None:
        def is_so() -> bool:
            self._socket.poll(0)  # ZeroMQ introduces sockets to each other while they are used
            self.pictures.receive()
            return self.pictures.is_due() == due

        eventually(is_so, START_S)

    def is_alone(self) -> bool:
        self._socket.poll(0)
        self.pictures.receive()
        return self.pictures.wait_ms(10_000) == 10_000

    def received(self) -> dict[bytes, dict[str, Any]]:
        """The headers that have arrived, by topic."""
        found = {}
        while self._socket.poll(200):
            name, header, jpeg = self._socket.recv_multipart()
            found[name] = json.loads(header)
            size = found[name]["width"], found[name]["height"]
            assert decode_bgr(jpeg, "jpeg", *size).shape[1::-1] == size
        return found

    def close(self) -> None:
        self.pictures.close()
        self._context.destroy(0)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    web = Web(tmp_path)
    yield web
    web.close()


class Source:
    """Counts how often its pixels are asked for."""

    def __init__(self) -> None:
        self.loads = 0

    def frame(self, seq: int, width: int = 400, height: int = 200) -> BufferedFrame:
        def load() -> Any:
            self.loads += 1
            return np.full((height, width, 3), 100, np.uint8)

        return BufferedFrame(seq, Moment(seq / 10, 0, 0, 0), Picture(seq / 10, load))


def test_nothing_is_encoded_while_nobody_looks_or_only_at_other_cameras(web: Web) -> None:
    source = Source()
    web.look(FULL, camera="d")
    web.pictures.show(source.frame(1), 7)
    assert not web.received()
    web.pictures.receive()
    assert not web.pictures.is_due()
    assert not web.pictures.lacks_spare()
    assert web.pictures.wait_ms(1000) == 1000
    web.pictures.show(source.frame(2), 7)
    assert source.loads == 0


def test_each_size_is_encoded_once_and_those_that_are_equal_together(web: Web, monkeypatch: Any) -> None:
    made = list[tuple[int, int]]()

    def note(picture: Picture, size: tuple[int, int], quality: int) -> bytes:
        made.append(size)
        return encoded(picture, size, quality)

    monkeypatch.setattr("edge_daemon.capture.pictures.encoded", note)
    web.look(*SIZES)
    web.until(due=True)
    web.pictures.show(Source().frame(3), 7)
    found = web.received()
    assert set(found) == {topic("c", size) for size in SIZES}
    assert sorted(made) == [(160, 80), (320, 160), (400, 200)], "640, 1280 and its own width are the same"
    head = found[topic("c", 320)]
    assert (head["epoch"], head["seq"], head["time_s"], head["looked_at"]) == (7, 3, 0.3, True)
    web.pictures.show(Source().frame(3), 7)
    web.pictures.show(Source().frame(2), 7)
    assert not web.received(), "shown already, or older"


def test_who_comes_gets_the_newest_at_once_though_it_was_shown_before(web: Web) -> None:
    source = Source()
    web.look(160)
    web.until(due=True)
    web.pictures.show_newest(source.frame(5), 7)
    assert set(web.received()) == {topic("c", 160)}
    assert not web.pictures.is_due()
    assert web.pictures.wait_ms(10_000) <= 501
    web.look(320)
    web.until(due=True)
    web.pictures.show_newest(source.frame(5), 7)
    assert set(web.received()) == {topic("c", 320)}, "who has it does not get it again"
    web.leave(160, 320)
    eventually(web.is_alone, START_S)
    web.pictures.show(source.frame(6), 7)
    assert not web.received()


def test_a_frame_that_no_model_looks_at_is_shown_if_it_is_newer(web: Web) -> None:
    source = Source()
    web.look(160)
    web.until(due=True)
    assert web.pictures.lacks_spare()
    web.pictures.keep(source.frame(9))
    assert not web.pictures.lacks_spare(), "not yet another one"
    web.pictures.show(source.frame(4), 7)
    assert web.received()[topic("c", 160)]["looked_at"]
    web.pictures.show_newest(source.frame(4), 7)
    head = web.received()[topic("c", 160)]
    assert (head["seq"], head["looked_at"]) == (9, False)


def test_a_damaged_picture_is_left_out(web: Web) -> None:
    web.look(160)
    web.until(due=True)
    jpeg = bytes(encode_bgr(np.zeros((100, 200, 3), np.uint8), "jpeg"))[:-300]
    damaged = Picture(0, lambda: decoded(jpeg, (200, 100)), jpeg)
    web.pictures.show(BufferedFrame(1, Moment(0, 0, 0, 0), damaged), 7)
    assert not web.received()
    assert not web.pictures.is_due(), "and not tried again"


@pytest.mark.parametrize(
    ("width", "size"), [(1, 160), (239, 160), (241, 320), (1280, 1280), (1921, FULL), (None, FULL)]
)
def test_the_nearest_size(width: int | None, size: int) -> None:
    assert nearest(width) == size


@pytest.mark.parametrize("size", [(320, 180), (33, 18), (100, 100)])
def test_smaller_planes_are_the_means_of_what_they_stand_for(size: tuple[int, int]) -> None:
    checks = np.indices((360, 640)).sum(axis=0) % 2 * 200 + 20
    chroma = np.full((180, 320), 128, np.uint8)
    small = Yuv(checks.astype(np.uint8), chroma, chroma).smaller(*size)
    assert small.size == size
    assert abs(int(small.y.mean()) - 120) <= 2
    assert (small.y.std() < 5) or size == (100, 100), "a fine pattern becomes grey, not another pattern"
    assert small.u.shape == (-(-size[1] // 2), -(-size[0] // 2))
