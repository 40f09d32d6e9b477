"""Addresses to publish on and to serve the web on, and whether other machines reach them."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

IPC = "ipc://"
_TCP = re.compile(r"tcp://(?P<host>\[[0-9a-fA-F:.]+\]|\*|[A-Za-z0-9][A-Za-z0-9._-]*):(?P<port>[0-9]{1,5})")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9._-]*)(:(?P<port>[0-9]{1,5}))?")
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):(?P<port>[0-9]{1,5})")


def endpoint(text: str, folder: Path | None = None) -> str:
    """The ZeroMQ endpoint to bind: `tcp://ADDRESS:PORT` or `ipc://FILE`; a relative FILE is resolved against `folder`.

    Raises:
        ValueError: any other text, and ports above 65535: ZeroMQ itself would bind 34463 for 99999.
    """
    file = text.removeprefix(IPC)
    if text.startswith(IPC) and file:
        return text if file.startswith(("/", "@")) or folder is None else f"{IPC}{folder / file}"
    if not (match := _TCP.fullmatch(text)):
        raise ValueError("must be tcp://ADDRESS:PORT or ipc://FILE, such as tcp://127.0.0.1:5555")
    _check_port(match["port"])
    return text


def listen(text: str) -> str:
    """`text` if it is `ADDRESS:PORT`.

    Raises:
        ValueError: any other text.
    """
    if not (match := _LISTEN.fullmatch(text)):
        raise ValueError("must be ADDRESS:PORT, such as 127.0.0.1:8080")
    _check_port(match["port"])
    return text


def network(text: str) -> str:
    """`text` if it is an IP address, or a network of them such as 172.18.0.0/16.

    Raises:
        ValueError: any other text, and a network of all addresses.
    """
    try:
        everybody = ip_network(text, strict=False).prefixlen == 0
    except ValueError:
        everybody = True
    if everybody:
        raise ValueError("must be an IP address or a network, such as 127.0.0.1 or 172.18.0.0/16")
    return text


def origin(text: str) -> str:
    """The origin in `text` as browsers send it: `https://HOST`, with a port that is not the usual one.

    Raises:
        ValueError: any other text.
    """
    match = _ORIGIN.fullmatch(text.lower())
    if not match:
        raise ValueError("must be the beginning of a site's address, such as https://dashboard.example.org")
    if port := match["port"]:
        _check_port(port)
    usual = {"http": "80", "https": "443"}[match["scheme"]]
    return f"{match['scheme']}://{match['host']}" + (f":{port}" if port and port != usual else "")


def listens_locally(text: str) -> bool:
    """True if `ADDRESS:PORT` is on the loopback interface; False for text that is no address."""
    match = _LISTEN.fullmatch(text)
    return match is not None and is_loopback(match["host"])


def is_local(text: str) -> bool:
    """True if only this machine can reach an endpoint; False for text that is no endpoint."""
    if text.startswith(IPC):
        return True
    match = _TCP.fullmatch(text)
    return match is not None and is_loopback(match["host"])


def _check_port(port: str) -> None:
    if not 1 <= int(port) <= 65535:
        raise ValueError("must have a port from 1 to 65535")


def is_loopback(host: str) -> bool:
    """True if the host is this machine itself; False for the name of an interface or of another machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
