"""The status of a daemon as tables for a terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from edge_daemon.cli.sentences import dropped_from, found_in, latency_of, state_of
from edge_daemon.messages.status import CameraStatus, ProcessStatus

WIDE = 110
"""Width of a terminal, in columns, that has room for every column of a table."""


def camera_table(cameras: Mapping[str, CameraStatus], *, width: int) -> Table:
    """A row for each camera and model."""
    wide = width >= WIDE
    table = Table("camera", "state", "model", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("fps", "latency", "delivered"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dropped", overflow="fold")
    if wide:
        table.add_column("last found", no_wrap=True)
    for name, camera in cameras.items():
        for model, counts in camera.models.items():
            row = [
                name,
                state_of(camera),
                model,
                f"{counts.fps:.1f}",
                latency_of(counts),
                str(counts.delivered),
                dropped_from(counts),
            ]
            table.add_row(*row, *([found_in(counts)] if wide else []), style=_style(camera.state))
    return table


def process_table(processes: Sequence[ProcessStatus], *, width: int) -> Table:
    """A row for each process."""
    wide = width >= WIDE
    table = Table("process", "state", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("CPU", "memory", "restarts", *(["pid"] if wide else [])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("runs on")
    for process in processes:
        table.add_row(
            process.title,
            process.state,
            f"{process.cpu:.0%}",
            f"{process.memory_bytes / 1e6:.0f} MB",
            str(process.restarts),
            *([str(process.pid or "")] if wide else []),
            process.detail.get("provider", ""),
            style=_style(process.state),
        )
    return table


def _style(state: str) -> str:
    if state.startswith("down"):
        return "red"
    return "" if state in ("up", "finished", "ended") else "yellow"
