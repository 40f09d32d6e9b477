"""`run` and `demo`: a supervisor in the foreground, with its progress on the terminal."""

import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import setproctitle

from edge_daemon import log
from edge_daemon.addresses import endpoint, is_local
from edge_daemon.cli.check import faults, unfit
from edge_daemon.cli.sentences import summary
from edge_daemon.cli.show import LogLines, Screen
from edge_daemon.config.assignment import rules_of
from edge_daemon.config.class_checks import unknown_classes
from edge_daemon.config.load import load, loads, missing_files
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.runtime import disk
from edge_daemon.runtime.audit_log import AuditLog
from edge_daemon.runtime.run_files import LOG
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.settings import SaveSettings
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.supervisor.folders import run_folder
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.model_files import with_local_models
from edge_daemon.supervisor.plan import plan
from edge_daemon.supervisor.signals import Signals
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)
PORTS = 100
"""Ports that are tried for the page."""
VIDEOS = (".mp4", ".mkv", ".mov", ".avi")
DEMO = """
cameras:
  street:
    source: "scene:"
models:
  person:
    path: builtin:person
    workers: 2
"""


def run(
    config: Config | Path,
    *,
    results: str | None = None,
    append: bool | None = None,
    save: Path | None = None,
    sound: bool = False,
    events: str | None = None,
    publish: str | None = None,
    cache: Path | None = None,
    level: log.Level | None = None,
) -> None:
    """Run a configuration until all its files have been read, or until a signal. Annotated frames are saved to `save`,
    with the `sound` of the clips; tracks, counts and events are written to the file `events`.

    A file is read again for each reload. Missing models are downloaded first, into the folder `cache`.

    Raises:
        EdgeError: the daemon cannot start.
    """
    with Spawner() as spawner:  # first, so that it imports while the configuration is read
        _run(config, spawner, results, append, save, sound, events, publish, cache, level)


def _run(
    config: Config | Path,
    spawner: Spawner,
    results: str | None,
    append: bool | None,
    save: Path | None,
    sound: bool,
    events: str | None,
    publish: str | None,
    cache: Path | None,
    level: log.Level | None,
) -> None:
    path = config.absolute() if isinstance(config, Path) else None
    log.choose_level(level or "info")
    log.set_up("supervisor")
    config = load(config) if isinstance(config, Path) else config
    listen = free_address(config.web.listen) if "web" not in config.model_fields_set and _is_watched() else None
    config = _completed(config, publish, listen, cache)
    log.choose_level(level or config.log.level)
    log.set_up("supervisor")
    for note in unfit(config):
        logger.warning("%s", note)
    results, events = _absolute(results), _absolute(events)
    if results and results == events:
        raise ConfigError("--results and --events need different files")
    place, state = config.runtime_dir, daemon_folder(path)
    for written in (results, events, save, place, state):
        if written:
            disk.must_answer(Path(written))
    clips = _clips(config, save) if sound else {}
    saving = _saving(save, clips) if save else None
    setproctitle.setproctitle("edge-daemon: supervisor")

    planned = partial(plan, results=results, append=append, state=state, save=saving, events=events)

    def again() -> list[ProcessSpec]:
        if path is None:
            raise ConfigError("this daemon was started without a file, so there is nothing to read again")
        changed = load(path)
        if missing := [*missing_files(changed), *faults(changed)]:
            error = StartError("\n".join(map(str, missing)))
            error.problems = missing
            raise error
        if changed.runtime_dir != place:
            logger.warning("runtime_dir has changed, which takes effect at the next start")
        if (new := level or changed.log.level) != log.level():
            log.choose_level(new)
            log.set_up("supervisor")
            logger.warning("log.level is %s now; running processes take it at their next start", new)
        try:
            return planned(_completed(changed, publish, listen, cache), folder)
        finally:
            disk.close()

    with (
        Signals() as signals,
        run_folder(Path(place) if place else None) as folder,
        ControlSocket(folder, path) as control,
    ):
        specs = planned(config, folder)
        disk.close()
        log.keep_in(str(folder / LOG))
        screen = _is_watched() and not ("-" in (results, events) and sys.stdout.isatty())
        with Screen() if screen else LogLines() as show:
            log.set_up("supervisor")
            supervisor = Supervisor(
                specs,
                signals,
                spawner=spawner,
                control=control,
                load=again,
                observe=show.update,
                audit=AuditLog(state),
                state=state,
            )
            for line in _addresses(specs, config):
                logger.info("%s", line)
            supervisor.run()
        for line in summary(supervisor.streams):
            logger.info("%s", line)
        if made := [f"{what}: {where}" for what, where in _files(results, events, save) if where]:
            logger.info("%s", ", ".join(made))


