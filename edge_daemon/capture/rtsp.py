"""The first words of an RTSP session (RFC 2326)."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_daemon.capture.http import MOVED, REDIRECTS, Url, in_a_circle
from edge_daemon.capture.http_auth import answer, challenges
from edge_daemon.capture.tls import Trust

MAX_HEAD = 1 << 16
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})")


def status_of(url: Url, trust: Trust, timeout_s: float) -> int:
    """Status of a server's response to DESCRIBE, with user and password if it requires them.

    Raises:
        OSError: it does not answer, or speaks another language.
    """
    with connect_rtsp(url, trust, timeout_s) as line:
        status, head = describe(line, url)
        if status == 401 and url.user is not None:
            given = answer(challenges(challenge_headers(head)), "DESCRIBE", url.bare, url.user, url.password)
            status, _ = describe(line, url, given)
        return status


def followed(url: Url, trust: Trust, timeout_s: float) -> Url:
    """The URL to which the camera redirects on its own server, or `url`: FFmpeg follows anywhere, and for ever.

    It is asked for its OPTIONS: servers prepare their media for a DESCRIBE, and may refuse a second one at once.

    Raises:
        SourceError: it redirects to another server, or too often.
        OSError: it does not answer, or speaks another language.
    """
    for _ in range(REDIRECTS):
        with connect_rtsp(url, trust, timeout_s) as line:
            status, head = _request(line, f"OPTIONS {url.bare} RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        location = next(_headers(head, "location"), "")
        if status not in MOVED or not location:
            return url
        url = url.moved(location)
    raise in_a_circle()


def peers() -> dict[int, str]:
    """IP addresses of the servers that this process is connected to, by the numbers (inodes) of the sockets."""
    found = {}
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it is closed by now, or connected to nobody
            if file.is_socket():
                with socket.socket(fileno=os.dup(int(file.name))) as line:
                    if line.family in (socket.AF_INET, socket.AF_INET6):
                        found[file.stat().st_ino] = str(line.getpeername()[0])
    return found


def addresses(url: Url) -> set[str]:
    """IP addresses of the server of `url`; none if its name cannot be looked up."""
    with suppress(OSError):
        return {str(address[0]) for *_, address in socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)}
    return set()


def connect_rtsp(url: Url, trust: Trust, timeout_s: float) -> socket.socket:
    """A connection to the server of `url`, over TLS if it is rtsps.

    Raises:
        OSError: there is none.
    """
    if url.scheme == "rtsps":
        return trust.connect(url.host, url.port, timeout_s)
    return socket.create_connection((url.host, url.port), timeout_s)


def describe(line: socket.socket, url: Url, authorization: str | None = None) -> tuple[int, bytes]:
    """Status and head of the response to DESCRIBE.

    Raises:
        OSError: there is none.
    """
    ask = f"DESCRIBE {url.bare} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n"
    return _request(line, ask + (f"Authorization: {authorization}\r\n" if authorization else "") + "\r\n")


def _request(line: socket.socket, text: str) -> tuple[int, bytes]:
    line.sendall(text.encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
        more = line.recv(1 << 12)
        if not more:
            break
        head += more
    if not (found := _STATUS.match(head)):
        raise ConnectionResetError("no RTSP")
    return int(found[1]), head


def challenge_headers(head: bytes) -> Iterator[str]:
    """The `WWW-Authenticate` headers of a response."""
    return _headers(head, "www-authenticate")


def _headers(head: bytes, wanted: str) -> Iterator[str]:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == wanted:
            yield value.strip()
