"""Commands that show what a running daemon does."""

from pathlib import Path
from typing import Annotated

import typer

from edge_daemon.cli.options import DEFAULT_ADDRESS, Connect, OwnKey, ServerKey


def tail(
    camera: Annotated[list[str] | None, typer.Option(metavar="CAMERA", help="Only this camera (repeatable).")] = None,
    connect: Connect = DEFAULT_ADDRESS,
    server_key: ServerKey = None,
    key: OwnKey = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many results.")] = None,
    verify: Annotated[
        bool, typer.Option(help="Print nothing; check order, gaps and totals, and stop at the first error.")
    ] = False,
    topic: Annotated[
        str, typer.Option(help="Print this topic: result, frame (without pictures) or status.")
    ] = "result",
) -> None:
    """Print results of a running daemon as JSON lines."""
    from edge_daemon.cli.target import Target
    from edge_daemon.cli.watch import tail as follow
    from edge_daemon.cli.watch import verify as check_all

    target = Target(connect, server_key, key)
    if verify:
        check_all(target, camera or [], count)
    else:
        follow(target, camera or [], count, topic)


def top(
    connect: Connect = DEFAULT_ADDRESS,
    server_key: ServerKey = None,
    key: OwnKey = None,
    once: Annotated[bool, typer.Option("--once", help="Print the status once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line per second.")] = False,
) -> None:
    """Live status of a running daemon: cameras, models and processes. Its last line lists the keys."""
    import sys

    from edge_daemon.cli import top as shown
    from edge_daemon.cli.target import Target

    target = Target(connect, server_key, key)
    try:
        if once or not (as_json or sys.stdout.isatty()):
            shown.once(target, as_json=as_json)
        elif as_json:
            shown.watch_json(target)
        else:
            shown.watch(target)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # suppresses the interpreter's message about the closed pipe


def snapshot(
    file: Annotated[Path, typer.Argument(help="Picture to write; its suffix selects JPEG, PNG or WebP.")],
    camera: Annotated[str | None, typer.Option(metavar="CAMERA", help="Camera; default: any.")] = None,
    connect: Connect = DEFAULT_ADDRESS,
    server_key: ServerKey = None,
    key: OwnKey = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest wait for a frame.")] = 10.0,
) -> None:
    """Save the next annotated frame of a running daemon."""
    from edge_daemon.cli.target import Target
    from edge_daemon.cli.watch import snapshot as save

    save(file, camera, Target(connect, server_key, key), timeout)
