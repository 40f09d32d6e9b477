"""Requests to cameras over HTTP: with the user and password of their URL, and never to another server."""

import http.client
import urllib.parse
from collections.abc import Mapping
from email.message import Message
from typing import Self

from edge_daemon.capture.http_auth import Challenge, answer, challenges
from edge_daemon.capture.tls import Trust
from edge_daemon.errors import SourceError

REDIRECTS = 5
"""Redirects that are followed for one request."""
_DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
MOVED = (301, 302, 303, 307, 308)
NOT_MODIFIED = 304
_SECURED = (("http", 80, "https", 443), ("rtsp", 554, "rtsps", 322))


class StatusError(OSError):
    """A server answers, with another `status` than the one that was hoped for."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Url:
    """A URL without its user and password, which are kept apart."""

    def __init__(self, text: str) -> None:
        parts = urllib.parse.urlsplit(text)
        self.scheme, self.host = parts.scheme.lower(), urllib.parse.unquote(parts.hostname or "")
        self.port = parts.port or _DEFAULT_PORTS.get(self.scheme, 0)
        self.user = None if parts.username is None else urllib.parse.unquote(parts.username)
        self.password = urllib.parse.unquote(parts.password or "")
        self.target = urllib.parse.quote(parts.path or "/", safe="/%!$&'()*+,;=:@~") + (
            f"?{urllib.parse.quote(parts.query, safe='/%!$&()*+,;=:@~?')}" if parts.query else ""
        )

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{_in_url(self.host)}:{self.port}"

    @property
    def bare(self) -> str:
        """This URL without user and password."""
        return self.server + self.target

    def text(self, scheme: str, server: str | None = None) -> str:
        """This URL with another scheme, and another server (`host:port`) if given. It holds the password."""
        quoted = [urllib.parse.quote(part, safe="") for part in (self.user, self.password) if part is not None]
        credentials = "" if self.user is None else ":".join(quoted) + "@"
        return f"{scheme}://{credentials}{server or f'{_in_url(self.host)}:{self.port}'}{self.target}"

    def same_server(self, other: Self) -> bool:
        """True if the other URL has the same scheme, host and port."""
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)

    def moved(self, location: str) -> Self:
        """This URL after a redirect, which may lead from HTTP and RTSP to the same over TLS.

        Raises:
            SourceError: it leads to another server.
        """
        to = type(self)(urllib.parse.urljoin(self.bare, location))
        secured = (self.scheme, self.port, to.scheme, to.port) in _SECURED
        if not (self.same_server(to) or (secured and to.host == self.host)):
            raise elsewhere()
        to.user, to.password = self.user, self.password
        return to


class Response:
    """The response to a request. Its connection serves the next request if its content was read to the end."""

    def __init__(self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
        self._response, self._connection = response, connection
        self.status = response.status
        self.headers: Message = response.headers

    def read1(self, most: int) -> bytes:
        """Some of what has arrived; empty at the end."""
        return self._response.read1(most)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


class HttpClient:
    """Requests one URL, again and again if need be; remembers how the server wants the password."""

    def __init__(self, url: str, timeout_s: float, trust: Trust | None = None) -> None:
        self.url, self._timeout_s, self._trust = Url(url), timeout_s, trust or Trust()
        self._challenges: list[Challenge] = []
        self._answered = 0  # requests that answered these challenges
        self._connection: http.client.HTTPConnection | None = None
        self._response: Response | None = None

    def get(self, headers: Mapping[str, str] | None = None) -> Response:
        """The response with status 200, or 304 if `headers` ask for it.

        Raises:
            StatusError: the server answers with another status.
            SourceError: it redirects to another server, or too often.
            OSError, HTTPException, ValueError: there is no answer.
        """
        asked = False
        for _ in range(2 + REDIRECTS):
            response = self._request(headers or {})
            status = response.status
            if status in (200, NOT_MODIFIED):
                return response
            location, offered = response.headers.get("Location"), response.headers.get_all("WWW-Authenticate") or []
            self.close()
            if status in MOVED and location:
                self.url = self.url.moved(location)
            elif status == 401 and self.url.user is not None and not asked:
                asked, self._challenges, self._answered = True, challenges(offered), 0
            else:
                raise StatusError(status)
        raise in_a_circle()

    def close(self) -> None:
        """Close the connection."""
        if self._response:
            self._response.close()
        if self._connection:
            self._connection.close()
        self._connection = self._response = None

    def _request(self, headers: Mapping[str, str]) -> Response:
        """One request; a connection that the server closed since the last one is opened again."""
        if self._connection:
            try:
                return self._sent(self._connection, headers)
            except (http.client.BadStatusLine, ConnectionError, BrokenPipeError):
                self.close()
        self._connection = self._connect()
        return self._sent(self._connection, headers)

    def _connect(self) -> http.client.HTTPConnection:
        url = self.url
        connection = http.client.HTTPConnection(url.host, url.port, timeout=self._timeout_s)
        if url.scheme == "https":
            connection.default_port = _DEFAULT_PORTS["https"]
            connection.sock = self._trust.connect(url.host, url.port, self._timeout_s)
        return connection

    def _sent(self, connection: http.client.HTTPConnection, headers: Mapping[str, str]) -> Response:
        url = self.url
        sent = {"User-Agent": "edge-daemon", "Accept": "*/*", **headers}
        if url.user is not None and self._challenges:
            self._answered += 1
            credentials = answer(self._challenges, "GET", url.target, url.user, url.password, self._answered)
            sent |= {"Authorization": credentials} if credentials else {}
        connection.request("GET", url.target, headers=sent)
        self._response = Response(connection.getresponse(), connection)
        return self._response


def elsewhere() -> SourceError:
    """The error of a redirect to another server."""
    return SourceError("the camera redirects to another server, which is not followed", "redirected")


def in_a_circle() -> SourceError:
    """The error of more redirects than are followed."""
    return SourceError("the camera redirects in a circle", "not found")


def _in_url(host: str) -> str:
    return f"[{host.replace('%', '%25')}]" if ":" in host else host
