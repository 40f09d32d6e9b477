"""The gRPC library, which is an extra, and logs only its own errors."""

import os
from typing import Any

MISSING = "gRPC is not installed: pip install 'edge-daemon[remote]'"


def load() -> Any:
    """The library.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # each failed handshake would be a line
    import grpc

    return grpc
