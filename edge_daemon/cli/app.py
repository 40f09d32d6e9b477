"""The command line: all commands, in the groups in which `--help` shows them."""

from collections.abc import Callable
from typing import Annotated

import typer

from edge_daemon.cli.commands import care, deliver, events, models, rules, run, running, setup, watch

app = typer.Typer(
    name="edge-daemon",
    help="Run vision models on live cameras, on a small computer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS: dict[str, list[tuple[str, typer.Typer | Callable[..., None], str]]] = {
    "Try": [
        ("demo", run.demo, "Run the built-in model on a generated street."),
        ("run", run.run, "Run models on cameras in the foreground."),
        ("models", models.models, "List and download models."),
        ("inspect", models.inspect, "Explain how a model is read, and what it finds."),
        ("bench", models.bench, "Measure how many cameras this machine can run a model on."),
    ],
    "Set up": [
        ("probe", setup.probe, "Test a camera."),
        ("check", setup.check, "List every mistake in a configuration."),
        ("schema", setup.schema, "Print the JSON Schema of the configuration, for editors."),
        ("secret", setup.secret, "Store a secret for the service."),
        ("token", setup.token, "Make a token for the web."),
        ("keygen", setup.keygen, "Make a pair of keys."),
    ],
    "Watch": [
        ("top", watch.top, "Show the live status."),
        ("tail", watch.tail, "Print results as JSON lines."),
        ("snapshot", watch.snapshot, "Save the next annotated frame."),
    ],
    "Events": [
        ("rules", rules.rules, "Try rules, and switch them on and off."),
        ("track", rules.track, "Find the tracks in results that were made earlier."),
        ("events", events.events, "List, export, mark and erase stored events."),
        ("deliver", deliver.deliver, "List, test and pause receivers of events."),
    ],
    "Care": [
        ("reload", running.reload, "Read the configuration again."),
        ("retry", running.retry, "Open a camera that is down now."),
        ("camera", running.camera, "Switch a camera on or off."),
        ("mode", running.mode, "Set the mode, which decides on rules."),
        ("store", care.store, "Check, rebuild or measure the store."),
        ("replay", care.replay, "Run a frame again that was set aside."),
        ("report", care.report, "Collect what a bug report needs."),
    ],
}
for _group, _commands in GROUPS.items():
    for _name, _command, _short in _commands:
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, short_help=_short, rich_help_panel=_group)
        else:
            app.command(_name, short_help=_short, rich_help_panel=_group)(_command)


@app.callback(invoke_without_command=True)
def _version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if show:
        from edge_daemon import __version__

        typer.echo(f"edge-daemon {__version__}")
        raise typer.Exit
