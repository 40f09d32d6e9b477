"""HTTP cameras as the world has them: framings, snapshots, passwords, certificates and redirects, on real sockets."""

import hashlib
import io
import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from edge_daemon.capture.camera import Camera
from edge_daemon.capture.gateway import Requests, RtspGateway
from edge_daemon.capture.http import Url
from edge_daemon.capture.mjpeg import MjpegCamera
from edge_daemon.capture.picture import Picture, Source
from edge_daemon.capture.snapshot import SnapshotCamera
from edge_daemon.capture.source import open_source
from edge_daemon.capture.tls import Trust
from edge_daemon.errors import SourceError
from edge_daemon.settings import OpenSettings
from tests.http_camera import jpeg
from tests.progressive import progressive
from tests.video_files import HEVC, OPEN_GOP, level_of, write_video

Answer = Callable[[str, dict[str, str]], bytes | Iterator[bytes]]
SOON = OpenSettings(fps=20, open_timeout_s=3, read_timeout_s=3)


class Server:
    """Answers each request by a function of its path and headers, and remembers the requests."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self._answer, self._context = answer, context
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.gone = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.gone.is_set():
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            if self._context:
                line = self._context.wrap_socket(line, server_side=True)
            with line:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (some := line.recv(4096)):
                        return
                    head += some
                first, *rest = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
                path = first.split()[1]
                self.requests.append((path, headers))
                sent = self._answer(path, headers)
                for part in [sent] if isinstance(sent, bytes) else sent:
                    line.sendall(part)
                    if not isinstance(sent, bytes) and self.gone.wait(0.02):
                        return
        except OSError:
            return

    def close(self) -> None:
        self.gone.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@contextmanager
def server(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    one = Server(answer, context)
    try:
        yield one
    finally:
        one.close()


def response(content: bytes, kind: str = "image/jpeg", *more: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *more]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def endless(kind: str, parts: Sequence[bytes]) -> Iterator[bytes]:
    yield f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
    while True:
        yield from parts


def pictures(source: Source, count: int) -> list[Picture]:
    found: list[Picture] = []
    while len(found) < count:
        if picture := source.read():
            found.append(picture)
    return found


def part(content: bytes, boundary: bytes = b"--cam") -> bytes:
    return boundary + b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content) + content + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "framed"),
    [
        ("multipart/x-mixed-replace; boundary=cam", part),
        ("multipart/x-mixed-replace; boundary=other", part),
        ("multipart/x-mixed-replace", part),
        ("multipart/mixed; boundary=--cam", lambda content: part(content, b"----cam")),
        ("application/octet-stream", part),
        ("video/x-motion-jpeg", lambda content: content),
        ("image/jpeg", lambda content: content),
        # A boundary line twice, the first without a head, as Foscam's cameras send it.
        ("multipart/x-mixed-replace;boundary=cam", lambda content: b"--cam\r\n" + part(content)),
        # No length, as Mobotix' cameras.
        (
            "multipart/x-mixed-replace; boundary=cam",
            lambda content: b"--cam\r\nContent-Type: image/jpeg\r\n\r\n" + content + b"\r\n",
        ),
    ],
)
def test_streams_are_read_whatever_they_call_themselves(kind: str, framed: Callable[[bytes], bytes]) -> None:
    shown = [jpeg(value, 64, 48) for value in (10, 100, 200)]
    with server(lambda *_: endless(kind, [framed(one) for one in shown])) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/", SOON)
        assert isinstance(source, MjpegCamera)
        assert [picture.jpeg for picture in pictures(source, 6)] == shown * 2
        source.close()


@pytest.mark.parametrize("has_lengths", [True, False], ids=["as an ESP32-CAM", "as FastAPI"])
def test_a_stream_may_come_in_chunks(has_lengths: bool) -> None:
    shown = [jpeg(value, 64, 48) for value in (10, 100, 200)]

    def chunks(*_: object) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=f\r\n"
        yield b"Transfer-Encoding: chunked\r\n\r\n"
        while True:
            for one in shown:
                length = b"Content-Length: %d\r\nX-Timestamp: 12.34\r\n" % len(one) if has_lengths else b""
                for data in (b"\r\n--f\r\n", b"Content-Type: image/jpeg\r\n" + length + b"\r\n", one):
                    yield b"%x\r\n%s\r\n" % (len(data), data)

    with server(chunks) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/", SOON)
        assert [picture.jpeg for picture in pictures(source, 6)] == shown * 2
        source.close()


def test_a_stream_of_parts_that_are_no_pictures_is_given_up() -> None:
    video = b"--cam\r\nContent-Type: video/x-h264\r\nContent-Length: 3000\r\n\r\n" + b"\0\0\0\1\x65" * 600 + b"\r\n"
    with (
        server(lambda *_: endless("multipart/x-mixed-replace;boundary=cam", [video] * 50)) as camera,
        closing(open_source(f"http://127.0.0.1:{camera.port}/", SOON)) as source,
        pytest.raises(SourceError, match="something else than pictures") as caught,
    ):
        pictures(source, 1)
    assert caught.value.reason == "decode error"


@pytest.mark.parametrize("kind", ["multipart/x-mixed-replace; boundary=cam", "image/jpeg"])
def test_a_picture_that_a_telephone_took_upright_is_shown_so(kind: str) -> None:
    image = Image.new("RGB", (64, 48), (200, 10, 10))
    image.paste((10, 10, 200), (0, 0, 64, 8))
    turned = image.getexif()
    turned[0x0112] = 6  # to be turned to the right by a quarter
    file = io.BytesIO()
    image.save(file, "JPEG", exif=turned)
    sent = file.getvalue()
    stream = kind.startswith("multipart")
    with server(lambda *_: endless(kind, [part(sent)]) if stream else response(sent)) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/snap.jpg", SOON)
        (picture,) = pictures(source, 1)
        assert picture.size == (48, 64)
        assert picture.bgr[32, 44, 0] > 150, "blue is on the right now"
        source.close()


def test_bad_parts_are_counted_and_passed_over() -> None:
    good, slow = jpeg(10, 64, 48), progressive(4000, 4000, 400)
    bad = [b"no picture", good[: len(good) // 2], slow, good[40:]]
    parts = [part(good), *map(part, bad)]
    with server(lambda *_: endless("multipart/x-mixed-replace; boundary=cam", parts)) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/", SOON)
        began = time.process_time()
        assert all(picture.jpeg == good for picture in pictures(source, 3))
        assert source.lost == 2 * len(bad)
        assert time.process_time() - began < 5, "the slow one is refused before it is decoded: that takes 10 s"
        source.close()


def test_a_camera_of_nothing_but_bad_parts_is_given_up() -> None:
    with server(lambda *_: endless("multipart/x-mixed-replace", [part(b"no picture") * 50])) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/", SOON)
        with pytest.raises(SourceError, match="something else than usable JPEGs"):
            pictures(source, 1)
        source.close()


def test_a_jpeg_without_its_end_is_shown_whole() -> None:
    whole = jpeg(10, 64, 48)
    with server(lambda *_: endless("multipart/x-mixed-replace", [part(whole[:-2])])) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/", SOON)
        (picture,) = pictures(source, 1)
        assert picture.jpeg == whole
        assert (picture.bgr == 10).all()
        source.close()


def test_snapshots_are_requested_at_the_rate_and_only_if_they_changed() -> None:
    shown = [jpeg(value, 64, 48) for value in (10, 100)]

    def answer(_: str, headers: dict[str, str]) -> bytes:
        count = len(camera.requests)
        tag = f'"{count // 4}"'
        if headers.get("if-none-match") == tag:
            return b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
        return response(shown[count // 4 % 2], "image/jpeg", f"ETag: {tag}")

    with server(answer) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/snap.jpg", SOON)
        assert isinstance(source, SnapshotCamera)
        found = pictures(source, 4)
        assert [picture.jpeg for picture in found] == [*shown, *shown]
        assert len(camera.requests) >= 12, "the others were not changed"
        slots = [int(picture.time_s * 20) for picture in found[1:]]
        assert slots == sorted(set(slots))
        source.request(5)
        slots = [int(picture.time_s * 5) for picture in pictures(source, 3)[1:]]
        assert slots == sorted(set(slots)), "another rate applies from the next request on"
        source.close()


def test_a_snapshot_without_a_length_is_told_from_a_stream() -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n"
    with server(lambda *_: head + jpeg(10, 64, 48)) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/snap.jpg", SOON)
        assert isinstance(source, SnapshotCamera)
        assert len(pictures(source, 3)) == 3
        source.close()


CHALLENGES = {
    "basic": 'Basic realm="cam"',
    "md5": 'Digest realm="cam", qop="auth", nonce="n0", opaque="0"',
    "sha": 'Digest realm="cam", qop="auth", algorithm=SHA-256, nonce="n0"',
    "strange": "Negotiate",
}


def accepted(headers: dict[str, str], offers: Sequence[str]) -> bool:
    """True if the password is proved by the strongest of the offers."""
    given = headers.get("authorization", "")
    if "sha" not in offers and "md5" not in offers:
        return given == "Basic bWU6cDpzcw=="
    hashed = hashlib.sha256 if "sha" in offers else hashlib.md5

    def h(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    fields = {name.strip(): value.strip('"') for name, _, value in (f.partition("=") for f in given[7:].split(","))}
    if not fields.get("response"):
        return False
    secret, what = h("me:cam:p:ss"), h(f"GET:{fields['uri']}")
    return fields["response"] == h(f"{secret}:n0:{fields['nc']}:{fields['cnonce']}:auth:{what}")


@pytest.mark.parametrize(
    "offers", [["basic"], ["md5"], ["sha"], ["md5", "sha"], ["sha", "md5"], ["basic", "sha"], ["strange", "basic"]]
)
def test_the_password_is_proved_as_strongly_as_the_camera_can_also_after_a_redirect(offers: list[str]) -> None:
    def answer(path: str, headers: dict[str, str]) -> bytes:
        if path == "/":
            return response(b"", "text/html", "Location: /snap.jpg?x=1", status="302 Found")
        if accepted(headers, offers):
            return response(jpeg(10, 64, 48))
        asked = [f"WWW-Authenticate: {CHALLENGES[offer]}" for offer in offers]
        return response(b"", "text/html", *asked, status="401 Unauthorized")

    with server(answer) as camera:
        source = open_source(f"http://me:p%3Ass@127.0.0.1:{camera.port}/", SOON)
        assert len(pictures(source, 3)) == 3
        assert len(camera.requests) <= 6, "it is asked once"
        source.close()
        with pytest.raises(SourceError) as caught:
            open_source(f"http://me:wrong@127.0.0.1:{camera.port}/", SOON)
        assert caught.value.reason == "unauthorised"


def test_a_redirect_to_another_server_is_not_followed() -> None:
    with server(lambda *_: response(jpeg(1))) as victim:
        to = f"Location: http://127.0.0.1:{victim.port}/admin?do=1"
        with server(lambda *_: response(b"", "text/html", to, status="302 Found")) as camera:
            with pytest.raises(SourceError, match="another server") as caught:
                open_source(f"http://127.0.0.1:{camera.port}/", SOON)
            assert caught.value.reason == "redirected"
        assert victim.requests == []


@pytest.mark.parametrize("by", ["playlist", "redirect"])
def test_ffmpeg_is_led_to_no_other_server(by: str, tmp_path: Path) -> None:
    segment = write_video(tmp_path / "a.ts", 25).read_bytes()
    with server(lambda *_: response(segment, "video/mp2t")) as victim:
        away = f"http://127.0.0.1:{victim.port}/admin.ts"

        def answer(path: str, _: dict[str, str]) -> bytes:
            if path == "/away.ts":
                return response(b"", "text/html", f"Location: {away}", status="302 Found")
            if path == "/own.ts":
                return response(segment, "video/mp2t")
            uris = ["own.ts", away if by == "playlist" else "away.ts"]
            lines = [f"#EXTINF:1,\n{uri}" for uri in uris]
            text = "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXT-X-VERSION:3", *lines, "#EXT-X-ENDLIST", ""])
            return response(text.encode(), "application/vnd.apple.mpegurl")

        with server(answer) as camera:
            source = open_source(f"http://127.0.0.1:{camera.port}/live.m3u8", SOON)
            assert isinstance(source, Camera)
            assert len(pictures(source, 20)) == 20, "its own segments are read"
            with pytest.raises(SourceError):
                pictures(source, 100)
            source.close()
            paths = [path for path, _ in camera.requests]
            assert "/own.ts" in paths
            assert "/admin.ts" not in paths
        assert victim.requests == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext, str]:
    """A camera's own certificate, for a name that is not its address; its file, a server's context, its fingerprint."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=camera"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    der = ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())
    return folder / "cert.pem", context, hashlib.sha256(der).hexdigest()


