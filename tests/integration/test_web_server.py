"""The web's listener under clients that send too much, too slowly, too often, or do not read."""

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from edge_daemon.errors import StartError
from edge_daemon.settings import WebSettings
from edge_daemon.web import acceptor
from edge_daemon.web.acceptor import CROWDED
from edge_daemon.web.access import Access
from edge_daemon.web.connection import MAX_FIELDS, MAX_HEAD, MAX_PIPELINED
from edge_daemon.web.connections import LEAST, PERIOD_S
from edge_daemon.web.guard import Guard
from edge_daemon.web.rejections import Rejections
from edge_daemon.web.server import Server, listening
from tests.acceptance.harness import START_S, free_port
from tests.http_files import self_signed
from tests.waiting import eventually

Message = MutableMapping[str, Any]
SPEED = 10.0
"""How much faster the clock of deadlines runs in these tests."""
GET = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = 32 << 20


async def app(scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
    """Answers with the length of the body, or with a large body, or only when the client leaves."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    if scope["path"] == "/wait":
        while (await receive())["type"] != "http.disconnect":
            continue
    body = bytes(LARGE) if scope["path"] == "/large" else b"%d bytes" % length
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


class Site:
    """A server, and clients of it."""

    def __init__(self, settings: WebSettings, most: int) -> None:
        self.rejections, self.port = Rejections(), int(settings.listen.rpartition(":")[2])
        began = time.monotonic()
        self.settings, self._listener = settings, listening(settings.listen)
        self.server = Server(
            Guard(app, Access({}, []), ""),
            self._listener,
            settings,
            self.rejections,
            most=most,
            clock=lambda: began + SPEED * (time.monotonic() - began),
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        eventually(lambda: self.server.started, START_S, what="the server")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.server.serve(sockets=[self._listener]))

    def do(self, what: Callable[[], object]) -> None:
        """Run something in the server's thread, and wait until it has."""

        async def run() -> None:
            what()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_S)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), START_S, source_address=(address, 0))

    def ask(self, data: bytes = GET % b"") -> tuple[int, bytes]:
        """Status and body of the answer on a connection of its own."""
        with self.connect() as link:
            link.sendall(data)
            return answer(link)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self.server.leave)
        self._thread.join(START_S)


def answer(link: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer; 0 if the server closes instead."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            received = link.recv(65536)
        except ConnectionError:
            received = b""
        if not received:
            return 0, data
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length and (received := link.recv(65536)):
        body += received
    return int(head.split()[1]), body


def is_closed(link: socket.socket) -> bool:
    """True once the server has closed a connection to which it sends nothing more."""
    link.settimeout(0.05)
    try:
        return not link.recv(65536)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def sent_until_closed(link: socket.socket, piece: bytes, most: int) -> int:
    """How many bytes the server takes before it closes the connection, up to `most`."""
    count = 0
    try:
        while count < most:
            count += link.send(piece)
    except ConnectionError:
        pass
    return count


@contextmanager
def serving(most: int = 200, **more: Any) -> Iterator[Site]:
    settings = WebSettings(
        listen=f"127.0.0.1:{free_port()}", dispatcher="", published="", replies="", cameras=[], models=[], **more
    )
    with closing(Site(settings, most)) as site:
        yield site


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def test_what_is_usual_passes(site: Site) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(MAX_FIELDS - 2))
    assert site.ask(head + b"Content-Length: 3\r\n\r\nabc") == (200, b"3 bytes")
    large = b"Cookie: " + b"a" * (MAX_HEAD - 100) + b"\r\n"
    assert site.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + large + b"\r\n") == (200, b"0 bytes")
    chunks = b"".join(b"%x\r\n%b\r\n" % (8192, bytes(8192)) for _ in range(1000)) + b"0\r\n\r\n"
    chunked = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert site.ask(chunked + chunks) == (200, b"%d bytes" % (8192 * 1000))
    with site.connect() as link:
        link.sendall(GET % b"" * MAX_PIPELINED)
        received = b""
        while received.count(b"0 bytes") < MAX_PIPELINED and (more := link.recv(65536)):
            received += more
        assert received.count(b"HTTP/1.1 200 OK\r\n") == received.count(b"0 bytes") == MAX_PIPELINED
    assert not site.rejections.counts


