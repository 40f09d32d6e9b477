"""What all routes share."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import HTTPException, Response

from edge_daemon.settings import WebSettings
from edge_daemon.web.broker import Broker
from edge_daemon.web.health import troubles
from edge_daemon.web.live import Live
from edge_daemon.web.metrics import Metrics
from edge_daemon.web.supervisor_client import SupervisorClient

DECODERS = 2
"""So many pictures are decoded at once: each may take 192 MB."""


@dataclass
class Service:
    """What the routes need. Whoever decodes a picture holds `decoding`."""

    settings: WebSettings
    broker: Broker
    live: Live
    metrics: Metrics
    supervisor: SupervisorClient
    loop: asyncio.AbstractEventLoop
    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DECODERS))

    def change(self, settings: WebSettings) -> None:
        """Go on with other cameras and models."""
        self.settings, self.live.cameras = settings, settings.cameras
        self.broker.do(lambda requests: requests.change(settings.models))

    def troubles(self) -> list[str]:
        """What is not as it should be."""
        age_s = self.loop.time() - self.live.status_at
        return troubles(self.live.status, age_s, dispatcher_here=self.broker.connected)

    def has_worker(self, model: str) -> bool:
        """Whether a worker of this model is up."""
        processes = self.live.status.get("processes", [])
        return any(
            process["role"] == "worker" and process["name"].rpartition("-")[0] == model and process["pid"]
            for process in processes
        )

    def camera(self, name: str) -> dict[str, Any]:
        """How a camera stands.

        Raises:
            HTTPException: there is none of this name.
        """
        if name not in self.live.cameras:
            raise HTTPException(404, f"there is no camera {name}; there are {', '.join(self.live.cameras)}")
        return {"name": name, **self.live.status.get("cameras", {}).get(name, {"state": "unknown", "models": {}})}


def number(header: str | None) -> int | None:
    """The whole number that a header says, if it is one."""
    return int(header) if header and len(header) < 19 and header.isdecimal() else None


def as_json(value: Any, status: int = 200) -> Response:
    """An answer that is not to be kept."""
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
