"""Commands about stored events."""

from pathlib import Path
from typing import Annotated

import typer

from edge_daemon.cli.options import DEFAULT_CONFIG, OwnConfig
from edge_daemon.errors import StartError

EventId = Annotated[str, typer.Argument(metavar="ID", help="An event.")]
Back = Annotated[bool, typer.Option("--no", help="Take the mark back.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this time, such as 2026-11-28T18:00.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="To this time.")]
OneCamera = Annotated[str | None, typer.Option(metavar="CAMERA", help="With --from and --to: of this camera.")]
events = typer.Typer(help="Print the events that are stored, a line each, or export them.")


@events.callback(invoke_without_command=True)
def _events(
    context: typer.Context,
    config: OwnConfig = DEFAULT_CONFIG,
    camera: Annotated[list[str] | None, typer.Option(metavar="CAMERA", help="Only this camera (repeatable).")] = None,
    rule: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Only this rule (repeatable).")] = None,
    since: Annotated[str | None, typer.Option(metavar="DURATION", help="Only the last time, such as 2d.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for further ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from edge_daemon.cli.store import events as stored

    try:
        for line in stored(config, camera or [], rule or [], since, follow=follow, as_json=as_json):
            typer.echo(line)
    except KeyboardInterrupt:
        return


@events.command("export")
def _export_events(
    output: Annotated[Path, typer.Argument(help="The folder to make.")],
    config: OwnConfig = DEFAULT_CONFIG,
    id: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this event (repeatable).")] = None,
    camera: Annotated[list[str] | None, typer.Option(metavar="CAMERA", help="Only this camera (repeatable).")] = None,
    rule: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Only this rule (repeatable).")] = None,
    since: Annotated[str | None, typer.Option(metavar="DURATION", help="Only the last time, such as 2d.")] = None,
    start: From = None,
    end: To = None,
    format: Annotated[str, typer.Option(metavar="FORMAT", help="media, or coco: pictures and boxes.")] = "media",
    sign: Annotated[Path | None, typer.Option(metavar="KEY", help="Sign with this key of keygen --sign.")] = None,
    transcode: Annotated[bool, typer.Option("--transcode", help="Make H.264 of video that is not.")] = False,
) -> None:
    """Copy events with clips, stills and tracks into a folder, with checksums for sha256sum -c.

    With --from and --to, also one video of each camera, and a list of what is missing in it.
    """
    from edge_daemon.cli.export import Wanted, export
    from edge_daemon.cli.marks import seconds_of

    names = [name for names in camera or [] for name in names.split(",")]
    times = seconds_of("--from", start), seconds_of("--to", end)
    done = export(config, output, Wanted(id or [], names, rule or [], since, *times, format, sign, transcode))
    typer.echo(f"{output}: {done}; cd {output} && sha256sum -c SHA256SUMS")


@events.command("keep")
def _keep_event(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="An event.")] = None,
    camera: OneCamera = None,
    since: From = None,
    until: To = None,
    no: Back = False,
    config: OwnConfig = DEFAULT_CONFIG,
) -> None:
    """Keep an event, or what a camera has in a range of time, until it is erased."""
    from edge_daemon.cli.marks import keep_range, mark

    if id:
        typer.echo(mark(config, id, keep=not no))
    elif camera and since and until:
        typer.echo(keep_range(config, camera, since, until, keep=not no))
    else:
        raise StartError("name an event, or --camera, --from and --to")


@events.command("wrong")
def _wrong_event(id: EventId, no: Back = False, config: OwnConfig = DEFAULT_CONFIG) -> None:
    """Mark an event that should not have been one."""
    from edge_daemon.cli.marks import mark

    typer.echo(mark(config, id, wrong=not no))


@events.command("erase")
def _erase_event(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="An event.")] = None,
    camera: OneCamera = None,
    since: From = None,
    until: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: OwnConfig = DEFAULT_CONFIG,
) -> None:
    """Erase an event, or what a camera has in a range of time: clips, stills, tracks and messages."""
    from edge_daemon.cli.marks import erase

    what = f"event {id}" if id else f"everything of camera {camera} from {since} to {until}"
    if yes or typer.confirm(f"Erase {what}? It cannot be brought back", err=True):
        typer.echo(erase(config, id, camera, since, until))


@events.command("link")
def _link_event(
    id: EventId,
    kind: Annotated[str, typer.Option(metavar="KIND", help="clip, or a still: plain, annotated or small.")] = "clip",
    lasts: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long; 7d at most.")] = "1d",
    config: OwnConfig = DEFAULT_CONFIG,
) -> None:
    """Print a link to a clip or still that needs no token; put the address of the box before it."""
    from edge_daemon.cli.marks import link

    typer.echo(link(config, id, kind, lasts))


@events.command("revoke-links")
def _revoke_links(config: OwnConfig = DEFAULT_CONFIG) -> None:
    """End all links that were made."""
    from edge_daemon.cli.marks import revoke_links

    revoke_links(config)
    typer.echo("all links that were made before have ended")
