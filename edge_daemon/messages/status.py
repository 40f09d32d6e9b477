"""The state of the daemon, as subscribers receive it."""

from typing import Any

import msgspec


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A `status` message, once a second: counts per camera and model, and the process table."""

    at: str
    cameras: dict[str, Any]
    processes: list[dict[str, Any]]
