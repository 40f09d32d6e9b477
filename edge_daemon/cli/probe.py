"""`edge-daemon probe`: what a source is, and whether it works."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge_daemon.capture.stamps import Stamps, in_words
from edge_daemon.errors import ConfigError, EdgeError, ExitCode
from edge_daemon.log import printable
from edge_daemon.messages.hints import hint_for
from edge_daemon.runtime.isolated import DiedError, TimedOutError, call
from edge_daemon.settings import OpenSettings

SLACK_S = 10.0
"""Time for the process to start, and to diagnose a failure to open."""
KEY_S = 30.0
"""Time to wait for a key frame, with which a clip begins."""
MAX_CLIP_S = 600.0
BY_ID = Path("/dev/v4l/by-id")
SECRET = "CAMERA_PASSWORD"
FIRST_MODEL = "zoo:yolox-nano"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A source to open, how long to read it, and the files for a picture and a clip of `clip_s` of it, if any. `main`
    is another stream of the camera.
    """

    source: str
    opening: OpenSettings
    seconds: float
    picture: str | None
    clip: str | None = None
    clip_s: float = 0.0
    main: str | None = None


class MainFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The main stream of a camera, and the part of it (left, top, right, bottom, as shares) that the other one shows;
    or the `error` why that is not known.
    """

    codec: str = ""
    width: int = 0
    height: int = 0
    crop: tuple[float, float, float, float] | None = None
    error: str | None = None


class ClipFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that was saved, with a `note` if it is shorter than requested; or the `error` why there is none."""

    file: str
    seconds: float = 0.0
    frames: int = 0
    note: str | None = None
    error: str | None = None


class Facts(msgspec.Struct, kw_only=True):
    """Facts about a source; if it does not work, `reason` in a word or two and `error` in a sentence.

    `fps` is measured; `jitter_ms` is the standard deviation of the time between two frames, `longest_ms` its maximum.
    `keyframe_s` is the time between key frames. Unknown values are None.
    """

    works: bool = False
    reason: str | None = None
    error: str | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    decoder: str = ""
    announced_fps: float | None = None
    fps: float | None = None
    jitter_ms: float | None = None
    longest_ms: float | None = None
    keyframe_s: float | None = None
    stamps: Stamps | None = None
    open_s: float = 0.0
    frames: int = 0
    live: bool = False
    picture: str | None = None
    clip: ClipFacts | None = None
    main: MainFacts | None = None
    notes: list[str] = []


def probe(
    source: str,
    options: dict[str, object],
    *,
    seconds: float,
    picture: Path | None,
    clip: str | None = None,
    output: Path | None = None,
    write: Path | None = None,
    as_json: bool,
) -> ExitCode:
    """Look at a source, print what it is, and save a picture and a `clip` of that duration, if any, of it. `options`
    are keys of a camera as in a configuration. A source that works begins the configuration `write`.

    Raises:
        ConfigError: the source or an option is invalid, or the configuration exists already.
        PictureError: the picture cannot be saved under that name.
    """
    from edge_daemon.config.load import loads
    from edge_daemon.config.sources import camera_names, comes_and_goes
    from edge_daemon.imaging.files import format_of
    from edge_daemon.supervisor.kinds.capture import open_settings

    name = camera_names([source])[0]
    picture = picture or Path(f"{name}.jpg")
    format_of(picture)
    # Written as a configuration, so that it is held to the same rules and ${NAME} means the same.
    written = {"cameras": {name: {"source": source, **options}}, "models": {"m": {"path": "builtin:person"}}}
    camera = loads(json.dumps(written), "probe").cameras[name]
    opening = open_settings(camera)
    clip_s, file = _clip(clip, output, name)
    if write and write.exists():
        raise ConfigError(f"{write}: exists already; without --write the lines to add are printed")
    facts = ask(
        Request(
            source=camera.source,
            opening=opening,
            seconds=seconds,
            picture=str(picture),
            clip=file,
            clip_s=clip_s,
            main=camera.record.source if camera.record else None,
        )
    )
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(facts)).decode())
    else:
        hint = hint_for(facts.reason or "", camera.source) if comes_and_goes(camera.source) else None
        print("\n".join(map(printable, lines_of(facts, _config(name, source, options), hint))))
    if not facts.works:
        return ExitCode.START
    if write:
        _begin(write, _config(name, source, options))
    return ExitCode.FAILED if facts.clip and facts.clip.error else ExitCode.OK


def _clip(clip: str | None, output: Path | None, name: str) -> tuple[float, str | None]:
    """Seconds and file of the clip that is asked for."""
    from edge_daemon.config.quantities import seconds

    if clip is None:
        if output:
            raise ConfigError("--output is the file of a clip; add --clip, such as --clip 5s")
        return 0.0, None
    try:
        clip_s = seconds(clip)
    except ValueError as error:
        raise ConfigError(f"--clip {clip}: {error}") from error
    if clip_s > MAX_CLIP_S:
        raise ConfigError(f"--clip {clip}: at most {MAX_CLIP_S / 60:g}m")
    file = output or Path(f"{name}.mp4")
    if file.suffix.lower() != ".mp4":
        raise ConfigError(f"{file}: a clip is an MP4, and its name ends in .mp4")
    return clip_s, str(file)


