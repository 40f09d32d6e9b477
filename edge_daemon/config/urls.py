"""Addresses of servers, as keys have them. What is wrong with one is told without showing it."""

from collections.abc import Collection
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from edge_daemon.config.values import SecretError


def parts_of(address: str, schemes: Collection[str], example: str) -> SplitResult:
    """The parts of an address with one of these schemes, a host and maybe a port.

    Raises:
        SecretError: it is none; `example` says what one looks like.
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(map(str.isspace, address)):
        raise SecretError(f"must be an address, such as {example}")
    return parts


def _http(value: str) -> str:
    parts = parts_of(value, ("http", "https"), "https://example.org/hook")
    if parts.username or parts.password or parts.fragment:
        raise SecretError("must not have a user, password or fragment; write a token as token:")
    return value


def _site(value: str) -> str:
    parts = parts_of(value, ("http", "https"), "https://cameras.example.org")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SecretError("must be a host, port and path only, such as https://cameras.example.org")
    return value.rstrip("/")


HttpAddress = Annotated[str, AfterValidator(_http)]
SiteAddress = Annotated[str, AfterValidator(_site)]