def test_a_cameras_own_certificate_is_accepted_if_it_is_named(
    certificate: tuple[Path, ssl.SSLContext, str], tmp_path: Path
) -> None:
    file, context, fingerprint = certificate
    with server(lambda *_: response(jpeg(10, 64, 48)), context) as camera:
        url = f"https://127.0.0.1:{camera.port}/snap.jpg"
        for opening in (OpenSettings(fps=20, ca=str(file)), OpenSettings(fps=20, fingerprint=fingerprint)):
            source = open_source(url, opening)
            assert len(pictures(source, 2)) == 2
            source.close()
        for opening in (OpenSettings(), OpenSettings(fingerprint="0" * 64)):
            with pytest.raises(SourceError) as caught:
                open_source(url, opening)
            assert caught.value.reason == "no trusted certificate"


def test_ffmpeg_reads_over_a_connection_whose_certificate_was_checked(
    certificate: tuple[Path, ssl.SSLContext, str], tmp_path: Path
) -> None:
    _, context, fingerprint = certificate
    video = write_video(tmp_path / "a.ts", 25).read_bytes()
    with server(lambda *_: response(video, "video/mp2t"), context) as camera:
        source = open_source(f"https://127.0.0.1:{camera.port}/a.ts", OpenSettings(fingerprint=fingerprint))
        assert isinstance(source, Camera)
        assert len(pictures(source, 20)) == 20
        source.close()


