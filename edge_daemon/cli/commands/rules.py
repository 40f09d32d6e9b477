"""Commands about tracks and rules: tried on results, or switched."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_daemon.cli.options import DEFAULT_CONFIG, OfDaemon, RuntimeDir
from edge_daemon.errors import StartError

if TYPE_CHECKING:
    from edge_daemon.cli.drawn import Draw

ResultsFile = Annotated[str, typer.Argument(metavar="RESULTS", help="Results, a JSON line each; - is stdin.")]
Clip = Annotated[
    Path | None,
    typer.Option("--draw", metavar="CLIP", help="Draw into this clip of the camera; --output is a video."),
]


def track(
    results: ResultsFile,
    output: Annotated[str, typer.Option(metavar="FILE", help="The same with tracks; - is stdout.")] = "-",
    config: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="Configuration of the cameras that made the results.")
    ] = None,
    clip: Clip = None,
) -> None:
    """Give results that were made earlier, or elsewhere, the numbers of their tracks."""
    from edge_daemon.cli.track import track as follow
    from edge_daemon.config.load import load

    follow(results, output, load(config) if config else None, _draw(clip, output))


def _draw(clip: Path | None, output: str) -> "Draw | None":
    if clip is None:
        return None
    if output == "-":
        raise StartError("--draw needs --output FILE.mp4, the video to write")
    from edge_daemon.cli.drawn import Draw

    return Draw(clip, Path(output))


rules = typer.Typer(help="Try rules on results, and switch those of a running daemon.", no_args_is_help=True)


@rules.command("on")
def rule_on(
    rule: Annotated[str, typer.Argument(help="Name of a rule.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Switch a rule of the running daemon on."""
    from edge_daemon.cli.switches import switch_rule

    typer.echo(switch_rule(rule, True, None, config, runtime_dir))


@rules.command("off")
def rule_off(
    rule: Annotated[str, typer.Argument(help="Name of a rule.")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it is on again: 18:00, or 2026-11-28T18:00.")
    ] = None,
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Switch a rule of the running daemon off: it makes no events, also after a restart."""
    from edge_daemon.cli.switches import switch_rule

    typer.echo(switch_rule(rule, False, until, config, runtime_dir))


@rules.command("test")
def try_rules(
    results: Annotated[
        str | None, typer.Argument(metavar="[RESULTS]", help="Results, a JSON line each; - is stdin.")
    ] = None,
    config: Annotated[Path, typer.Option(metavar="CONFIG", help="Configuration with the rules.")] = DEFAULT_CONFIG,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Instead of results: the stored tracks of the last time.")
    ] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="Mode; the first one if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines: events, and tracks without one.")] = False,
    clip: Clip = None,
    output: Annotated[str, typer.Option(metavar="FILE", help="With --draw: the video to write.")] = "-",
) -> None:
    """Which events results would have made, and for each track that made none, what failed and by how much."""
    from edge_daemon.cli.store import since_s, storage_of
    from edge_daemon.cli.try_rules import trial, trial_of_stored
    from edge_daemon.config.load import load
    from edge_daemon.config.problems import unknown

    loaded = load(config)
    modes = loaded.modes or []
    if mode is not None and mode not in modes:
        raise StartError(unknown("mode", mode, modes))
    mode = mode or next(iter(modes), None)
    begin_s = since_s(since)
    if (results is None) == (begin_s is None) or (begin_s is not None and clip):
        raise StartError("name a file of results, or --since for the tracks in the store (which cannot be drawn)")
    if begin_s is not None:
        trial_of_stored(Path(storage_of(config).folder), begin_s, loaded, mode=mode, as_json=as_json)
        return
    trial(str(results), loaded, mode=mode, as_json=as_json, draw=_draw(clip, output))
