"""Routes about the daemon itself: the machine, the log, the configuration in use, the last hour, the models."""

import os
import platform
import socket
import time
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, HTTPException, Query, Response
from starlette.concurrency import run_in_threadpool

from edge_daemon import line_file
from edge_daemon.config.problems import unknown
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import Requester
from edge_daemon.runtime import run_files
from edge_daemon.web.history import DAY_S, HOUR_S, STEP_S
from edge_daemon.web.names import check
from edge_daemon.web.roles import ADMINISTRATOR, VIEWER
from edge_daemon.web.service import Service, as_json

Level = Literal["info", "warning", "error"]
LEVELS: dict[str, tuple[str, ...]] = {
    "info": ("info", "warning", "error", "critical"),
    "warning": ("warning", "error", "critical"),
    "error": ("error", "critical"),
}
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    @app.get("/api/system", summary="Version, uptime, machine and processes", tags=["status"], dependencies=[VIEWER])
    async def system() -> Response:
        """`processes` are those of `/api/status`; `cpu` (cores) and `memory_bytes` are the sums of theirs."""
        return as_json(_system(service))

    @app.get("/api/history", summary="The last hour or day, in steps", tags=["status"], dependencies=[VIEWER])
    async def history(
        camera: Annotated[list[str] | None, Query(description="Only of these cameras")] = None,
        span: Annotated[Literal["hour", "day"], Query(description="Steps of ten seconds, or of five minutes")] = "hour",
    ) -> Response:
        """Each step of `duration_s` ended `at` a time. Of each camera it has the last `state`, the share of the step in
        which it was `up`, the mean `fps`, and by model the frames `captured`, `delivered` and `dropped` by reason, and
        the `latency_ms` of results; `cpu` are cores in use by kind of process. Of five minutes, `latency_ms` is the
        longest. A step that is missing is a gap: nothing was observed."""
        check("camera", camera, service.live.cameras)
        kept_s = DAY_S if span == "day" else HOUR_S
        steps = await run_in_threadpool(service.live.history.read, kept_s, camera)
        return as_json({"step_s": STEP_S[kept_s], "steps": steps})

    @app.get("/api/models/{model}", summary="How a model is read", tags=["models"], dependencies=[VIEWER])
    async def model(model: str) -> Response:
        """File, classes, thresholds, input, decoder, and what the reading rests on, as `edge-daemon inspect` has it."""
        if model not in service.models:
            raise HTTPException(404, unknown("model", model, service.models))
        found = await run_in_threadpool(service.description, model)
        if found is None:
            raise HTTPException(503, f"model {model} has not been loaded yet", {"Retry-After": "5"})
        return Response(found, media_type="application/json", headers={"Cache-Control": "no-store"})

    @app.get("/api/config", summary="The configuration in use, without secrets, as YAML", tags=["administration"])
    async def config(who: Annotated[Requester, ADMINISTRATOR]) -> Response:
        used = service.settings.config
        head = f"# {used.file or 'from the command line'}, read {used.read_at}\n"
        return Response(head + used.yaml, media_type="application/yaml", headers={"Cache-Control": "no-store"})

    @app.get("/api/log", summary="The last lines of the log, newest first", tags=["administration"])
    async def log(
        who: Annotated[Requester, ADMINISTRATOR],
        lines: Annotated[int, Query(ge=1, le=1000, description="Maximum number of lines")] = 100,
        level: Annotated[Level, Query(description="Only lines of this level and above")] = "info",
    ) -> Response:
        """Each with `time`, `level`, `process` and `message`, and some with `camera`."""
        folder = service.settings.folder
        if folder is None:
            raise HTTPException(404, "this daemon keeps no log")
        return as_json(await run_in_threadpool(_lines, Path(folder) / run_files.LOG, lines, level))


def _lines(path: Path, most: int, level: Level) -> list[dict[str, Any]]:
    found = (line for line in map(_decoded, line_file.backwards(path)) if line.get("level") in LEVELS[level])
    # Processes write side by side, so neighbouring lines may be in another order than their times.
    return sorted(islice(found, most), key=lambda line: str(line.get("time", "")), reverse=True)


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):  # cut short
        return {}


def _system(service: Service) -> dict[str, Any]:
    status, config = service.live.status, service.settings.config
    processes = status.processes if status else []
    uptime_s = _uptime_s(os.getppid())
    return {
        "name": socket.gethostname(),
        "version": version("edge-daemon"),
        "python": platform.python_version(),
        "started_at": utc(time.time_ns() - int(uptime_s * 1e9)),
        "uptime_s": round(uptime_s, 1),
        "config": {"file": config.file, "read_at": config.read_at},
        "cores": len(os.sched_getaffinity(0)),
        "load": list(os.getloadavg()),
        "machine_memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "cpu": round(sum(process.cpu for process in processes), 3),
        "memory_bytes": sum(process.memory_bytes for process in processes),
        "processes": processes,
    }


def _uptime_s(pid: int) -> float:
    """Time since a process started; 0 if it is gone."""
    try:
        started = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19]) / TICKS_PER_S
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
