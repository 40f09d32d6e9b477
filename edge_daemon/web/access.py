"""Who is answered: the right host name, a token where tokens are asked for, and nobody who guesses. Knows no HTTP."""

import hmac
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from edge_daemon.tokens import SHA256, digest

COOKIE = "edge_daemon_token"
SAFE = ("GET", "HEAD", "OPTIONS")
GUESSES = 5
"""Wrong tokens that an address may send before it has to wait."""
LONGEST_S = 300.0
REMEMBERED = 10_000
"""Addresses that are remembered for wrong tokens, the latest."""


@dataclass(frozen=True)
class Asked:
    """What is known of a request."""

    method: str
    host: str
    client: str
    bearer: str | None = None
    cookie: str | None = None
    origin: str | None = None
    fetch_site: str | None = None


@dataclass(frozen=True)
class Refusal:
    """Why it is not answered: an HTTP status, a sentence, and for how long not to come again."""

    status: Literal[401, 403, 421, 429]
    sentence: str
    wait_s: float = 0.0


class Access:
    """Decides by host, token and origin. `tokens` are digests by name, or tokens; without any everybody may."""

    def __init__(self, tokens: Mapping[str, str], hosts: Iterable[str]) -> None:
        self._digests = {name: text if text.startswith(SHA256) else digest(text) for name, text in tokens.items()}
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._guesses: OrderedDict[str, tuple[int, float, str]] = OrderedDict()

    @property
    def asks(self) -> bool:
        """Whether a token is needed."""
        return bool(self._digests)

    def refusal(self, asked: Asked, now_s: float, *, needs_token: bool = True) -> Refusal | None:
        """Why a request is not to be answered; None if it is."""
        if not self._is_ours(asked.host):
            return Refusal(421, "this is not the address of this service")
        if asked.method not in SAFE and not _is_from_here(asked):
            return Refusal(403, "another site sent this")
        if not self.asks or not needs_token:
            return None
        return self.token_refusal(asked.bearer or asked.cookie, asked.client, now_s)

    def token_refusal(self, token: str | None, client: str, now_s: float) -> Refusal | None:
        """Why a token is not good enough. The same again is no other guess: pages go on asking with an old cookie."""
        count, until_s, last = self._guesses.get(client, (0, 0.0, ""))
        if now_s < until_s:
            return Refusal(429, "too many wrong tokens came from there", until_s - now_s)
        if token is None:
            return Refusal(401, "a token is needed: Authorization: Bearer TOKEN")
        given = digest(token)
        if sum(hmac.compare_digest(given, known) for known in self._digests.values()):  # all of them, always
            self._guesses.pop(client, None)
            return None
        if given == last:
            return Refusal(401, "the token is wrong")
        count += 1
        wait_s = min(2.0 ** (count - GUESSES), LONGEST_S) if count >= GUESSES else 0.0
        self._guesses[client] = count, now_s + wait_s, given
        self._guesses.move_to_end(client)
        while len(self._guesses) > REMEMBERED:
            self._guesses.popitem(last=False)
        return Refusal(401, "the token is wrong")

    def _is_ours(self, host: str) -> bool:
        """A name that others chose may point here (DNS rebinding); numbers do not lie."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ip_address(name)
        except ValueError:
            return name in self._hosts
        return True


def _is_from_here(asked: Asked) -> bool:
    """Whether what changes something comes from our own page, or from a program."""
    if asked.fetch_site is not None and asked.fetch_site not in ("same-origin", "none"):
        return False
    if asked.origin is None or asked.bearer:
        return True
    return urlsplit(asked.origin).netloc.lower() == asked.host.lower()
