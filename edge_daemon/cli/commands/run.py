"""Commands that run a daemon."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_daemon.cli.options import BEGINNINGS, DEFAULT_CONFIG, Append, Cache, Events, Publish, Results, Save, Sound
from edge_daemon.log import Level

if TYPE_CHECKING:
    from edge_daemon.config.schema import Config


def run(
    config: Annotated[Path | None, typer.Argument(help=f"YAML file; default: {DEFAULT_CONFIG}.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="Camera to run without a file: URL, path or webcam number."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="An ONNX file, builtin:person or zoo:NAME.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes for each --model.")] = None,
    results: Results = None,
    append: Append = None,
    save: Save = None,
    sound: Sound = False,
    events: Events = None,
    publish: Publish = None,
    cache: Cache = None,
    log: Annotated[
        Literal["text", "json"],
        typer.Option(help="Form of the log: json for programs; text has its own fields in the journal."),
    ] = "text",
    log_level: Annotated[
        Level | None, typer.Option(help="Leave out lines below this level; default: log.level of the file, else info.")
    ] = None,
) -> None:
    """Run in the foreground until stopped, or until all files have been read."""
    from edge_daemon.cli.run import run as start
    from edge_daemon.config.load import adhoc
    from edge_daemon.errors import ConfigError
    from edge_daemon.log import choose

    choose(log)
    chosen: Config | Path = config or DEFAULT_CONFIG
    if config is None and (source or model):
        if not source:
            raise ConfigError("--model needs a --source")
        if not model and not all(one.startswith("scene:") for one in source):
            raise ConfigError("--source needs a --model: an ONNX file, or zoo:yolox-nano, which is downloaded")
        options = {"workers": workers} if workers else None
        chosen = adhoc(source, model or ["builtin:person"], options)
    elif source or model or workers:
        raise ConfigError(f"give either a file ({config}) or --source, --model and --workers, not both")
    elif config is None and not DEFAULT_CONFIG.exists():
        raise ConfigError(f"{DEFAULT_CONFIG}: there is no such file. {BEGINNINGS}")
    start(
        chosen,
        results=results,
        append=append,
        save=save,
        sound=sound,
        events=events,
        publish=publish,
        cache=cache,
        level=log_level,
    )


def demo(results: Results = None, append: Append = None, publish: Publish = None) -> None:
    """Run the built-in model on a generated street, and print the addresses to open."""
    from edge_daemon.cli.run import demo as start

    start(results=results, append=append, publish=publish)
