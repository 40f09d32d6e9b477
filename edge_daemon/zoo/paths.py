"""The forms of a model's path: a file, `builtin:NAME`, `zoo:NAME`, or an address to download it from."""

from urllib.parse import urlsplit

from edge_daemon.addresses import is_loopback

BUILTIN = "builtin:"
"""Begins the path of a model that ships with the package."""
ZOO = "zoo:"
"""Begins the path of a model of the catalogue, which is downloaded before it is used."""


def is_download(path: str) -> bool:
    """True if the path is that of a model to be downloaded."""
    return path.startswith(ZOO) or path.lower().startswith(("http://", "https://"))


def checked_address(address: str) -> str:
    """The address of a file to download: https://, or http:// of this machine itself.

    Raises:
        ValueError: it is neither. The sentence leaves out the address, which may hold a password.
    """
    try:
        parts = urlsplit(address)
        host, good = parts.hostname or "", parts.port != 0 and address.isascii() and not any(map(str.isspace, address))
    except ValueError:
        host, good = "", False
    if not (good and host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))):
        raise ValueError("must be https:// with a host and the path of a file; what is not plain ASCII is written %XX")
    return address
