"""Statuses for tests, of which each test states only what it is about."""

from typing import Any

from edge_daemon.messages.status import CameraStatus, ProcessStatus, StreamCounts


def stream_counts(
    captured: int = 0,
    delivered: int = 0,
    dropped: dict[str, int] | None = None,
    in_flight: int = 0,
    *,
    fps: float = 0.0,
    latency_ms: dict[str, float] | None = None,
    found: dict[str, int] | None = None,
) -> StreamCounts:
    return StreamCounts(
        captured=captured,
        delivered=delivered,
        dropped=dropped or {},
        in_flight=in_flight,
        fps=fps,
        latency_ms=latency_ms or {},
        found=found or {},
    )


def camera(state: str = "up", /, **models: StreamCounts) -> CameraStatus:
    return CameraStatus(state=state, models=models)


def process(role: str, name: str | None = None, state: str = "up", **more: Any) -> ProcessStatus:
    more = {"pid": 1, "restarts": 0, "cpu": 0.0, "memory_bytes": 0} | more
    return ProcessStatus(role=role, name=name or role, state=state, **more)
