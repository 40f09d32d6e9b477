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

COOKIE = "edge_daemon_token"
SAFE = ("GET", "HEAD", "OPTIONS")
GUESSES = 5
"""Wrong tokens that an address may send before it has to wait."""
FIRST_S, LONGEST_S = 1.0, 300.0
REMEMBERED = 10_000
"""Addresses remembered for wrong tokens, the latest."""


@dataclass(frozen=True)
class RequestHead:
    """The properties of a request that decide on access. A WebSocket's method is not one of SAFE."""

    method: str
    host: str
    client: str
    bearer: str | None = None
    cookie: str | None = None
    origin: str | None = None
    fetch_site: str | None = None

    @property
    def token(self) -> str | None:
        """The token that came with it."""
        return self.bearer or self.cookie


@dataclass(frozen=True)
class Identity:
    """The sender of a request: name and role of a token; no name if no token is needed."""

    name: str
    role: Role


ANONYMOUS = Identity("", "viewer")


@dataclass(frozen=True)
class Refusal:
    """A refused request: HTTP status, message, time to wait before the next attempt, and the sender if known."""

    status: Literal[401, 403, 421, 429]
    sentence: str
    wait_s: float = 0.0
    who: Identity | None = None


class Access:
    """Decides by host, origin, token and role. Without any `tokens`, everybody who reaches this service is a viewer."""

    def __init__(self, tokens: Mapping[str, TokenSettings], hosts: Iterable[str]) -> None:
        self._known = [
            (of.token if of.token.startswith(SHA256) else digest(of.token), Identity(name, of.role))
            for name, of in tokens.items()
        ]
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._guesses: OrderedDict[str, tuple[int, float, str]] = OrderedDict()

    @property
    def asks(self) -> bool:
        """True if a token is needed to see anything."""
        return bool(self._known)

    def wrong_host(self, head: RequestHead) -> Refusal | None:
        """Refusal of a request that was sent to a host name of somebody else."""
        return None if self._is_ours(head.host) else Refusal(421, "unknown host name; add it to web.hosts")

    def admit(self, head: RequestHead, needed: Role | None, now_s: float) -> Identity | Refusal:
        """Identity of a request to a route that needs a role (or none), or why it is refused. Its host is right."""
        if head.method not in SAFE and not _is_from_here(head, proven=needed not in (None, "viewer")):
            return Refusal(403, "the request was sent by another site")
        if needed is None:
            return ANONYMOUS
        found = self.identify(head.token, head.client, now_s) if self.asks else ANONYMOUS
        if isinstance(found, Refusal) or includes(found.role, needed):
            return found
        if found is ANONYMOUS:
            return Refusal(
                401, f"a token with the role {needed} is needed: edge-daemon token --role {needed} makes one"
            )
        return Refusal(403, f"{found.name} has the role {found.role}, and {needed} is needed", who=found)

    def identify(self, token: str | None, client: str, now_s: float) -> Identity | Refusal:
        """The identity of a token. A repeated wrong token is not a new guess: pages keep sending an old cookie."""
        count, until_s, last = self._guesses.get(client, (0, 0.0, ""))
        if now_s < until_s:
            return Refusal(429, "too many wrong tokens from this address", until_s - now_s)
        if token is None:
            return Refusal(401, "a token is needed: Authorization: Bearer TOKEN")
        given = digest(token)
        found = [who for known, who in self._known if hmac.compare_digest(given, known)]  # compares all of them, always
        if found:
            self._guesses.pop(client, None)
            return found[0]
        if given == last:
            return Refusal(401, "the token is wrong")
        count += 1
        self._guesses[client] = count, now_s + delay_s(count - GUESSES + 1, FIRST_S, LONGEST_S), given
        self._guesses.move_to_end(client)
        while len(self._guesses) > REMEMBERED:
            self._guesses.popitem(last=False)
        return Refusal(401, "the token is wrong")

    def _is_ours(self, host: str) -> bool:
        """True for IP addresses and known names; another name may have been pointed here (DNS rebinding)."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ip_address(name)
        except ValueError:
            return name in self._hosts
        return True


def _is_from_here(head: RequestHead, *, proven: bool) -> bool:
    """True if this service's own page sent it, or a program. Where that has to be `proven`, a cookie alone, which
    browsers add by themselves, is not enough: the browser has to name the origin.
    """
    if head.fetch_site is not None and head.fetch_site not in ("same-origin", "none"):
        return False
    if head.bearer:
        return True
    if head.origin is None:
        return not proven or head.fetch_site == "same-origin" or head.cookie is None
    return urlsplit(head.origin).netloc.lower() == head.host.lower()