@pytest.mark.parametrize(
    "begin",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;x=",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\nX: ",
    ],
)
def test_an_endless_line_is_cut_off_early(site: Site, begin: bytes) -> None:
    with site.connect() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        link.sendall(begin)
        assert sent_until_closed(link, b"a" * 4096, 64 << 20) < 8 << 20
    assert site.rejections.counts["oversized head"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        b"".join(b"X-%d: a\r\n" % number for number in range(MAX_FIELDS + 1)),
        b"X: " + b"a" * MAX_HEAD + b"\r\n",
        b"".join(b"X-%d: %b\r\n" % (number, b"a" * (MAX_HEAD // 50)) for number in range(51)),
    ],
)
def test_a_head_that_is_too_large_is_refused_with_a_sentence(site: Site, fields: bytes) -> None:
    status, body = site.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
    assert status == 431
    assert f"more than {MAX_HEAD} bytes or {MAX_FIELDS} fields" in json.loads(body)["detail"]


def test_fields_after_a_body_count_too(site: Site) -> None:
    begin = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    status, _ = site.ask(begin + b"".join(b"X-%d: a\r\n" % number for number in range(MAX_FIELDS)) + b"\r\n")
    assert status == 431


def test_tiny_chunks_are_no_body(site: Site) -> None:
    begin = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with site.connect() as link:
        link.sendall(begin)
        assert sent_until_closed(link, b"1\r\na\r\n" * 1000, 64 << 20) < 16 << 20


def test_requests_do_not_queue_without_end(site: Site) -> None:
    with site.connect() as link:
        link.sendall(GET % b"wait" + GET % b"" * (MAX_PIPELINED + 1))
        eventually(lambda: is_closed(link), START_S)
    assert site.ask() == (200, b"0 bytes")


def test_what_is_no_http_is_refused_and_not_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    for data in (b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"):
        status, body = site.ask(data)
        assert status == 400
        assert json.loads(body)["detail"] == "this is not an HTTP request"
    assert site.rejections.counts == {"malformed request": 3}
    assert caplog.text == ""


def test_who_leaves_amid_a_request_is_no_error(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    for data in (
        GET % b"wait",
        GET % b"large",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
    ):
        with site.connect() as link:
            link.sendall(data)
    eventually(lambda: not site.server.server_state.connections, START_S)
    eventually(lambda: not site.server.server_state.tasks, START_S)
    assert caplog.text == ""


def test_an_upgrade_that_is_not_offered_is_an_ordinary_request(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    fields = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    assert site.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n") == (200, b"0 bytes")
    assert caplog.text == ""


# slow clients


def test_who_sends_nothing_is_hung_up_on(site: Site) -> None:
    began = time.monotonic()
    with site.connect() as link:
        eventually(lambda: is_closed(link), START_S)
    assert time.monotonic() - began > PERIOD_S / SPEED
    assert not site.rejections.counts, "browsers do it, too"


def test_a_head_has_to_be_complete_in_time(site: Site) -> None:
    with site.connect() as link, site.connect() as again:
        again.sendall(GET % b"")
        answer(again)
        for one in (link, again):
            one.sendall(b"GET / HTTP/1.1\r\n")
        deadline = time.monotonic() + START_S
        while site.rejections.counts["slow head"] != 2 and time.monotonic() < deadline:
            for one in (link, again):
                one.send(b"X: y\r\n")
            time.sleep(0.05)
        status, body = answer(link)
    assert status == 408
    assert "no complete request head within" in json.loads(body)["detail"]


def test_a_body_has_to_go_on(site: Site) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (20 * LEAST)
    with site.connect() as stalled, site.connect() as slow:
        for link in (stalled, slow):
            link.sendall(head)
        stalled.sendall(bytes(19 * LEAST))
        for _ in range(20):  # a part in each half of a period
            slow.sendall(bytes(LEAST))
            time.sleep(PERIOD_S / SPEED / 2)
        assert answer(slow) == (200, b"%d bytes" % (20 * LEAST))
        assert answer(stalled)[0] == 408
    assert site.rejections.counts == {"slow body": 1}


def test_who_does_not_read_is_hung_up_on_and_who_reads_slowly_is_not(site: Site) -> None:
    with site.connect() as stalled, site.connect() as slow:
        for link in (stalled, slow):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LEAST)
            link.sendall(GET % b"large")
        stalled.recv(1)
        until, count = time.monotonic() + 3 * PERIOD_S / SPEED, 0
        while time.monotonic() < until or not site.rejections.counts["slow answer"]:
            count += len(slow.recv(4 * LEAST))
            assert count < LARGE, "it was all read before anything happened"
            time.sleep(0.1)
        while received := slow.recv(1 << 20):
            count += len(received)
            if count >= LARGE:
                break
        assert count >= LARGE
        eventually(lambda: len(site.server.server_state.connections) == 1, START_S)
    assert site.rejections.counts == {"slow answer": 1}


def test_a_stream_may_be_silent(site: Site) -> None:
    with site.connect() as link:
        link.sendall(GET % b"wait")
        for _ in range(30):
            assert not is_closed(link)
            time.sleep(0.1)


# many clients


def test_many_idle_connections_leave_room() -> None:
    with serving(20) as site:
        idle = [site.connect() for _ in range(60)]
        for _ in range(3):
            assert site.ask() == (200, b"0 bytes")
        eventually(lambda: len(site.server.server_state.connections) <= 10, START_S)
        for link in idle:
            link.close()


def test_idle_connections_of_many_addresses_leave_room() -> None:
    with serving(20) as site:
        idle = [site.connect(f"127.0.0.{2 + number % 40}") for number in range(80)]
        assert site.ask() == (200, b"0 bytes")
        eventually(lambda: len(site.server.server_state.connections) <= 20, START_S)
        for link in idle:
            link.close()


def test_where_all_are_at_work_more_are_refused() -> None:
    with serving(4) as site:
        working = [site.connect() for _ in range(2)]
        for link in working:
            link.sendall(GET % b"wait")
        eventually(lambda: len(site.server.server_state.tasks) == 2, START_S)
        with site.connect() as link:
            assert link.recv(1000) == CROWDED
        with site.connect("127.0.0.2") as other:
            other.sendall(GET % b"")
            assert answer(other) == (200, b"0 bytes")
        assert site.rejections.counts == {"too many connections": 1}
        for link in working:
            link.close()


def test_who_leaves_makes_room() -> None:
    with serving(4) as site:
        for _ in range(3):
            working = [site.connect() for _ in range(2)]
            for link in working:
                link.sendall(GET % b"wait")
            eventually(lambda: len(site.server.server_state.tasks) == 2, START_S)
            for link in working:
                link.close()
            eventually(lambda: not site.server.server_state.connections, START_S)
        assert site.ask() == (200, b"0 bytes")
        assert not site.rejections.counts


def test_a_named_proxy_may_use_all_connections() -> None:
    with serving(4, proxies=["127.0.0.1"]) as site:
        working = [site.connect() for _ in range(3)]
        for link in working:
            link.sendall(GET % b"wait")
        assert site.ask() == (200, b"0 bytes")
        for link in working:
            link.close()


# TLS


def handshake(site: Site, trusted: Path) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(trusted))
    with site.connect() as link, context.wrap_socket(link, server_hostname="127.0.0.1") as secure:
        secure.sendall(GET % b"")
        return answer(secure)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    certificate, key = self_signed(tmp_path)
    with serving(20, certificate=str(certificate), key=str(key)) as site:
        yield site, certificate


def test_handshakes_that_do_not_end_leave_room(secure: tuple[Site, Path]) -> None:
    site, certificate = secure
    idle = [site.connect() for _ in range(60)]
    assert handshake(site, certificate) == (200, b"0 bytes")
    assert sum(map(is_closed, idle)) >= 49
    for link in idle:
        link.close()


def test_a_handshake_has_to_end_in_time(secure: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "HANDSHAKE_S", 0.2)
    site, certificate = secure
    with site.connect() as silent:
        eventually(lambda: is_closed(silent), 5.0)
    assert handshake(site, certificate) == (200, b"0 bytes")


def test_who_speaks_no_tls_costs_nothing(secure: tuple[Site, Path], caplog: pytest.LogCaptureFixture) -> None:
    site, certificate = secure
    for data in (GET % b"", b"\x16\x03\x01\xff\xff", b""):
        with site.connect() as link:
            link.sendall(data)
    assert handshake(site, certificate) == (200, b"0 bytes")
    assert caplog.text == ""


def test_who_does_not_read_over_tls_is_hung_up_on(secure: tuple[Site, Path]) -> None:
    site, certificate = secure
    context = ssl.create_default_context(cafile=str(certificate))
    with site.connect() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LEAST)
        with context.wrap_socket(link, server_hostname="127.0.0.1") as stalled:
            stalled.sendall(GET % b"large")
            eventually(lambda: site.rejections.counts["slow answer"], START_S)
            eventually(lambda: not site.server.server_state.connections, START_S)


def test_a_renewed_certificate_is_used_for_new_connections(secure: tuple[Site, Path], tmp_path: Path) -> None:
    site, certificate = secure
    old = tmp_path / "old.crt"
    old.write_bytes(certificate.read_bytes())
    self_signed(tmp_path)
    assert handshake(site, old) == (200, b"0 bytes")
    site.do(lambda: site.server.use_certificate(site.settings))
    renewed = tmp_path / "renewed.crt"
    renewed.write_bytes(certificate.read_bytes())
    assert handshake(site, renewed) == (200, b"0 bytes")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(site, old)
    certificate.write_bytes(old.read_bytes())
    with pytest.raises(StartError, match="they do not belong together"):
        site.do(lambda: site.server.use_certificate(site.settings))
    assert handshake(site, renewed) == (200, b"0 bytes")
