"""Finds out why a camera on the network cannot be opened: FFmpeg does not say, so the camera is asked directly."""

import re
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPException

from edge_daemon.capture.http import HttpClient, StatusError
from edge_daemon.capture.http_auth import answer, challenges
from edge_daemon.capture.tls import ANY, Trust
from edge_daemon.errors import SourceError

TIMEOUT_S = 5.0
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})")
_BY_STATUS = {200: "decode error", 401: "unauthorised", 403: "unauthorised", 404: "not found", 410: "not found"}


def why(source: str, timeout_s: float = TIMEOUT_S, trust: Trust = ANY) -> str:
    """A word or two: refused, unauthorised, not found, timeout, unreachable, decode error, or `answers 503`.

    `decode error` remains when the camera answers as it should. Credentials in the URL are used as a player would use
    them, and never reported.
    """
    timeout_s = min(timeout_s, TIMEOUT_S)
    try:
        parts = urllib.parse.urlsplit(source)
        if parts.scheme.lower() in ("rtsp", "rtsps"):
            return _said(_rtsp_status(parts, timeout_s, trust))
        HttpClient(source, timeout_s, trust).get().close()
        return "decode error"
    except SourceError as error:
        return error.reason
    except (OSError, ValueError, HTTPException) as error:
        return reason_of(error)


def reason_of(error: Exception) -> str:
    """One-word reason of a failed connection."""
    match error:
        case StatusError():
            return _said(error.status)
        case ConnectionRefusedError():
            return "refused"
        case TimeoutError():
            return "timeout"
        case socket.gaierror():
            return "unknown host"
        case ssl.SSLError():
            return "no trusted certificate"
        case ConnectionError() | HTTPException() | ValueError():
            return "ended"
    return "unreachable"


def _said(status: int) -> str:
    return _BY_STATUS.get(status, f"answers {status}")


def _credentials(parts: urllib.parse.SplitResult) -> tuple[str, str]:
    return urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")


def _rtsp_status(parts: urllib.parse.SplitResult, timeout_s: float, trust: Trust) -> int:
    """Status of an RTSP server's response to DESCRIBE (RFC 2326, section 10.2), with credentials if required."""
    secure = parts.scheme.lower() == "rtsps"
    host, port = parts.hostname or "", parts.port or (322 if secure else 554)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
    url = parts._replace(netloc=netloc).geturl()
    with ExitStack() as stack:
        line: socket.socket = stack.enter_context(
            trust.connect(host, port, timeout_s) if secure else socket.create_connection((host, port), timeout_s)
        )
        status, head = _describe(line, url, 1, "")
        if status == 401 and parts.username is not None:
            credentials = answer(challenges(_challenges(head)), "DESCRIBE", url, *_credentials(parts))
            status, _ = _describe(line, url, 2, credentials or "")
        return status


def _describe(line: socket.socket, url: str, number: int, authorization: str) -> tuple[int, bytes]:
    ask = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n"
    line.sendall((ask + (f"Authorization: {authorization}\r\n" if authorization else "") + "\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16:
        more = line.recv(1 << 12)
        if not more:
            break
        head += more
    if not (found := _STATUS.match(head)):
        raise ConnectionResetError("no RTSP")
    return int(found[1]), head


def _challenges(head: bytes) -> Iterator[str]:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "www-authenticate":
            yield value
