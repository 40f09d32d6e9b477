"""Commands for looking after: the store, bug reports, frames that were set aside."""

from pathlib import Path
from typing import Annotated

import typer

from edge_daemon.cli.options import DEFAULT_ADDRESS, DEFAULT_CONFIG, Connect, OwnConfig, OwnKey, ServerKey
from edge_daemon.errors import ExitCode


def replay(
    file: Annotated[Path, typer.Argument(help="A quarantined frame: its picture or its JSON file.")],
    model: Annotated[Path | None, typer.Option(metavar="FILE", help="Another model than the one that failed.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit.")] = 180.0,
) -> None:
    """Run a quarantined frame again, on which a model failed or crashed; exit code 1 if it still fails."""
    from edge_daemon.cli.replay import replay as again

    again(file, model, seconds)


def report(
    file: Annotated[Path, typer.Argument(help="The report, a new .tar.gz file.")] = Path("edge-daemon-report.tar.gz"),
    config: Annotated[Path, typer.Option(metavar="FILE", help="The daemon's configuration.")] = DEFAULT_CONFIG,
    connect: Connect = DEFAULT_ADDRESS,
    server_key: ServerKey = None,
    key: OwnKey = None,
    probe: Annotated[bool, typer.Option("--probe", help="Also probe each camera.")] = False,
) -> None:
    """Collect what a bug report needs, without secrets: versions, configuration, status, log lines."""
    from edge_daemon.cli.report import write
    from edge_daemon.cli.target import Target

    write(file, config, Target(connect, server_key, key), probe=probe)


store = typer.Typer(help="Look after the store of events.", no_args_is_help=True)


@store.command("check")
def _check_store(config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Compare journal and index; exit code 1 if they do not agree."""
    from edge_daemon.cli.store import check as compare

    faults = list(compare(config))
    typer.echo("\n".join(faults) or "the store is whole")
    if faults:
        raise typer.Exit(ExitCode.FAILED)


@store.command("rebuild")
def _rebuild_store(config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Make the index again from the journal, while the daemon is stopped."""
    from edge_daemon.cli.store import rebuild

    typer.echo(f"the index is made again, up to position {rebuild(config)}")


@store.command("usage")
def _store_usage(config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Print what is stored, and how much room it takes."""
    from edge_daemon.cli.store import usage

    typer.echo("\n".join(usage(config)))
