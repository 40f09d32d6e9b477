"""A camera with two streams of one scene: one that is looked at, and one that is recorded."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.capture.main_stream import MainStream, grey_of
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.source import open_source
from edge_daemon.imaging.placement import Placement
from edge_daemon.media.packets import Packet
from edge_daemon.settings import OpenSettings
from tests import burnt
from tests.evidence import FPS, KINDS, street, write
from tests.rtsp import RtspServer
from tests.waiting import eventually

WAIT_S = 20.0


def test_both_are_on_one_clock_and_one_lies_in_the_other(
    tmp_path: Path, start_rtsp: Callable[[RtspServer], RtspServer]
) -> None:
    (kind,) = [one for one in KINDS if one.name == "mjpeg"]
    file = write(kind, tmp_path, street(), 30 * FPS)
    server = start_rtsp(RtspServer("--file", str(file), "--main", "1280x720", "--fps", str(FPS)))
    packets, seen, ending = list[Packet](), list[tuple[float, int]](), threading.Event()
    newest: list[Picture] = []
    main = MainStream(f"{server.url}/main", OpenSettings(), packets.append, lambda: newest[0] if newest else None)
    small = open_source(server.url)

    def look() -> None:
        while not ending.is_set():
            if (picture := small.read()) and (number := burnt.read(picture.bgr)):
                newest[:] = [picture]
                seen.append((picture.time_s, number))

    looking = threading.Thread(target=look)
    main.start()
    looking.start()
    try:
        eventually(lambda: main.placement and len([one for one in packets if one.key]) >= 4, WAIT_S, what="pictures")
    finally:
        ending.set()
        main.stop()
        looking.join()
        main.join()
        small.close()
    assert main.placement == pytest.approx(Placement(), abs=0.02)
    for key in [one for one in packets if one.key][1:4]:
        number = burnt.read(np.repeat(grey_of(key)[:, :, None], 3, axis=2))
        _, looked_at = min(seen, key=lambda one: abs(one[0] - key.time_s))
        assert number is not None
        assert abs(number - looked_at) <= 2, "frames of the two at the same time"
