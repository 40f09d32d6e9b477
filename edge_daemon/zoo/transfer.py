"""One HTTP request for a file, from a given byte: redirects, credentials, proxies, and failures told apart."""

import errno
import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from edge_daemon.errors import ModelError
from edge_daemon.log import redact
from edge_daemon.zoo.paths import checked_address

CHUNK = 2**16
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_REFUSALS = {401: "it asks for a password", 403: "access is denied", 404: "there is no such file", 410: "it is gone"}
_UNREACHABLE = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_CONTENT_RANGE = re.compile(r"\s*bytes (\d+)-\d+/(\d+|\*)\s*")


class Lost(Exception):
    """The connection broke, or the server is busy: another attempt may help. The text is the reason."""


class Unreachable(Exception):
    """There is no way to the server, and another attempt at once would not help. The text is the reason."""


@dataclass(frozen=True)
class Answer:
    """The body of an answer. It begins at byte `start` of a file of `total` bytes, if the server says how many.

    `start` is -1 if the server sends something else than the part that was requested.
    """

    start: int
    total: int | None
    chunks: Iterator[bytes]


@contextmanager
def opened(address: str, start: int, timeout_s: float) -> Iterator[Answer]:
    """Request the file at `address` from byte `start` on; a server that knows no parts sends all of it.

    Raises:
        Lost: another attempt may help; raised while the body is read, too.
        Unreachable: there is no way to the server.
        ModelError: the server refuses, is not trusted, or redirects to an unsafe address.
    """
    try:
        response = _open(address, start, timeout_s)
    except (HTTPException, OSError) as error:
        raise _failure(getattr(error, "reason", error)) from error
    with response:
        status = response.status or 0
        if status in _BUSY:
            raise Lost(f"HTTP {status}")
        if not 200 <= status < 300 and status != 416:
            raise ModelError(f"{_REFUSALS.get(status, 'the server refuses')} (HTTP {status}): check the address")
        yield Answer(*_extent(response), _chunks(response))


def _open(address: str, start: int, timeout_s: float) -> HTTPResponse | HTTPError:
    """The answer behind all redirects. Credentials in `address` are sent to the first server alone."""
    try:
        parts = urlsplit(checked_address(address))
    except ValueError as error:
        raise ModelError(str(error)) from error
    credentials, _, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": "edge-daemon"})
    if credentials:
        token = b64encode(unquote(credentials).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    if start:
        request.add_header("Range", f"bytes={start}-")
    # http:// is this machine itself, for which no proxy is used.
    opener = build_opener(_SafeRedirects, ProxyHandler({} if parts.scheme == "http" else None))
    try:
        response: HTTPResponse = opener.open(request, timeout=timeout_s)
    except HTTPError as error:
        return error
    return response


class _SafeRedirects(HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        with suppress(ValueError):
            checked_address(newurl)
            if urlsplit(newurl).scheme == "https" or urlsplit(req.full_url).scheme == "http":
                return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        fp.close()
        raise ModelError(f"sends on to {redact(newurl)}, which is not https: nothing fetched")


def _extent(response: HTTPResponse | HTTPError) -> tuple[int, int | None]:
    if response.status not in (206, 416):
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    if match := _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "")):
        return int(match[1]), None if match[2] == "*" else int(match[2])
    return -1, None


def _chunks(response: HTTPResponse | HTTPError) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except (HTTPException, OSError) as error:
        raise _failure(error) from error


def _failure(reason: object) -> Exception:
    match reason:
        case ssl.SSLCertVerificationError():
            return ModelError(
                f"the server's certificate is not trusted ({reason.verify_message}): "
                "check this machine's clock and its ca-certificates"
            )
        case socket.gaierror():
            return Unreachable("name resolution failed")
        case TimeoutError():
            return Lost("timed out")
        case OSError(errno=code) if code in _UNREACHABLE:
            return Unreachable(os.strerror(code).lower())
        case OSError(strerror=str(text)):
            return Lost(text.lower())
    return Lost(redact(str(reason) or type(reason).__name__).lower())
