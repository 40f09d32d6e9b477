"""Commands that help to set up: configurations, cameras, tokens, secrets and keys."""

from pathlib import Path
from typing import Annotated

import typer

from edge_daemon.cli.options import DEFAULT_CONFIG, Cache
from edge_daemon.errors import StartError
from edge_daemon.tokens import Role


def check(
    config: Annotated[Path, typer.Argument(help="YAML file.")] = DEFAULT_CONFIG,
    cache: Cache = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not load the models.")] = False,
) -> None:
    """Check a configuration, load its models, and list every mistake with line and key. Opens no camera."""
    from edge_daemon.cli.check import confined, faults, lacking, not_here, pictureless, sunless, unfit
    from edge_daemon.cli.machine_checks import machine_faults
    from edge_daemon.config.load import load, missing_files
    from edge_daemon.config.problems import Problem

    loaded = load(config)
    problems = [
        *missing_files(loaded),
        *faults(loaded),
        *lacking(loaded),
        *machine_faults(loaded, config, DEFAULT_CONFIG),
    ]
    notes: list[Problem] = []
    if not quick:
        from edge_daemon.cli.model_checks import model_faults

        found = {problem.key for problem in problems}
        problems += [problem for problem in model_faults(loaded, cache, notes) if problem.key not in found]
    if problems:
        raise StartError("\n".join(str(problem) for problem in sorted(problems, key=lambda one: one.line or 0)))
    for note in (
        *notes,
        *not_here(loaded, cache),
        *unfit(loaded),
        *sunless(loaded),
        *pictureless(loaded),
        *confined(loaded),
    ):
        typer.echo(str(note))
    cameras, count = len(loaded.cameras), len(loaded.models)
    typer.echo(f"{config}: good ({cameras} camera{'s'[: cameras > 1]}, {count} model{'s'[: count > 1]})")


def probe(
    source: Annotated[str | None, typer.Argument(help="As in a configuration; default: list the webcams.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="Duration of the measurement.")] = 5.0,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Save a picture to this file.")] = None,
    clip: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Save a clip, such as 5s, without encoding it again.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the clip to this MP4 file.")] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begin a configuration: write the camera to this YAML file.")
    ] = None,
    main: Annotated[
        str | None, typer.Option(metavar="URL", help="Main stream of the camera: also see how this one lies in it.")
    ] = None,
    transport: Annotated[str | None, typer.Option(help="RTSP transport: tcp or udp.")] = None,
    decode: Annotated[str | None, typer.Option(help="Video decoder: auto, cpu, vaapi, v4l2m2m or nvdec.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Describe a camera, test if it works, and save a picture of it."""
    import json

    from edge_daemon.cli.probe import probe as look
    from edge_daemon.cli.probe import webcams

    if source is None:
        found = webcams()
        if as_json:
            typer.echo(json.dumps(found))
        elif not found:
            raise StartError("no webcam found; name another source")
        else:
            typer.echo("\n".join(f"{webcam['device']}  {webcam['source']}" for webcam in found))
        return
    options: dict[str, object] = {key: value for key, value in (("transport", transport), ("decode", decode)) if value}
    if main:
        options["record"] = {"source": main}
    code = look(
        source, options, seconds=seconds, picture=picture, clip=clip, output=output, write=write, as_json=as_json
    )
    if code:
        raise typer.Exit(code)


def token(
    role: Annotated[
        Role, typer.Option(help="viewer sees and predicts, operator also switches, administrator changes.")
    ] = "viewer",
) -> None:
    """Make a token for the web interface, and print its lines for the YAML."""
    from edge_daemon.tokens import digest, new_token

    made = new_token()
    typer.echo(f"{made}\n{digest(made)}")
    written = f'"{digest(made)}"' if role == "viewer" else f'{{token: "{digest(made)}", role: {role}}}'
    typer.echo("The first line is the token, which is shown only once. In the YAML:\n", err=True)
    typer.echo(f"web:\n  tokens:\n    NAME: {written}", err=True)


def secret(
    name: Annotated[str, typer.Argument(help="NAME of ${NAME} in the configuration.")],
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of secrets; default: the service's.")
    ] = None,
) -> None:
    """Ask for a secret, such as a camera's password, and store it for the service."""
    from edge_daemon.cli.secret import FOLDER, store

    store(name, folder or FOLDER)


def keygen(
    name: Annotated[Path, typer.Argument(help="Writes NAME.key (secret) and NAME.pub (public).")],
    sign: Annotated[bool, typer.Option("--sign", help="NAME.pem and NAME.pub.pem, to sign exports with.")] = False,
) -> None:
    """Create a pair of keys, for a daemon or a subscriber; or one to sign exports with."""
    if sign:
        from edge_daemon.runtime.signing import new_keys

        private, shown = new_keys(name)
        typer.echo(f"Secret key: {private} (do not share). Public key: {shown}")
        return
    from edge_daemon.transport.curve import generate, write

    pair = generate()
    secret, public = write(pair, name)
    typer.echo(f"Secret key: {secret} (do not share). Public key: {public}, {pair.public}")


def schema(
    messages: Annotated[bool, typer.Option("--messages", help="That of the published messages, for programs.")] = False,
) -> None:
    """Print the JSON Schema of the YAML, for editors."""
    import json

    if messages:
        from edge_daemon.messages.schema import messages_schema as json_schema
    else:
        from edge_daemon.config.load import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
