"""Downloads from a real server on this machine, with all that can break on the way."""

import hashlib
import os
import random
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.zoo.download import ATTEMPTS, Download
from tests.http_files import Files, self_signed, serving

CONTENT = random.Random(5).randbytes(300_000)
SUM = hashlib.sha256(CONTENT).hexdigest()
FETCH = """
import logging, resource, signal, sys
from pathlib import Path
from edge_daemon.errors import ModelError
from edge_daemon.zoo.download import Download
logging.basicConfig(level=logging.INFO, format="%(message)s")
address, sha256, target, most = sys.argv[1:]
if int(most):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
try:
    Download(address, sha256, Path(target)).fetch()
except ModelError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def files() -> Iterator[Files]:
    with serving(Files(contents={"/m.onnx": CONTENT})) as files:
        yield files


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "m.onnx"


def part(target: Path) -> Path:
    return target.with_name("m.onnx.part")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def got(files: Files, target: Path, **options: Any) -> list[float]:
    """Fetch the file, and check that it and nothing else is there; how long it paused between tries."""
    pauses: list[float] = []
    Download(files.url("/m.onnx"), SUM, target, pause=pauses.append, **options).fetch()
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["m.onnx"]
    return pauses


def refused(files: Files, target: Path, path: str = "/m.onnx", sha256: str = SUM, **options: Any) -> str:
    """What is said when it cannot be fetched; nothing has the target's name then."""
    pauses: list[float] = []
    with pytest.raises(ModelError) as caught:
        Download(files.url(path), sha256, target, pause=pauses.append, **options).fetch()
    assert not target.exists()
    return str(caught.value)


def test_a_file_and_how_far_it_is(files: Files, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert got(files, target, progress=lambda done, total: seen.append((done, total))) == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert files.requests == [("/m.onnx", None)]


def test_what_is_there_is_not_fetched_again(files: Files, target: Path) -> None:
    got(files, target)
    got(files, target)
    assert len(files.requests) == 1


def test_a_damaged_file_is_fetched_again(files: Files, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1] + b"x")
    got(files, target)


def test_goes_on_where_the_connection_broke(files: Files, target: Path) -> None:
    files.cuts = [100_000, 50_000]
    assert got(files, target) == [1.0, 2.0]  # the second brought less than a chunk
    first, second, third = (asked for _, asked in files.requests)
    assert (first, second, third) == (None, "bytes=100000-", "bytes=150000-")


def test_goes_on_where_an_earlier_run_ended(files: Files, target: Path) -> None:
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:123_456])
    got(files, target)
    assert files.requests == [("/m.onnx", "bytes=123456-")]


def test_an_earlier_run_that_ended_just_before_the_end(files: Files, target: Path) -> None:
    target.parent.mkdir()
    part(target).write_bytes(CONTENT)
    got(files, target)
    assert files.requests == []


@pytest.mark.parametrize("left", [b"other" * 100, CONTENT + b"more"], ids=["of another file", "too long"])
def test_what_was_left_does_not_fit(files: Files, target: Path, left: bytes) -> None:
    target.parent.mkdir()
    part(target).write_bytes(left)
    got(files, target)
    assert files.requests[-1] == ("/m.onnx", None)


@pytest.mark.parametrize("shift", [0, -7, 7])
def test_a_server_without_parts_or_with_others(files: Files, target: Path, shift: int) -> None:
    files.knows_ranges, files.range_shift, files.cuts = shift != 0, shift, [100_000]
    got(files, target)


def test_a_server_that_is_busy(files: Files, target: Path) -> None:
    files.statuses = [503, 429]
    assert got(files, target) == [1.0, 2.0]


def test_an_end_after_some_tries(files: Files, target: Path) -> None:
    files.cuts = [70_000] + [10] * 10
    said = refused(files, target)
    assert "broke off again and again (connection closed), at 700" in said
    assert len(files.requests) == ATTEMPTS
    assert part(target).stat().st_size == 70_000 + 10 * (ATTEMPTS - 1)


def test_a_server_that_says_nothing(files: Files, target: Path) -> None:
    files.gate.clear()
    files.contents["/m.onnx"] = CONTENT[:10]
    assert "(timed out)" in refused(files, target, timeout_s=0.1)


def test_another_file(files: Files, target: Path) -> None:
    said = refused(files, target, sha256="0" * 64)
    assert f"its sha256 is {SUM} and not 000" in said
    assert names(target.parent) == []


def test_another_file_over_a_bad_line(files: Files, target: Path) -> None:
    target.parent.mkdir()
    part(target).write_bytes(b"other" * 100)
    files.cuts = [100_000] * 3
    assert "is another file" in refused(files, target, sha256="0" * 64)
    assert names(target.parent) == []


def test_a_server_without_parts_over_a_bad_line(files: Files, target: Path) -> None:
    files.knows_ranges, files.cuts = False, [100_000, 200_000, 90_000, 200_000, 90_000, 200_000, 90_000]
    assert "broke off again and again" in refused(files, target)
    assert len(files.requests) == 6


@pytest.mark.parametrize(("status", "words"), [(404, "there is no such file (HTTP 404)"), (403, "access is denied")])
def test_a_server_that_refuses(files: Files, target: Path, status: int, words: str) -> None:
    files.statuses = [status]
    assert words in refused(files, target)
    assert len(files.requests) == 1


