"""Where a command finds a running daemon, and what it shows at the door."""

from typing import NamedTuple

from edge_daemon.client import Subscriber


class Door(NamedTuple):
    """An address, and the keys for it, if it asks for any: each a key or a file."""

    address: str
    server_key: str | None = None
    secret_key: str | None = None

    def subscriber(
        self,
        *,
        cameras: list[str] | None = None,
        results: bool = True,
        frames: bool = False,
        status: bool = False,
        timeout_s: float | None = None,
        newest: bool = False,
    ) -> Subscriber:
        """A subscriber there."""
        return Subscriber(
            self.address,
            cameras=cameras,
            results=results,
            frames=frames,
            status=status,
            timeout_s=timeout_s,
            newest=newest,
            server_key=self.server_key,
            secret_key=self.secret_key,
        )

    @property
    def hint(self) -> str:
        """What to look at when nothing comes."""
        return (
            "is edge-daemon running there, and are the keys right?"
            if self.server_key
            else ("is edge-daemon running there, and does it want no keys?")
        )
