"""Tokens of the web interface, and the digests by which they are stored."""

import hashlib
import secrets

SHA256 = "sha256:"


def new_token() -> str:
    """A new random token."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored form of a token. A plain hash is sufficient, since tokens are random and long."""
    return SHA256 + hashlib.sha256(token.encode()).hexdigest()