def test_a_proxy_of_the_environment(files: Files, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"user:p%40ss@127.0.0.1:{files.port}")
    monkeypatch.setenv("no_proxy", "localhost,other.example,fd00::/8,[::1]")
    with pytest.raises(ModelError, match="broke off again and again \\(tunnel connection failed: 403 forbidden\\)"):
        Download("https://models.example/m.onnx", SUM, target, pause=lambda _: None).fetch()
    assert files.requests == [("models.example:443", None)] * ATTEMPTS
    assert set(files.authorizations) == {"Basic dXNlcjpwQHNz"}
    assert got(files, target) == []  # this machine itself needs none


def test_certificates_of_the_system_and_a_host_that_needs_no_proxy(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "fd00::/8,[::1],127.0.0.1")
    with serving(Files(contents={"/m.onnx": CONTENT}), tls) as files:
        with start(files, target) as child:
            _, said = child.communicate(timeout=30)
            assert "the server's certificate is not trusted (self-signed certificate): check this machine's" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with start(files, target) as child:
            assert child.communicate(timeout=30)[1] == ""
    assert target.read_bytes() == CONTENT


def test_a_port_where_nobody_listens(target: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        said = refused(Files(port=port), target)
    assert said == (
        f"http://127.0.0.1:{port}/m.onnx: cannot be reached (connection refused): "
        f"connect this machine once, or copy the file to {target}"
    )


def test_a_machine_without_a_net(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    with pytest.raises(
        ModelError,
        match=r"//\*\*\*@models\.example/m\.onnx: cannot be reached \(name res",
    ):
        Download("https://user:hunter2@models.example/m.onnx", SUM, target).fetch()


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_that_is_too_large(files: Files, target: Path, tells_length: bool) -> None:
    files.tells_length = tells_length
    said = refused(files, target, limit=100_000)
    assert "should have 100000 bytes at most, and has " in said
    assert not part(target).exists()


@pytest.mark.parametrize("size", [10, len(CONTENT) + 1])
def test_a_file_of_another_size(files: Files, target: Path, size: int) -> None:
    assert f"should have {size} bytes, and has {len(CONTENT)} bytes" in refused(files, target, size=size)


def test_a_file_whose_length_only_the_catalogue_knows(files: Files, target: Path) -> None:
    files.tells_length, files.cuts = False, [100_000]
    got(files, target, size=len(CONTENT))


def test_sent_on_without_the_password(files: Files, target: Path) -> None:
    files.redirects["/old"] = files.url("/m.onnx")
    address = files.url("/old").replace("//", "//user:p%40ss@")
    Download(address, SUM, target).fetch()
    assert files.authorizations == ["Basic dXNlcjpwQHNz", None]


@pytest.mark.parametrize("elsewhere", ["http://models.example/m.onnx", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_sent_on_to_where_it_is_not_safe(files: Files, target: Path, elsewhere: str) -> None:
    files.redirects["/m.onnx"] = elsewhere
    refused(files, target)


def test_sent_round_in_circles(files: Files, target: Path) -> None:
    files.redirects["/m.onnx"] = "/m.onnx"
    assert "(HTTP 302)" in refused(files, target)


@pytest.mark.parametrize("address", ["http://models.example/m", "ftp://127.0.0.1/m", "m.onnx", "https://h:port/"])
def test_addresses_that_are_none(target: Path, address: str) -> None:
    with pytest.raises(ModelError, match="must be https"):
        Download(address, SUM, target).fetch()


def test_passwords_are_not_told(files: Files, target: Path) -> None:
    with pytest.raises(ModelError) as caught:
        Download(files.url("/no?token=hunter3").replace("//", "//user:hunter2@"), SUM, target).fetch()
    assert "hunter" not in str(caught.value)


def test_a_folder_that_cannot_be_one(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused(files, tmp_path / "file" / "m.onnx")
    assert "choose another folder with --cache" in said


def start(files: Files, target: Path, most: int = 0) -> subprocess.Popen[str]:
    """Fetch in another process, whose files may have at most so many bytes (0: any)."""
    command = [sys.executable, "-c", FETCH, files.url("/m.onnx"), SUM, str(target), str(most)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_full_disk(files: Files, target: Path) -> None:
    with start(files, target, most=100_000) as child:
        _, said = child.communicate(timeout=30)
    assert said.startswith(f"no room for m.onnx in {target.parent}: file too large: free some, or")
    assert child.returncode == 1
    assert not target.exists()
    assert part(target).stat().st_size <= 100_000
    got(files, target)
    assert files.requests[-1] == ("/m.onnx", "bytes=100000-")


def test_too_little_room_is_known_beforehand(files: Files, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(target.parent.parent)
    smaller = os.statvfs_result((disk.f_bsize, disk.f_frsize, disk.f_blocks, 0, 0, *tuple(disk)[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _: smaller)
    assert "no room for m.onnx" in refused(files, target)
    assert part(target).stat().st_size == 0


def test_two_processes_at_once(files: Files, target: Path) -> None:
    files.gate.clear()
    with start(files, target) as first:
        assert files.half_way.wait(30)
        with start(files, target) as second:
            assert second.stderr
            assert second.stderr.readline() == "another process is fetching m.onnx: waiting for it\n"
            files.gate.set()
            second.communicate(timeout=30)
        first.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["m.onnx"]
    assert len(files.requests) == 1


def test_the_second_of_two_takes_over(files: Files, target: Path) -> None:
    files.gate.clear()
    with start(files, target) as first:
        assert files.half_way.wait(30)
        with start(files, target) as second:
            assert second.stderr
            assert second.stderr.readline().startswith("another process")
            first.kill()
            files.gate.set()
            second.communicate(timeout=30)
        first.communicate(timeout=30)
    assert second.returncode == 0
    assert target.read_bytes() == CONTENT
