"""Signatures of requests after the Standard Webhooks specification."""

import base64

SECRET = "whsec_"


def key_of(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(SECRET) or not 24 <= len(key) <= 64:
        raise ValueError("must be whsec_ and 24 to 64 bytes in base64, as `openssl rand -base64 32` prints them")
    return key


def signature(key: bytes, id: str, at: int, body: bytes) -> str:
    """The signature of a request with this id and time (seconds since the Unix epoch)."""
    import hashlib  # loads OpenSSL, which those that only check secrets do not need
    import hmac

    signed = b"%b.%d.%b" % (id.encode(), at, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
