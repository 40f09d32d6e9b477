"""The reverse proxies that the configuration names. Only their X-Forwarded headers are believed."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple


class Forwarded(NamedTuple):
    """A request as the proxy received it; empty strings for headers that are missing."""

    client: str
    scheme: str
    host: str


class Proxies:
    """Addresses of proxies, and networks of such addresses."""

    def __init__(self, names: Iterable[str]) -> None:
        self._networks = [ip_network(name, strict=False) for name in names]

    def __contains__(self, address: object) -> bool:
        if not (self._networks and isinstance(address, str)):
            return False
        ip = _parsed(address)
        return ip is not None and any(ip in network for network in self._networks)

    def forwarded(self, address: str, for_: str, proto: str, host: str) -> Forwarded:
        """Client, scheme and host from the headers X-Forwarded-For, -Proto and -Host of a proxy at `address`.

        Each proxy appends the address that it was called from, so the client is the last one that is no proxy: what
        stands before it may be invented.
        """
        listed = [_without_port(one.strip()) for one in for_.split(",")]
        client = next((one for one in reversed(listed) if one not in self), listed[0])
        if _parsed(client) is None:
            client = address
        last = proto.rpartition(",")[2].strip().lower()
        return Forwarded(client, last if last in ("http", "https") else "", host.rpartition(",")[2].strip())


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped if isinstance(ip, IPv6Address) else None) or ip


def _without_port(address: str) -> str:
    """`192.0.2.1:80` and `[2001:db8::1]:80` without brackets and port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.rpartition(":")
    return host if colon and ":" not in host and port.isdecimal() else address
