"""One HTTP request for a file, from a byte on: redirects, credentials, and what can go wrong, told apart.

`urllib` keeps to the proxies that the environment names. Only `download` imports this module.
"""

import errno
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from edge_daemon.errors import ModelError
from edge_daemon.log import redact
from edge_daemon.zoo.paths import checked_address

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_GONE = {404: "there is no such file", 410: "the file is gone", 401: "it asks for a password", 403: "access is denied"}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


class Lost(Exception):
    """The connection broke, or the server is busy: worth another try. Says in a few words what happened."""


class Unreachable(Exception):
    """There is no way to the server now, and another try at once would not find one. Says why."""


@dataclass(frozen=True)
class Answer:
    """The body of an answer. It begins at byte `start` of a file of `total` bytes, if the server says how many."""

    start: int
    total: int | None
    body: HTTPResponse

    def read(self, most: int) -> bytes:
        """Up to `most` bytes of it; none at its end, and where the connection broke.

        Raises:
            Lost: the connection broke, or nothing came for too long.
        """
        try:
            return self.body.read1(most)
        except (HTTPException, OSError) as error:
            raise Lost(_words(error)) from error


@contextmanager
def opened(address: str, start: int, timeout_s: float) -> Iterator[Answer]:
    """The file at `address` from byte `start` on, or from its beginning where the server knows no parts.

    Raises:
        Lost: worth another try.
        Unreachable: the server cannot be reached.
        ModelError: the server has no such file, or sends on to where it is not safe to go.
    """
    response = _open(address, start, timeout_s)
    begin, total = _extent(response)
    if begin not in (0, start):
        response.close()
        response = _open(address, 0, timeout_s)
        begin, total = _extent(response)
    with response:
        if begin not in (0, start):
            raise ModelError(f"{redact(address)}: the server sends parts that nobody asked for: use another address")
        yield Answer(begin, total, response)


def _open(address: str, start: int, timeout_s: float) -> HTTPResponse:
    try:
        response: HTTPResponse = _opener(address).open(_request(address, start), timeout=timeout_s)
    except HTTPError as error:
        with error:
            if error.code == 416 and start:  # what is here is longer than the file there
                return _open(address, 0, timeout_s)
            if error.code in _BUSY:
                raise Lost(f"HTTP {error.code}") from error
            reason = _GONE.get(error.code, "the server refuses")
            raise ModelError(f"{redact(address)}: {reason} (HTTP {error.code}): check the address") from error
    except URLError as error:
        raise _failure(error.reason, address) from error
    except (HTTPException, OSError) as error:
        raise _failure(error, address) from error
    return response


def _opener(address: str) -> OpenerDirector:
    """http:// is this machine itself: no proxy is asked for that."""
    return build_opener(_Redirects, ProxyHandler({} if address.lower().startswith("http://") else None))


class _Redirects(HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        try:
            checked_address(newurl)
        except ValueError:
            safe = False
        else:
            safe = urlsplit(newurl).scheme == "https" or urlsplit(req.full_url).scheme == "http"
        if not safe:
            fp.close()
            raise ModelError(
                f"{redact(req.full_url)}: sends on to {redact(newurl)}, which is not https: nothing fetched"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _request(address: str, start: int) -> Request:
    parts = urlsplit(address)
    credentials, _, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": "edge-daemon"})
    if credentials:  # for this server alone, not for those that it sends on to
        token = b64encode(unquote(credentials).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    if start:
        request.add_header("Range", f"bytes={start}-")
    return request


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Where the body begins, and how long the whole file is; -1 where the server does not say where."""
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if not match:
            return -1, None
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _failure(reason: object, address: str) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ModelError(
            f"{redact(address)}: the server's certificate is not trusted ({reason.verify_message}): "
            "check this machine's clock and its ca-certificates"
        )
    if isinstance(reason, socket.gaierror):
        return Unreachable("name resolution failed")
    if isinstance(reason, ConnectionRefusedError):
        return Unreachable("connection refused")
    if isinstance(reason, OSError) and reason.errno in _UNREACHABLE:
        return Unreachable(_words(reason))
    return Lost(_words(reason))


def _words(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "timed out"
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
    return redact(text).lower()
