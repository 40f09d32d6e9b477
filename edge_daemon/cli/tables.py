"""The status of a daemon as tables for a terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rich.table import Table
from rich.text import Text

from edge_daemon.cli.sentences import counted_in, dropped_from, found_in, latency_of, state_of
from edge_daemon.log import printable
from edge_daemon.messages.fates import losses
from edge_daemon.messages.status import CameraStatus, ProcessStatus, StreamCounts

WIDE = 110
"""Width of a terminal, in columns, that has room for every column of a table."""
Order = Literal["state", "name", "fps", "latency", "lost"]


class Row(NamedTuple):
    """A camera and model."""

    name: str
    camera: CameraStatus
    model: str
    counts: StreamCounts

    @property
    def lost(self) -> int:
        """Number of lost frames."""
        return sum(losses(self.counts.dropped).values())


def rows(cameras: Mapping[str, CameraStatus], order: Order = "state") -> list[Row]:
    """The cameras and models in this order: `state` has those that are not up first, the others the worst first."""
    found = [Row(name, camera, *stream) for name, camera in cameras.items() for stream in camera.models.items()]
    keys: dict[Order, Callable[[Row], Any]] = {
        "state": lambda row: ("red", "yellow", "").index(_style(row.camera.state)),
        "name": lambda row: row.name,
        "fps": lambda row: row.counts.fps,
        "latency": lambda row: -row.counts.latency_ms.get("p99", 0.0),
        "lost": lambda row: -row.lost,
    }
    return sorted(found, key=keys[order])


def camera_table(
    cameras: Mapping[str, CameraStatus], *, width: int, order: Order = "state", reasons: bool = False
) -> Table:
    """A line for each camera and model. With `reasons`, dropped frames are listed by reason, in as many lines as it
    takes; else lost ones are counted.
    """
    wide = width >= WIDE
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("camera", "state", "model"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=5)
    for name in ("fps", "latency", "delivered", *([] if reasons else ["lost"])):
        table.add_column(name, justify="right", no_wrap=True)
    if reasons:
        table.add_column("dropped", overflow="fold")
    elif wide:
        table.add_column("last found", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows(cameras, order):
        cells = [
            row.name,
            state_of(row.camera),
            row.model,
            f"{row.counts.fps:.1f}",
            latency_of(row.counts),
            str(row.counts.delivered),
            dropped_from(row.counts) if reasons else str(row.lost or ""),
            *(
                ["; ".join(filter(None, (found_in(row.counts), counted_in(row.counts))))]
                if wide and not reasons
                else []
            ),
        ]
        table.add_row(*map(plain, cells), style=_style(row.camera.state))
    return table


def process_table(processes: Sequence[ProcessStatus], *, width: int) -> Table:
    """A row for each process."""
    wide = width >= WIDE
    table = Table("process", "state", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("CPU", "memory", "restarts", *(["pid"] if wide else [])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("runs on")
    for process in processes:
        row = [
            process.title,
            process.state,
            f"{process.cpu:.0%}",
            f"{process.memory_bytes / 1e6:.0f} MB",
            str(process.restarts),
            *([str(process.pid or "")] if wide else []),
            process.detail.get("provider", ""),
        ]
        table.add_row(*map(plain, row), style=_style(process.state))
    return table


def plain(text: str) -> Text:
    """A cell or a caption with a text from elsewhere: not markup, and nothing that the terminal would act on."""
    return Text(printable(text))


def _style(state: str) -> str:
    if state.startswith("down"):
        return "red"
    return "" if state in ("up", "finished", "ended") else "yellow"