def _files(results: str | None, events: str | None, save: Path | None) -> list[tuple[str, str | Path | None]]:
    return [("results", results), ("tracks, counts and events", events), ("annotated frames", save)]


def _absolute(file: str | None) -> str | None:
    return str(Path(file).absolute()) if file and file != "-" else file


def _completed(config: Config, publish: str | None, listen: str | None, cache: Path | None) -> Config:
    """`config` with the options of the command line, with the page at `listen` unless it says otherwise, and with all
    models on this machine.

    Raises:
        EdgeError: a model cannot be downloaded, or no model has a class that a zone, line or rule wants.
    """
    if listen and "web" not in config.model_fields_set:
        config = config.model_copy(update={"web": config.web.model_copy(update={"listen": listen})})
    local = with_local_models(_published_at(config, publish) if publish else config, cache)
    if problems := list(unknown_classes(local)):
        error = ConfigError("\n".join(map(str, problems)))
        error.problems = problems
        raise error
    return local


def _is_watched() -> bool:
    """True if a person started this run on a terminal; false for a service, and if another program reads the log."""
    return sys.stderr.isatty() and not log.is_json()


def free_address(listen: str) -> str:
    """ADDRESS:PORT with the first port from that of `listen` on that nobody listens at; `listen` if all are taken."""
    host, _, first = listen.rpartition(":")
    for port in range(int(first), int(first) + PORTS):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            return f"{host}:{port}"
    return listen


def _addresses(specs: Sequence[ProcessSpec], config: Config) -> Iterator[str]:
    """A line each on the page, the results and the annotated frames."""
    if any(spec.name == "web" for spec in specs):
        web = config.web
        yield f"page: {'https' if web.certificate else 'http'}://{web.listen}{web.prefix}/"
    tracked = bool(rules_of(config))
    for address in config.publish.bind:
        yield f"results: topics result/CAMERA/ at {address}"
        yield f"annotated frames: topics frame/CAMERA/ at {address}"
        if tracked:
            yield f"tracks, counts and events: topics track/CAMERA/, counts/CAMERA/, event/CAMERA/ at {address}"


def _clips(config: Config, save: Path | None) -> dict[str, str]:
    """The clip of each camera, whose sound is to be kept.

    Raises:
        ConfigError: no video is saved, or a camera has no clip that is read once.
    """
    if save is None or not save.suffix:
        raise ConfigError("--sound needs --save with a video, such as --save out.mp4")
    for name, camera in config.cameras.items():
        if kind_of(camera.source) != "file" or camera.loop:
            raise ConfigError(f"--sound keeps the sound of clips that are read once, and camera {name} is none")
    return {name: str(path_of(camera.source)) for name, camera in config.cameras.items()}


def _saving(save: Path, sound: dict[str, str]) -> SaveSettings:
    target = save.absolute()
    if target.suffix and target.suffix.lower() not in VIDEOS:
        raise ConfigError(f"--save {save}: must be a video ({', '.join(VIDEOS)}) or a folder, which has no suffix")
    place = target.parent if target.suffix else target
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"cannot save to {save}: {error.strerror}") from error
    if not os.access(place, os.W_OK):
        raise StartError(f"cannot save to {save}: permission denied")
    return SaveSettings(target=str(target), began_at=time.time(), sound=sound)


def _published_at(config: Config, address: str) -> Config:
    """`config` with another address to publish at, which is checked like those in files."""
    try:
        endpoint(address)
    except ValueError as error:
        raise ConfigError(f"--publish {address}: {error}") from error
    if not is_local(address) and not config.publish.insecure and not config.publish.secret_key:
        raise ConfigError(
            f"--publish {address}: is open to other machines; set publish.secret_key or publish.insecure in a file"
        )
    return config.model_copy(update={"publish": config.publish.model_copy(update={"bind": [address]})})


def demo(*, results: str | None = None, append: bool | None = None, publish: str | None = None) -> None:
    """Run the built-in model on the generated street."""
    command, config = sys.argv[0], loads(DEMO, "demo")
    listen = free_address(config.web.listen)
    print("The built-in model runs on a generated street. To see it:")
    print(f"  http://{listen}                                the page, in a browser")
    print(f"  {command} tail                  results as JSON lines")
    print(f"  {command} snapshot street.png   a picture with boxes")
    print("Ctrl-C stops it.", flush=True)
    web = config.web.model_copy(update={"listen": listen})
    run(config.model_copy(update={"web": web}), results=results, append=append, publish=publish)
