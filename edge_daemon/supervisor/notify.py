"""What systemd is told (sd_notify(3)); nothing happens where nobody asked."""

import os
import socket


def notify(*states: str) -> None:
    """Send states like `READY=1` to the service manager."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect(address)
        channel.send("\n".join(states).encode())
