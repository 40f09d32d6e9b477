"""RTSP cameras that answer oddly, on real sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from edge_daemon.capture.http import REDIRECTS
from edge_daemon.capture.source import open_source
from edge_daemon.errors import SourceError
from edge_daemon.settings import OpenSettings

SOON = OpenSettings(open_timeout_s=3, read_timeout_s=3)
VIDEO = (
    b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)
Answer = Callable[[str, str, str], bytes | None]
"""The response to a method, a URL and a sequence number; None hangs up."""


class Server:
    """Remembers the requests: methods and URLs."""

    def __init__(self, answer: Answer, address: str) -> None:
        self._answer = answer
        self.requests: list[tuple[str, str]] = []
        self._server = socket.create_server((address, 0))
        self.url = f"rtsp://{address}:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        received = b""
        with line, suppress(OSError):
            while some := line.recv(4096):
                received += some
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    first, *rest = head.decode().split("\r\n")
                    method, url, _ = first.split(" ")
                    number = next(one[5:].strip() for one in rest if one.lower().startswith("cseq:"))
                    self.requests.append((method, url))
                    if (sent := self._answer(method, url, number)) is None:
                        return
                    line.sendall(sent)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@contextmanager
def server(answer: Answer, address: str = "127.0.0.1") -> Iterator[Server]:
    one = Server(answer, address)
    try:
        yield one
    finally:
        one.close()


def response(status: str, number: str, *headers: str, body: bytes = b"") -> bytes:
    content = ["Content-Type: application/sdp", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {number}", *headers, *content, "", ""]).encode() + body


def refused(url: str) -> str:
    """The reason why a camera cannot be opened, or gives no frame."""
    with pytest.raises(SourceError) as caught:
        read_first(url)
    return caught.value.reason


def read_first(url: str) -> None:
    """Open a camera, wait for its first frame, and close it."""
    with closing(open_source(url, SOON)) as source:
        while source.read() is None:
            pass


def test_a_camera_sends_us_to_no_other_server() -> None:
    with server(lambda _, __, number: response("200 OK", number)) as victim:
        with server(lambda _, __, n: response("302 Found", n, f"Location: {victim.url}/admin")) as camera:
            assert refused(f"{camera.url}/live") == "redirected"
        assert victim.requests == []


def test_a_camera_that_sends_ffmpeg_elsewhere_in_the_middle_is_refused(
    rtsp_url: str,
) -> None:

    def answer(method: str, _: str, number: str) -> bytes:
        if method == "OPTIONS":
            return response("200 OK", number, "Public: DESCRIBE, SETUP, PLAY")
        return response("302 Found", number, f"Location: {rtsp_url}")

    with server(answer, "127.0.0.2") as camera:
        assert refused(f"{camera.url}/live") == "redirected"


def test_redirects_on_its_own_server_are_followed() -> None:
    def answer(method: str, url: str, number: str) -> bytes:
        if url.endswith("/live"):
            return response("301 Moved Permanently", number, "Location: /main")
        return response("404 Not Found", number)

    with server(answer) as camera:
        assert refused(f"{camera.url}/live") == "not found"
        assert [url for _, url in camera.requests if url.endswith("/live")] == [f"{camera.url}/live"]
        assert ("OPTIONS", f"{camera.url}/main") in camera.requests, "FFmpeg is sent to the right place at once"


def test_redirects_in_a_circle_end() -> None:
    with server(lambda _, __, n: response("301 Moved Permanently", n, "Location: /live")) as camera:
        assert refused(f"{camera.url}/live") == "not found"
        assert len(camera.requests) == REDIRECTS


def test_a_camera_that_hangs_up_in_the_middle_of_the_session() -> None:
    def answer(method: str, _: str, number: str) -> bytes | None:
        return response("200 OK", number, "Public: DESCRIBE") if method == "OPTIONS" else None

    with server(answer) as camera:
        assert refused(f"{camera.url}/live") == "ended"


def test_a_camera_that_plays_and_sends_nothing_is_given_up_in_time() -> None:
    def answer(method: str, _: str, number: str) -> bytes:
        session = (
            ["Session: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"] if method in ("SETUP", "PLAY") else []
        )
        headers = ["Public: DESCRIBE, SETUP, PLAY", *session]
        return response("200 OK", number, *headers, body=VIDEO if method == "DESCRIBE" else b"")

    with server(answer) as camera:
        began = time.monotonic()
        assert refused(f"{camera.url}/live") == "timeout"
        assert time.monotonic() - began < 15


def test_a_camera_that_accepts_and_does_not_answer_is_tried_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert refused(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live") == "timeout"
        assert time.monotonic() - began < 2 * SOON.open_timeout_s