def ask(request: Request) -> Facts:
    """The facts, gathered by another process: a decoder may crash on what a camera sends, or hang."""
    limit_s = request.opening.open_timeout_s + 2 * request.opening.read_timeout_s + request.seconds + SLACK_S
    limit_s += request.clip_s + KEY_S if request.clip else 0.0
    limit_s += request.opening.open_timeout_s + SLACK_S if request.main else 0.0
    try:
        return call("edge_daemon.cli.isolated.probe", request, Facts, limit_s)
    except EdgeError as error:
        reasons = {TimedOutError: "timeout", DiedError: "decode error"}
        return Facts(reason=reasons.get(type(error), getattr(error, "reason", None)), error=str(error))


def lines_of(facts: Facts, config: dict[str, Any], hint: str | None = None) -> Iterator[str]:
    """The facts as lines for a person."""
    if not facts.works:
        yield f"it does not work: {facts.error}"
        if hint:
            yield f"  {hint}"
        return
    yield f"{facts.width}x{facts.height} {facts.codec or 'pictures'}, decoded by {facts.decoder}"
    announced = f" ({facts.announced_fps:g} announced)" if facts.announced_fps else ""
    rate = "one frame" if facts.fps is None else f"{facts.fps:g} frames a second{announced}"
    yield f"{rate}, jitter {facts.jitter_ms:g} ms, longest gap {facts.longest_ms:g} ms" if facts.jitter_ms else rate
    if facts.keyframe_s is not None:
        yield f"a key frame every {facts.keyframe_s:g} s"
    if facts.stamps:
        yield in_words(facts.stamps)
    yield f"the first frame came {facts.open_s:g} s after it was asked"
    for note in facts.notes:
        yield f"note: {note}"
    yield f"a picture of it: {facts.picture}"
    if facts.clip:
        yield from _clip_in_words(facts.clip)
    if facts.main:
        yield _main_in_words(facts.main)
    yield "to use it, write:"
    yield from yaml.safe_dump(config, sort_keys=False, width=110).splitlines()
    if SECRET in str(config):
        yield f"and put its password where ${{{SECRET}}} is looked up: a systemd credential, or the environment"


def _begin(file: Path, config: dict[str, Any]) -> None:
    """Write a first configuration: the camera, and a model that can be downloaded."""
    config = {**config, "models": {"objects": {"path": FIRST_MODEL}}}
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write("# A model of your own: path: FILE.onnx. All keys: docs/configuration.md\n")
            yaml.safe_dump(config, written, sort_keys=False, width=110)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error
    print(f"{file} is written; run it: edge-daemon run {file}", file=sys.stderr)


def _clip_in_words(clip: ClipFacts) -> Iterator[str]:
    if clip.error:
        yield f"no clip of it: {clip.error}"
    else:
        yield f"a clip of it: {clip.file}, {clip.seconds:g} s, {clip.frames} frames"
        if clip.note:
            yield f"  it ends early: {clip.note}"


def _main_in_words(main: MainFacts) -> str:
    if not main.width:
        return f"its main stream does not work: {main.error}"
    about = f"its main stream: {main.width}x{main.height} {main.codec}"
    if main.crop is None:
        return f"{about}; {main.error}. Its stills have boxes only if `record: {{crop: ...}}` says where they are"
    shown = "all of it" if main.crop == (0, 0, 1, 1) else "the part [{:g}, {:g}, {:g}, {:g}] of it".format(*main.crop)
    return f"{about}, and the other one shows {shown}"


def webcams() -> list[dict[str, str]]:
    """The video devices here: `device`, and the stable name (`source`) where there is one."""
    stable = {os.path.realpath(link): str(link) for link in sorted(BY_ID.glob("*"), reverse=True)}
    devices = sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
    return [{"device": str(device), "source": stable.get(str(device), str(device))} for device in devices]


def _config(name: str, source: str, options: dict[str, object]) -> dict[str, Any]:
    """The lines of a configuration, without the password."""
    if isinstance(record := options.get("record"), dict):
        options = {**options, "record": {**record, "source": _unsigned(record["source"])}}
    source = _unsigned(source)
    return {"cameras": {name: {"source": int(source) if source.isdecimal() else source, **options}}}


def _unsigned(source: str) -> str:
    """An address without its password."""
    scheme, mark, rest = source.partition("://")
    credentials, at, host = rest.rpartition("@")
    user, colon, password = credentials.partition(":")
    if mark and at and colon and not password.startswith("${"):
        return f"{scheme}://{user}:${{{SECRET}}}@{host}"
    return source
