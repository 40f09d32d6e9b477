"""The forms of a model's path: a file, `builtin:NAME`, `zoo:NAME`, or an address to download it from."""

from urllib.parse import urlsplit

from edge_daemon.addresses import is_loopback

BUILTIN = "builtin:"
"""Prefix of the path of a model that ships with the package."""
ZOO = "zoo:"
"""Prefix of the path of a model in the catalogue, which is downloaded before use."""


def is_download(path: str) -> bool:
    """True if the model at this path is downloaded before use."""
    return path.startswith(ZOO) or path.lower().startswith(("http://", "https://"))


def checked_address(address: str) -> str:
    """The address of a file to download: https://, or http:// on this machine itself.

    Raises:
        ValueError: any other address. The message leaves the address out: it may hold a password.
    """
    try:
        parts = urlsplit(address)
        host, good = parts.hostname or "", parts.port != 0 and address.isascii() and not any(map(str.isspace, address))
    except ValueError:
        host, good = "", False
    if not (good and host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))):
        raise ValueError("must be https:// with a host and a file path; write characters outside ASCII as %XX")
    return address
