"""Tokens of the web interface: made, and what is written down of them."""

import hashlib
import secrets

SHA256 = "sha256:"


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is written down of a token: it is random and long, so that a plain hash will do."""
    return SHA256 + hashlib.sha256(token.encode()).hexdigest()
