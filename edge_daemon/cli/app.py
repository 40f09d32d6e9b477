"""The commands. Each imports what it needs when it runs, so that `--help` and `check` are fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_daemon.errors import ExitCode, StartError
from edge_daemon.log import Level
from edge_daemon.tokens import Role

if TYPE_CHECKING:
    from edge_daemon.cli.drawn import Draw
    from edge_daemon.config.schema import Config

app = typer.Typer(
    name="edge-daemon",
    help="Run vision models on live cameras, on a small computer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DEFAULT_CONFIG = Path("/etc/edge-daemon/config.yaml")
BEGINNINGS = """To begin:
  edge-daemon demo                                 the built-in model on a generated street
  edge-daemon run --source SOURCE --model MODEL    one camera, clip or folder, and one model
  edge-daemon run FILE.yaml                        a configuration; probe SOURCE --write FILE.yaml begins one"""
DEFAULT_ADDRESS = "tcp://127.0.0.1:5555"

Results = Annotated[
    str | None,
    typer.Option("--results", metavar="FILE", help="Also write every result as a JSON line; - is stdout."),
]
Append = Annotated[
    bool | None,
    typer.Option(
        "--append/--overwrite",
        help="Add to the results file, or replace it with the first result; default: add if a camera is live.",
        show_default=False,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        parser=Path,  # without looking for it, which may take for ever on a network drive
        help="Save annotated frames: a video (.mp4), or pictures in a folder (no suffix).",
    ),
]
Sound = Annotated[bool, typer.Option("--sound", help="With --save FILE.mp4: keep the sound of the clips.")]
Events = Annotated[
    str | None,
    typer.Option("--events", metavar="FILE", help="Write tracks, counts and events as JSON lines; - is stdout."),
]
Publish = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Publish at this address instead, for example tcp://127.0.0.1:6000."),
]
Cache = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of downloaded models; default: that of the service or the user."),
]
Connect = Annotated[str, typer.Option(metavar="ADDRESS", help="Address at which the daemon publishes.")]
ServerKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="The daemon's public key, or a file with it, if it uses keys.")
]
OwnKey = Annotated[str | None, typer.Option("--key", metavar="FILE", help="File with this subscriber's secret key.")]

RuntimeDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The daemon's runtime_dir, if its configuration sets one.")
]
OfDaemon = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The daemon's file; needed if several daemons run.")
]


@app.command()
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


@app.command()
def reload(
    config: Annotated[Path | None, typer.Argument(help="The daemon's file; needed if several daemons run.")] = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Make the running daemon read its configuration again; unchanged parts keep running."""
    from edge_daemon.cli.reload import reload as ask

    typer.echo(f"reloaded: {ask(config, runtime_dir)}")


@app.command()
def retry(
    camera: Annotated[str, typer.Argument(help="Name of a camera that is down.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Make the running daemon open a camera that is down now, instead of at its next try."""
    from edge_daemon.cli.switches import retry as ask

    typer.echo(ask(camera, config, runtime_dir))


@app.command()
def camera(
    state: Annotated[Literal["on", "off"], typer.Argument(help="on or off.")],
    name: Annotated[str, typer.Argument(help="Name of a camera.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Switch a camera of the running daemon on or off: one that is off is closed, also after a restart."""
    from edge_daemon.cli.switches import switch_camera

    typer.echo(switch_camera(name, state == "on", config, runtime_dir))


@app.command()
def mode(
    name: Annotated[str, typer.Argument(help="Name of a mode.")],
    config: OfDaemon = None,
    runtime_dir: RuntimeDir = None,
) -> None:
    """Set the mode of the running daemon, which decides on rules with `modes`."""
    from edge_daemon.cli.switches import set_mode

    typer.echo(set_mode(name, config, runtime_dir))


@app.command()
def demo(results: Results = None, append: Append = None, publish: Publish = None) -> None:
    """Run the built-in model on a generated street, and print the addresses to open."""
    from edge_daemon.cli.run import demo as start

    start(results=results, append=append, publish=publish)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A quarantined frame: its picture or its JSON file.")],
    model: Annotated[Path | None, typer.Option(metavar="FILE", help="Another model than the one that failed.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit.")] = 180.0,
) -> None:
    """Run a quarantined frame again, on which a model failed or crashed; exit code 1 if it still fails."""
    from edge_daemon.cli.replay import replay as again

    again(file, model, seconds)


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="YAML file.")] = DEFAULT_CONFIG,
    cache: Cache = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not load the models.")] = False,
) -> None:
    """Check a configuration, load its models, and list every mistake with line and key. Opens no camera."""
    from edge_daemon.cli.check import faults, lacking, not_here, sunless, unfit
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
    for note in (*notes, *not_here(loaded, cache), *unfit(loaded), *sunless(loaded)):
        typer.echo(str(note))
    cameras, count = len(loaded.cameras), len(loaded.models)
    typer.echo(f"{config}: good ({cameras} camera{'s'[: cameras > 1]}, {count} model{'s'[: count > 1]})")


models = typer.Typer(help="List the models that can be downloaded, and download them.")
app.add_typer(models, name="models")


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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def secret(
    name: Annotated[str, typer.Argument(help="NAME of ${NAME} in the configuration.")],
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of secrets; default: the service's.")
    ] = None,
) -> None:
    """Ask for a secret, such as a camera's password, and store it for the service."""
    from edge_daemon.cli.secret import FOLDER, store

    store(name, folder or FOLDER)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


ResultsFile = Annotated[str, typer.Argument(metavar="RESULTS", help="Results, a JSON line each; - is stdin.")]
Clip = Annotated[
    Path | None,
    typer.Option("--draw", metavar="CLIP", help="Draw into this clip of the camera; --output is a video."),
]


@app.command()
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
app.add_typer(rules, name="rules")


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


OwnConfig = Annotated[Path, typer.Option("--config", metavar="FILE", help="The daemon's configuration.")]


events = typer.Typer(help="Print the events that are stored, a line each, or export them.")
app.add_typer(events, name="events")


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


EventId = Annotated[str, typer.Argument(metavar="ID", help="An event.")]
Back = Annotated[bool, typer.Option("--no", help="Take the mark back.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this time, such as 2026-11-28T18:00.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="To this time.")]
OneCamera = Annotated[str | None, typer.Option(metavar="CAMERA", help="With --from and --to: of this camera.")]


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
) -> None:
    """Copy events with clips, stills and tracks into a folder, with checksums for sha256sum -c.

    With --from and --to, also one video of each camera, and a list of what is missing in it.
    """
    from edge_daemon.cli.export import Wanted, export
    from edge_daemon.cli.marks import seconds_of

    names = [name for names in camera or [] for name in names.split(",")]
    times = seconds_of("--from", start), seconds_of("--to", end)
    done = export(config, output, Wanted(id or [], names, rule or [], since, *times, format, sign))
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


store = typer.Typer(help="Look after the store of events.", no_args_is_help=True)
app.add_typer(store, name="store")


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


deliver = typer.Typer(help="Receivers of events: progress, tests, pauses, repetitions.", no_args_is_help=True)
app.add_typer(deliver, name="deliver")
ReceiverName = Annotated[str, typer.Argument(metavar="RECEIVER", help="Name under `deliver`.")]


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


@app.command()
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


@app.command()
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


@app.callback(invoke_without_command=True)
def _version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if show:
        from edge_daemon import __version__

        typer.echo(f"edge-daemon {__version__}")
        raise typer.Exit
