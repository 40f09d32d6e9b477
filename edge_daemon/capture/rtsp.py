"""The first words of an RTSP session (RFC 2326)."""

import re
import socket
from collections.abc import Iterator

from edge_daemon.capture.http import Url
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
    line.sendall((ask + (f"Authorization: {authorization}\r\n" if authorization else "") + "\r\n").encode())
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
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "www-authenticate":
            yield value
