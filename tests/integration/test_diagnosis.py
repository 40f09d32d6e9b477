"""Why cameras are away: asked of real servers, and of some that are none."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edge_daemon.capture.diagnosis import why
from edge_daemon.capture.source import open_source
from edge_daemon.errors import SourceError
from edge_daemon.settings import OpenSettings
from tests.acceptance.harness import free_port
from tests.http_camera import HttpCamera, jpeg, serving
from tests.rtsp import RtspServer


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A server that gives one client these answers, one for each thing it says, and then hangs up; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                for answer in answers:
                    line.recv(1 << 12)
                    line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_real_camera_tells_why(start_rtsp: Callable[[RtspServer], RtspServer]) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="s3cret"))
    assert why(server.url) == "decode error", "it answers as it should: FFmpeg has another reason"
    assert why(server.url.replace("s3cret", "guess")) == "unauthorised"
    assert why(server.url.replace("viewer:s3cret@", "")) == "unauthorised"
    assert why(server.url.removesuffix("cam") + "other") == "not found"
    server.kill()
    assert why(server.url) == "refused"


def test_digest_is_answered() -> None:
    """The example of RFC 2617 with RTSP's words: md5(md5(user:realm:password):nonce:md5(DESCRIBE:url))."""
    challenge = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="cam", nonce="abc"\r\n\r\n'
    with answering(challenge, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n") as port:
        assert why(f"rtsp://me:pass@127.0.0.1:{port}/s") == "decode error"
    with answering(challenge, challenge) as port:
        assert why(f"rtsp://me:wrong@127.0.0.1:{port}/s") == "unauthorised"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"RTSP/1.0 404 Not Found\r\n\r\n", "not found"),
        (b"RTSP/1.0 403 Forbidden\r\n\r\n", "unauthorised"),
        (b"RTSP/1.0 503 Busy\r\n\r\n", "answers 503"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "ended"),
        (b"", "ended"),
        (b"\xff" * 70_000, "ended"),
    ],
)
def test_servers_that_answer_otherwise(answer: bytes, reason: str) -> None:
    with answering(answer) as port:
        assert why(f"rtsp://127.0.0.1:{port}/s") == reason


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert why(f"rtsp://127.0.0.1:{server.getsockname()[1]}/s", 0.2) == "timeout"


@pytest.mark.parametrize("url", ["rtsp://", "rtsp://[::1/x", "http://", "rtsp://127.0.0.1:99999/x"])
def test_urls_that_are_none(url: str) -> None:
    assert why(url, 1.0)


def test_http_cameras_say_why_too() -> None:
    with serving(HttpCamera([jpeg(1)], credentials="viewer:s3 c/ret")) as camera:
        source = open_source(camera.url("viewer:s3%20c%2Fret"))
        picture = source.read()
        source.close()
        assert picture is not None
        assert picture.jpeg == jpeg(1), "its bytes go on as they came"
        with pytest.raises(SourceError) as caught:
            open_source(camera.url("viewer:guess"))
        assert caught.value.reason == "unauthorised"
    with serving(HttpCamera([], status=404)) as camera, pytest.raises(SourceError) as caught:
        open_source(camera.url())
    assert caught.value.reason == "not found"
    with pytest.raises(SourceError) as caught:
        open_source(f"http://127.0.0.1:{free_port()}/video")
    assert caught.value.reason == "refused"


@pytest.mark.parametrize("lengths", [True, False])
def test_an_http_camera_gives_its_pictures_in_order_until_it_ends(lengths: bool) -> None:
    pictures = [jpeg(value) for value in (10, 100, 200)]
    with serving(HttpCamera(pictures, lengths=lengths)) as camera:
        source = open_source(camera.url())
        for picture in pictures:
            read = source.read()
            assert read is not None
            assert (read.jpeg, read.size, read.bgr.shape) == (picture, (160, 120), (120, 160, 3))
        camera.gone.set()
        with pytest.raises(SourceError) as caught:
            list(iter(source.read, None))
        assert caught.value.reason == "ended"
        source.close()


def test_an_http_camera_that_falls_silent_times_out() -> None:
    with serving(HttpCamera([jpeg(1)], pause_s=30)) as camera:
        source = open_source(camera.url(), OpenSettings(read_timeout_s=0.3))
        with pytest.raises(SourceError) as caught:
            source.read()
        assert caught.value.reason == "timeout"
        source.close()
