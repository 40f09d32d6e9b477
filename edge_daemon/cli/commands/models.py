"""Commands about models: which there are, how they are read, how fast they are."""

from pathlib import Path
from typing import Annotated

import typer

from edge_daemon.cli.options import Cache
from edge_daemon.errors import ExitCode

models = typer.Typer(help="List the models that can be downloaded, and download them.")


@models.callback(invoke_without_command=True)
def _list(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all that is known of each model.")] = False,
    cache: Cache = None,
) -> None:
    if context.invoked_subcommand is None:
        from edge_daemon.cli.models import show

        show(cache, as_json=as_json)


@models.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Names in the catalogue.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Download all models of the catalogue.")] = False,
    cache: Cache = None,
) -> None:
    """Download models ahead of their first use."""
    from edge_daemon.cli.models import pull as fetch

    fetch(names or [], cache, everything=everything)


def inspect(
    model: Annotated[str, typer.Argument(help="An ONNX file, builtin:person or zoo:NAME.")],
    images: Annotated[list[Path] | None, typer.Argument(help="Pictures to run; each is saved annotated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    decoder: Annotated[str | None, typer.Option(help="Decoder to use (names: docs/models.md).")] = None,
    labels: Annotated[str | None, typer.Option(help="Class names: a file with one a line, or coco.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Input size of a model that leaves it open.")] = None,
    confidence: Annotated[float | None, typer.Option(help="Confidence threshold, 0 to 1.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Compare its detections with those of another export.")
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare its detections with those in a JSON file.")
    ] = None,
    cache: Cache = None,
) -> None:
    """Explain how a model is read and why, measure its time per frame, and run it on pictures."""
    from edge_daemon.cli.inspect import inspect as look
    from edge_daemon.cli.inspect import request_for, with_comparison

    options = {"decoder": decoder, "labels": labels, "confidence": confidence}
    chosen: dict[str, object] = {key: value for key, value in options.items() if value is not None}
    if size:
        chosen["input"] = {"size": int(size) if size.isdecimal() else size}
    if (against or expect) and not images:
        raise typer.BadParameter("a comparison needs pictures")
    request = with_comparison(request_for(model, chosen, cache), against, expect, cache)
    if not look(request, images or [], as_json=as_json):
        raise typer.Exit(ExitCode.START)


def bench(
    model: Annotated[
        str | None,
        typer.Argument(help="An ONNX file, builtin:person or zoo:NAME; with --write, a model's name in that file."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="FILE", help="A video like those of the cameras; default: a generated one.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.01, max=1000, help="Frames per second to process; default: all.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="Write workers, threads and codec into this YAML file.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="Duration of each measurement.")] = 1.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    cache: Cache = None,
) -> None:
    """Measure how many cameras this machine can run a model on, and the best workers, threads and codec."""
    from edge_daemon.cli.bench import bench as measure

    measure(model, source, fps, write, seconds, cache, as_json=as_json)
