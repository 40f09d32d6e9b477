"""State shared by all routes."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from fastapi import HTTPException, Response

from edge_daemon.config.problems import unknown
from edge_daemon.messages.status import CameraStatus
from edge_daemon.runtime import run_files
from edge_daemon.settings import WebSettings
from edge_daemon.web.broker import Broker
from edge_daemon.web.budget import Budget
from edge_daemon.web.decoders import Decoders
from edge_daemon.web.live import Live
from edge_daemon.web.metrics import Metrics
from edge_daemon.web.supervisor_client import SupervisorClient


class _Classes(msgspec.Struct):
    classes: list[str] = []


ENCODERS = 2
"""Annotated pictures that are encoded at once."""


@dataclass
class Service:
    """Dependencies of the routes. Routes acquire `encoding` while they encode a picture."""

    settings: WebSettings
    broker: Broker
    live: Live
    metrics: Metrics
    supervisor: SupervisorClient
    loop: asyncio.AbstractEventLoop
    decoders: Decoders
    budget: Budget = field(default_factory=Budget)
    encoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ENCODERS))

    def change(self, settings: WebSettings) -> None:
        """Use other cameras and models."""
        self.settings, self.live.cameras = settings, settings.cameras
        self.live.pictures.keep(settings.cameras)
        self.broker.do(lambda requests: requests.change(settings.models))

    def problems(self) -> list[str]:
        """Everything that is wrong, in sentences."""
        return self.live.health.problems(self.loop.time(), dispatcher_here=self.broker.connected)

    def has_worker(self, model: str) -> bool:
        """True if a worker of this model is up."""
        status = self.live.status
        return status is not None and any(process.model == model and process.pid for process in status.processes)

    @property
    def models(self) -> list[str]:
        """All models: those that look at cameras, and those that accept pictures."""
        cameras = self.live.status.cameras.values() if self.live.status else ()
        return list(dict.fromkeys([*self.settings.models, *(model for camera in cameras for model in camera.models)]))

    def description(self, model: str) -> bytes | None:
        """How a model is read, as JSON; None if it has not been loaded."""
        folder = self.settings.folder
        try:
            return run_files.of_model(Path(folder), model).read_bytes() if folder else None
        except OSError:
            return None

    def classes(self, models: Iterable[str]) -> set[str] | None:
        """The names of all classes of these models; None if one of them has not been loaded, or has some without."""
        found: set[str] = set()
        for model in models:
            classes = msgspec.json.decode(self.description(model) or b"{}", type=_Classes).classes
            if not classes:
                return None
            found.update(classes)
        return found

    def check_model(self, name: str) -> None:
        """Check the name of a model that accepts pictures.

        Raises:
            HTTPException: there is none with this name.
        """
        if name not in self.settings.models:
            raise HTTPException(404, unknown("model", name, self.settings.models))

    def camera(self, name: str) -> dict[str, Any]:
        """The status of a camera.

        Raises:
            HTTPException: there is no camera with this name.
        """
        if name not in self.live.cameras:
            raise HTTPException(404, unknown("camera", name, self.live.cameras))
        camera = self.live.status.cameras.get(name) if self.live.status else None
        return {"name": name, **msgspec.to_builtins(camera or CameraStatus(state="unknown", models={}))}


def number(header: str | None) -> int | None:
    """The whole number in a header, or None."""
    return int(header) if header and len(header) < 19 and header.isdecimal() else None


def described(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A route's body for the OpenAPI document."""
    (schema,), components = msgspec.json.schema_components([kind])
    schema = components[schema["$ref"].rpartition("/")[2]]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def as_json(value: Any, status: int = 200) -> Response:
    """A JSON response that must not be cached."""
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
