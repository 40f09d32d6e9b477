"""The target of a command: a running daemon's address, with keys."""

from typing import NamedTuple

from edge_daemon.client import Subscriber


class Target(NamedTuple):
    """A daemon's address, and keys if it uses them; each is a key or a file with it."""

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
        """A subscriber to this daemon."""
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
        """Advice for the case that no message arrives."""
        return (
            "Is edge-daemon running there, and are the keys right?"
            if self.server_key
            else "Is edge-daemon running there? If it uses keys, add --server-key and --key."
        )
