"""What systemd's journal is told (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): lines with fields of their own."""

import os
import socket
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
MOST_BYTES = 48 * 1024
"""Of one value: a datagram must hold all of them."""


def is_journal(fd: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written to `fd` goes to the journal (JOURNAL_STREAM in systemd.exec(5))."""
    try:
        there = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def encode(fields: Mapping[str, str]) -> bytes:
    """One entry. Names are capital letters, digits and _; a value may hold anything, line breaks too."""
    entry = b""
    for name, value in fields.items():
        data = value.encode(errors="replace")[:MOST_BYTES]
        if b"\n" in data:
            entry += name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
        else:
            entry += name.encode() + b"=" + data + b"\n"
    return entry


class Journal:
    """A line to the journal; `send` raises OSError where there is none, and BlockingIOError where it is stuck."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, fields: Mapping[str, str]) -> None:
        """Add an entry."""
        self._socket.sendto(encode(fields), socket.MSG_DONTWAIT, self._path)

    def close(self) -> None:
        """Let go of the line."""
        self._socket.close()
