"""Commands to a daemon that runs: what it reads, opens and decides."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from edge_daemon.cli.options import OfDaemon, RuntimeDir


def reload(
    config: Annotated[Path | None, typer.Argument(help="The daemon's file; needed if several daemons run.")] = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Make the running daemon read its configuration again; unchanged parts keep running."""
    from edge_daemon.cli.reload import reload as ask

    typer.echo(f"reloaded: {ask(config, runtime_dir)}")


def retry(
    camera: Annotated[str, typer.Argument(help="Name of a camera that is down.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Make the running daemon open a camera that is down now, instead of at its next try."""
    from edge_daemon.cli.switches import retry as ask

    typer.echo(ask(camera, config, runtime_dir))


def camera(
    state: Annotated[Literal["on", "off"], typer.Argument(help="on or off.")],
    name: Annotated[str, typer.Argument(help="Name of a camera.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Switch a camera of the running daemon on or off: one that is off is closed, also after a restart."""
    from edge_daemon.cli.switches import switch_camera

    typer.echo(switch_camera(name, state == "on", config, runtime_dir))


def mode(
    name: Annotated[str, typer.Argument(help="Name of a mode.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Set the mode of the running daemon, which decides on rules with `modes`."""
    from edge_daemon.cli.switches import set_mode

    typer.echo(set_mode(name, config, runtime_dir))
