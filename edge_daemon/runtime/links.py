"""Signed links to clips and stills, for those without a token: a path, its end and a signature by a key of the box.

A link says all that it allows; nothing is kept about it. Another key ends all links.
"""

import hmac
import secrets
from pathlib import Path

from edge_daemon.runtime.state import keep_file

FILE = "links.key"
BYTES = 32
LONGEST_S = 7 * 86_400
ROLE = "viewer"


def key_of(state: Path) -> bytes:
    """The key in the state folder, which is made if there is none.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        key = (state / FILE).read_bytes()
    except FileNotFoundError:
        key = b""
    return key if len(key) == BYTES else new_key(state)


def new_key(state: Path) -> bytes:
    """Another key: links that were made before are of no use any more.

    Raises:
        OSError: it cannot be written.
    """
    key = secrets.token_bytes(BYTES)
    keep_file(state / FILE, key)
    return key


def signature(key: bytes, path: str, expires: int, role: str = ROLE) -> str:
    """What proves that a link was made here: for a path with its query, until a time (seconds since 1970)."""
    return hmac.digest(key, f"{path}\n{expires}\n{role}".encode(), "sha256").hex()


def link(key: bytes, path: str, expires: int) -> str:
    """A link to a path, which may have a query."""
    mark = "&" if "?" in path else "?"
    return f"{path}{mark}expires={expires}&role={ROLE}&signature={signature(key, path, expires)}"


def allows(key: bytes, path: str, expires: int, role: str, given: str, now_s: float) -> bool:
    """True if a link was made with this key, and has not ended."""
    right = hmac.compare_digest(signature(key, path, expires, role).encode(), given.encode())
    return right and now_s < expires <= now_s + LONGEST_S
