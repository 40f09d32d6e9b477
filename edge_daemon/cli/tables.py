"""How a daemon stands, as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from edge_daemon.cli.sentences import dropped_from, found_in, latency_of, state_of

WIDE = 110
"""Columns of a terminal from which on there is room for everything."""
ROLES = ("capture", "dispatcher", "worker", "sink")


def camera_table(cameras: dict[str, Any], *, width: int) -> Table:
    """A row for each camera and model, from the cameras of a status."""
    wide = width >= WIDE
    table = Table("camera", "state", "model", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("fps", "latency", "delivered"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dropped", overflow="fold")
    if wide:
        table.add_column("last found", no_wrap=True)
    for camera, status in cameras.items():
        for model, counts in status["models"].items():
            row = [
                camera,
                state_of(status),
                model,
                f"{counts['fps']:.1f}",
                latency_of(counts),
                str(counts["delivered"]),
            ]
            table.add_row(
                *row, dropped_from(counts), *([found_in(counts)] if wide else []), style=_style(status["state"])
            )
    return table


def process_table(processes: Sequence[dict[str, Any]], *, width: int) -> Table:
    """A row for each process, from the process table of a status."""
    wide = width >= WIDE
    table = Table("process", "state", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("CPU", "memory", "restarts", *(["pid"] if wide else [])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("runs on")
    for process in sorted(processes, key=_order):
        name, role = process["name"], process["role"]
        table.add_row(
            role if name == role else f"{role} {name}",
            process["state"],
            f"{process['cpu']:.0%}",
            f"{process['memory_bytes'] / 1e6:.0f} MB",
            str(process["restarts"]),
            *([str(process["pid"] or "")] if wide else []),
            process["detail"].get("provider", ""),
            style=_style(process["state"]),
        )
    return table


def _style(state: str) -> str:
    if state.startswith("down"):
        return "red"
    return "" if state in ("up", "finished", "ended") else "yellow"


def _order(process: dict[str, Any]) -> tuple[int, str]:
    role = process["role"]
    return ROLES.index(role) if role in ROLES else len(ROLES), process["name"]
