"""Runs vision models on live cameras, on a small computer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_daemon.client import AnnotatedFrame, Status, Subscriber

__all__ = ["AnnotatedFrame", "Status", "Subscriber", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the client on first use: the daemon's own processes import this package too."""
    if name == "__version__":
        from importlib.metadata import version  # takes as long as everything else

        return version("edge-daemon")
    if name in __all__:
        from edge_daemon import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
