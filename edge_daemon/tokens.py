"""Tokens of the web interface: how they are made and stored, and the roles that they give."""

from typing import Literal, get_args

SHA256 = "sha256:"
Role = Literal["viewer", "operator", "administrator"]
"""A viewer sees and predicts; an operator also marks, exports and switches; an administrator changes everything."""
ROLES: tuple[Role, ...] = get_args(Role)


def includes(role: Role, needed: Role) -> bool:
    """True if `role` may do what `needed` may do."""
    return ROLES.index(role) >= ROLES.index(needed)


def new_token() -> str:
    """Make a random token of 256 bits."""
    import secrets  # loads OpenSSL, which few of the processes that know roles need

    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Digest of a token for the configuration. A plain hash is enough, since tokens are random and long."""
    import hashlib  # OpenSSL too

    return SHA256 + hashlib.sha256(token.encode()).hexdigest()
