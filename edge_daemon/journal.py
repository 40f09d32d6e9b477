"""The native protocol of systemd's journal (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): lines with fields."""

import os
import socket
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
MOST_BYTES = 48 * 1024
"""Largest value: all fields must fit into one datagram."""


def is_journal(fd: int, environ: Mapping[str, str] = os.environ) -> bool:
    """True if output to `fd` goes to the journal (JOURNAL_STREAM in systemd.exec(5))."""
    try:
        there = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def encode(fields: Mapping[str, str]) -> bytes:
    """One entry. Names consist of capital letters, digits and _; values may contain anything, line breaks too."""
    entry = b""
    for name, value in fields.items():
        data = value.encode(errors="replace")[:MOST_BYTES]
        if b"\n" in data:
            entry += name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
        else:
            entry += name.encode() + b"=" + data + b"\n"
    return entry


class Journal:
    """A connection to the journal; `send` raises OSError if there is none, and BlockingIOError if it is stuck."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, fields: Mapping[str, str]) -> None:
        """Add an entry."""
        self._socket.sendto(encode(fields), socket.MSG_DONTWAIT, self._path)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
