"""Answers a server that asks for user and password, over HTTP and RTSP: Digest (RFC 7616) or Basic (RFC 7617)."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_ALGORITHMS: Mapping[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""Strongest first."""
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHALLENGE = re.compile(rf"[\s,]*({_TOKEN})(?=[\s,]|$)")
_FIELD = re.compile(rf'[\s,]*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Challenge:
    """One way in which a server lets its user prove the password; names of fields are in small letters."""

    scheme: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        """Name of the hash of a Digest challenge, without `-sess`."""
        return self.fields.get("algorithm", "MD5").upper().removesuffix("-SESS")

    @property
    def strength(self) -> int | None:
        """Rank among the challenges that can be answered, the best being 0; None if it cannot."""
        if self.scheme == "basic":
            return len(_ALGORITHMS)
        qop = self.fields.get("qop")
        known = self.scheme == "digest" and self.algorithm in _ALGORITHMS and (qop is None or "auth" in _listed(qop))
        return list(_ALGORITHMS).index(self.algorithm) if known else None


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """The challenges in the `WWW-Authenticate` headers of a response, each of which may hold several."""
    return [challenge for header in headers for challenge in _parsed(header)]


def answer(offered: Iterable[Challenge], method: str, uri: str, user: str, password: str, count: int = 1) -> str | None:
    """The `Authorization` header by the strongest of the challenges; None if none of them is known.

    `count` is the number of requests that answer the same challenges, with this one.
    """
    ranked = [(challenge.strength, challenge) for challenge in offered]
    usable = [(strength, challenge) for strength, challenge in ranked if strength is not None]
    if not usable:
        return None
    _, challenge = min(usable, key=lambda pair: pair[0])
    if challenge.scheme == "basic":
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return _digest(challenge, method, uri, user, password, secrets.token_hex(8), count)


def _digest(challenge: Challenge, method: str, uri: str, user: str, password: str, cnonce: str, count: int) -> str:
    """A Digest response (RFC 7616, section 3.4)."""
    given, hashed = challenge.fields, _ALGORITHMS[challenge.algorithm]
    realm, nonce = given.get("realm", ""), given.get("nonce", "")

    def h(*parts: str) -> str:
        return hashed(":".join(parts).encode())

    secret = h(user, realm, password)
    if given.get("algorithm", "").upper().endswith("-SESS"):
        secret = h(secret, nonce, cnonce)
    what = h(method, uri)
    quoted = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    plain = {}
    if "qop" in given:
        quoted["response"] = h(secret, nonce, f"{count:08x}", cnonce, "auth", what)
        quoted["cnonce"] = cnonce
        plain = {"qop": "auth", "nc": f"{count:08x}"}
    else:
        quoted["response"] = h(secret, nonce, what)
    if "opaque" in given:
        quoted["opaque"] = given["opaque"]
    if "algorithm" in given:
        plain["algorithm"] = given["algorithm"]
    parts = [f'{name}="{_escape(value)}"' for name, value in quoted.items()]
    return "Digest " + ", ".join(parts + [f"{name}={value}" for name, value in plain.items()])


def _parsed(header: str) -> Iterable[Challenge]:
    at = 0
    while at < len(header):
        if not (found := _CHALLENGE.match(header, at)):
            at = header.find(",", at) + 1 or len(header)
            continue
        scheme, at = found[1].lower(), found.end()
        fields: dict[str, str] = {}
        while pair := _FIELD.match(header, at):
            at = pair.end()
            value = pair[3] if pair[2] is None else _ESCAPED.sub(r"\1", pair[2])
            fields.setdefault(pair[1].lower(), value)
        yield Challenge(scheme, fields)


def _listed(qop: str) -> list[str]:
    return [item.strip().lower() for item in qop.split(",")]


def _escape(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", value)
