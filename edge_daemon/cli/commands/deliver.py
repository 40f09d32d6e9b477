"""Commands about receivers of events."""

from typing import Annotated

import typer

from edge_daemon.cli.options import DEFAULT_CONFIG, OfDaemon, OwnConfig, RuntimeDir

ReceiverName = Annotated[str, typer.Argument(metavar="RECEIVER", help="Name under `deliver`.")]
deliver = typer.Typer(help="Receivers of events: progress, tests, pauses, repetitions.", no_args_is_help=True)


@deliver.command("list")
def _list_receivers(config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Print what is not delivered yet, a line for each receiver."""
    from edge_daemon.cli.deliver import listed

    typer.echo("\n".join(listed(config)))


@deliver.command("test")
def _test_receiver(receiver: ReceiverName, config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Send a test message with a picture now; exit code 1 if it is not acknowledged."""
    from edge_daemon.cli.deliver import test

    typer.echo(test(config, receiver))


@deliver.command("pause")
def _pause_receiver(receiver: ReceiverName, config: OfDaemon = None, runtime_dir: RuntimeDir = None) -> None:
    """Deliver nothing until it is resumed, also after a restart; what happens waits in the store."""
    from edge_daemon.cli.deliver import steer

    typer.echo(steer(receiver, "pause", None, config, runtime_dir))


@deliver.command("resume")
def _resume_receiver(receiver: ReceiverName, config: OfDaemon = None, runtime_dir: RuntimeDir = None) -> None:
    """Go on with the delivery, and try at once what waits after a failure."""
    from edge_daemon.cli.deliver import steer

    typer.echo(steer(receiver, "resume", None, config, runtime_dir))


@deliver.command("replay")
def _replay_receiver(
    receiver: ReceiverName,
    since: Annotated[str, typer.Argument(metavar="TIME", help="2h, 3d, or 2026-11-28T18:00.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Deliver again what was stored since a time, with the same ids."""
    from edge_daemon.cli.deliver import steer

    typer.echo(steer(receiver, "replay", since, config, runtime_dir))


@deliver.command("dead")
def _dead_letters(
    receiver: ReceiverName,
    config: OwnConfig = DEFAULT_CONFIG,
    again: Annotated[bool, typer.Option("--again", help="Deliver them again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, with the messages.")] = False,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Print the messages that the receiver has rejected for good."""
    from edge_daemon.cli.deliver import dead, steer

    if again:
        typer.echo(steer(receiver, "dead", None, config, runtime_dir))
        return
    for line in dead(config, receiver, as_json=as_json):
        typer.echo(line)
