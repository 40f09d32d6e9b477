"""Options and arguments that several commands have, and their defaults."""

from pathlib import Path
from typing import Annotated

import typer

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
OwnConfig = Annotated[Path, typer.Option("--config", metavar="FILE", help="The daemon's configuration.")]