def test_an_rtsp_session_is_given_the_password_by_sha_256() -> None:
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                for answer in (
                    f"WWW-Authenticate: {CHALLENGES['basic']}\r\nWWW-Authenticate: {CHALLENGES['sha']}\r\n",
                    "",
                ):
                    heard.append(line.recv(4096).decode())
                    line.sendall(f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{answer}\r\n".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        gateway = RtspGateway(Url(f"rtsp://me:p%3Ass@127.0.0.1:{port}/s"), Trust(), 3)
        host, _, own = gateway.address.partition(":")
        with socket.create_connection((host, int(own))) as line:
            line.sendall(f"SETUP rtsp://{gateway.address}/s/track1 RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode())
            assert line.recv(4096).startswith(b"RTSP/1.0 401")
        thread.join()
        gateway.close()
    first, *_ = heard[1].split("\r\n")
    assert first == f"SETUP rtsp://127.0.0.1:{port}/s/track1 RTSP/1.0"
    assert "algorithm=SHA-256" in heard[1]
    assert "Authorization" not in heard[0]


def test_requests_and_binary_data_are_told_apart_however_they_are_cut() -> None:
    data = b"OPTIONS a RTSP/1.0\r\n\r\n" + b"$\x01\x00\x06\r\n\r\nxx" + b"PLAY a RTSP/1.0\r\nCSeq: 3\r\n\r\n"
    expected = data.replace(b"OPTIONS", b"!OPTIONS").replace(b"PLAY", b"!PLAY")
    for size in (1, 3, 10, 100):
        requests = Requests(lambda request: b"!" + request)
        assert b"".join(requests.feed(data[at : at + size]) for at in range(0, len(data), size)) == expected


def test_a_camera_joined_between_key_frames_is_alive(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.ts", 300, options={"g": "280", "bf": "0", "sc_threshold": "0"}).read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    joined = [*packets[:3], *packets[len(packets) // 8 :]]  # the tables, and what follows the first key frame

    def answer(*_: object) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"
        yield from (b"".join(joined[at : at + 2]) for at in range(0, len(joined), 2))

    with server(answer) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/a.ts", OpenSettings(open_timeout_s=20))
        states = []
        while source.read() is None:
            states.append(source.idle)
        assert set(states) == {"waiting for a key frame"}
        source.close()


@pytest.mark.parametrize(("codec", "options"), [("libx264", OPEN_GOP), ("libx265", HEVC)])
def test_frames_that_are_lost_on_the_way_are_counted_and_none_is_shown_smeared(
    codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    whole = write_video(tmp_path / "a.ts", 200, codec=codec, options=options).read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    luck = random.Random(1)
    damaged = [packet for at, packet in enumerate(packets) if at < 40 or luck.random() > 0.02]
    joined = packets[:3] + packets[len(packets) // 10 :]  # the tables, and what follows the first key frame
    for sent, least in ((packets, 0), (joined, 0), (damaged, 1 if codec == "libx265" else 0)):

        def answer(*_: object, sent: list[bytes] = sent) -> bytes:
            return b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + b"".join(sent)

        with server(answer) as camera:
            source = open_source(f"http://127.0.0.1:{camera.port}/a.ts", OpenSettings(read_timeout_s=3))
            shown: list[Picture] = []
            with suppress(SourceError):
                while True:
                    shown += pictures(source, 1)
            assert all(picture.bgr[10:, 10:].std() < 1 for picture in shown)
            levels = [round(float(picture.bgr[10:, 10:].mean())) for picture in shown]
            assert levels[0] in ((level_of(0) - 1, level_of(0)) if sent is not joined else range(60, 75))
            assert (source.lost > 0) == (least > 0), "frames before the first key frame are not lost"
            source.close()
