"""Vision models on live cameras, on a small computer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_daemon.client import AnnotatedFrame, Status, Subscriber

__all__ = ["AnnotatedFrame", "Status", "Subscriber", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the client when it is asked for: the daemon's own processes import this package too."""
    if name == "__version__":
        from importlib.metadata import version  # which takes as long as all the rest

        return version("edge-daemon")
    if name in __all__:
        from edge_daemon import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
