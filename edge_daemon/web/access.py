"""Decides who may do what, by host name, origin, token and role, and slows down those who guess. Knows no HTTP."""

import hmac
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from edge_daemon.backoff import delay_s
from edge_daemon.settings import TokenSettings
from edge_daemon.tokens import SHA256, Role, digest, includes
from edge_daemon.web.connections import network_of
from edge_daemon.web.sessions import Sessions

COOKIE = "edge_daemon_session"
SAFE = ("GET", "HEAD", "OPTIONS")
GUESSES = 5
"""Wrong tokens that a client may send before further ones have to wait."""
FIRST_S, LONGEST_S = 1.0, 300.0
"""First and longest wait; after another longest one, the wrong tokens of a client are forgotten."""
REMEMBERED = 10_000
"""Addresses remembered for wrong tokens, the latest."""


@dataclass(frozen=True)
class RequestHead:
    """The properties of a request that decide on access. A WebSocket's method is not one of SAFE.

    `bearer` is a token, `cookie` the number of a session.
    """

    method: str
    host: str
    client: str
    bearer: str | None = None
    cookie: str | None = None
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """True if neither a token nor a session came with it."""
        return not (self.bearer or self.cookie)


@dataclass(frozen=True)
class Identity:
    """The sender of a request: name and role of a token; no name if no token is needed."""

    name: str
    role: Role


ANONYMOUS = Identity("", "viewer")


@dataclass(frozen=True)
class Refusal:
    """A refused request: HTTP status, message, time to wait before the next attempt, and the sender if known."""

    status: Literal[400, 401, 403, 421, 429, 503]
    sentence: str
    wait_s: float = 0.0
    who: Identity | None = None


@dataclass
class _Guesses:
    count: int = 0
    until_s: float = 0.0
    last: str = ""


class Access:
    """Decides by host, origin, token and role. Without any `tokens`, everybody who reaches this service is a viewer.

    `hosts` are the names of this service, to which browsers may send changes; it answers to `names`, too. Pages of the
    `origins` may send requests without its cookie.
    """

    def __init__(
        self,
        tokens: Mapping[str, TokenSettings],
        hosts: Iterable[str],
        names: Iterable[str] = (),
        sessions: Sessions | None = None,
        origins: Iterable[str] = (),
    ) -> None:
        self._known = [
            (of.token if of.token.startswith(SHA256) else digest(of.token), Identity(name, of.role))
            for name, of in tokens.items()
        ]
        self._hosts = {host.lower() for host in hosts}
        self._names = self._hosts | {"localhost", *(name.lower() for name in names)}
        self.origins = frozenset(origins)
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()
        self._sessions = sessions or Sessions(None)
        self._of_sessions = {digest(known): identity for known, identity in self._known}

    @property
    def asks(self) -> bool:
        """True if a token is needed to see anything."""
        return bool(self._known)

    def wrong_host(self, head: RequestHead) -> Refusal | None:
        """Refusal of a request that was sent to a host name of somebody else."""
        if self._is_ours(head.host):
            return None
        return Refusal(421, f"unknown host name {head.host[:100]!r}; if it is this machine's, add it to web.hosts")

    def admit(self, head: RequestHead, needed: Role | None, now_s: float) -> Identity | Refusal:
        """Identity of a request to a route that needs a role (or none), or why it is refused. Its host is right."""
        if not self._is_from_here(head, needed):
            return Refusal(403, "the request was sent by another site" + _remedy(head.origin))
        if needed is None:
            return ANONYMOUS
        found = self._identity(head, now_s) if self.asks else ANONYMOUS
        if isinstance(found, Refusal) or includes(found.role, needed):
            return found
        if found is ANONYMOUS:
            return Refusal(
                401, f"a token with the role {needed} is needed: edge-daemon token --role {needed} makes one"
            )
        return Refusal(403, f"{found.name} has the role {found.role}, and {needed} is needed", who=found)

    def _identity(self, head: RequestHead, now_s: float) -> Identity | Refusal:
        if head.bearer or not head.cookie:
            return self.identify(head.bearer, head.client, now_s)
        found = self._of_sessions.get(self._sessions.belongs_to(head.cookie) or "")
        return found or Refusal(401, "the session has ended: log in again")

    def identify(self, token: str | None, client: str, now_s: float) -> Identity | Refusal:
        """The identity of a token. A right one never waits; a repeated wrong one is not a new guess."""
        if not token:
            return Refusal(401, "a token is needed: Authorization: Bearer TOKEN")
        given = digest(token)
        found = [who for known, who in self._known if hmac.compare_digest(given, known)]  # compares all of them, always
        return found[0] if found else self._refusal(given, network_of(client), now_s)

    def log_in(self, token: str) -> str:
        """Open a session for a right token, and return its number."""
        return self._sessions.open(digest(token))

    def _refusal(self, given: str, client: str, now_s: float) -> Refusal:
        """Refusal of a wrong token, given as its digest."""
        guesses = self._guesses.pop(client, None)
        if guesses is None or now_s >= guesses.until_s + LONGEST_S:
            guesses = _Guesses(until_s=now_s)
        self._guesses[client] = guesses
        while len(self._guesses) > REMEMBERED:
            self._guesses.popitem(last=False)
        if now_s < guesses.until_s:
            return Refusal(429, "too many wrong tokens from this address", guesses.until_s - now_s)
        if given != guesses.last:
            guesses.count, guesses.last = guesses.count + 1, given
            guesses.until_s = now_s + delay_s(guesses.count - GUESSES + 1, FIRST_S, LONGEST_S)
        return Refusal(401, "the token is wrong")

    def _is_ours(self, host: str) -> bool:
        """True for IP addresses and known names; another name may have been pointed here (DNS rebinding)."""
        name = _name_of(host)
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    def _is_from_here(self, head: RequestHead, needed: Role | None) -> bool:
        """True if this service's own page sent it, or a program, or if a person followed a link to a page.

        A change needs more than a cookie, which browsers add by themselves: they have to name the origin. A page of
        another site that may call this one never uses the cookie.
        """
        if head.origin in self.origins and head.fetch_mode in (None, "cors", "websocket"):
            return head.cookie is None
        if head.method in SAFE:
            return needed is None or head.fetch_mode == "navigate" or head.fetch_site in (None, "same-origin", "none")
        if head.fetch_site not in (None, "same-origin", "none"):
            return False
        if head.bearer:
            return True
        if head.origin is None:
            return needed in (None, "viewer") or head.fetch_site == "same-origin" or head.cookie is None
        scheme, _, netloc = head.origin.lower().partition("://")
        return bool(scheme) and (netloc == head.host.lower() or _name_of(netloc) in self._hosts)


def _remedy(origin: str | None) -> str:
    return f" ({origin[:100]}); if that is this service behind a proxy, add its name to web.hosts" if origin else ""


def _name_of(host: str) -> str:
    """Host name without port; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
