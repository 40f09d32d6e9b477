"""`run` and `demo`: a supervisor in the foreground, with its progress on the terminal."""

import logging
import sys
from pathlib import Path

import setproctitle

from edge_daemon import log
from edge_daemon.addresses import endpoint, is_local
from edge_daemon.cli.check import faults
from edge_daemon.cli.sentences import summary
from edge_daemon.cli.show import LogLines, Screen
from edge_daemon.config.load import load, loads, missing_files
from edge_daemon.config.schema import Config
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.runtime.audit_log import AuditLog
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.supervisor.folders import run_folder
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.model_files import with_local_models
from edge_daemon.supervisor.plan import plan
from edge_daemon.supervisor.signals import Signals
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)
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
    config: Config | Path, *, results: str | None = None, publish: str | None = None, cache: Path | None = None
) -> None:
    """Run a configuration until all its files have been read, or until a signal.

    A file is read again for each reload. Missing models are downloaded first, into the folder `cache`.

    Raises:
        EdgeError: the daemon cannot start.
    """
    with Spawner() as spawner:  # first, so that it imports while the configuration is read
        _run(config, spawner, results, publish, cache)


def _run(config: Config | Path, spawner: Spawner, results: str | None, publish: str | None, cache: Path | None) -> None:
    path = config.absolute() if isinstance(config, Path) else None
    log.set_up("supervisor")
    config = _completed(load(config) if isinstance(config, Path) else config, publish, cache)
    if results and results != "-":
        results = str(Path(results).absolute())
        _empty(Path(results))
    setproctitle.setproctitle("edge-daemon: supervisor")
    place, state = config.runtime_dir, daemon_folder(path)

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
        return plan(_completed(changed, publish, cache), folder, results=results, state=state)

    with (
        Signals() as signals,
        run_folder(Path(place) if place else None) as folder,
        ControlSocket(folder, path) as control,
    ):
        specs = plan(config, folder, results=results, state=state)
        screen = sys.stderr.isatty() and not log.is_json() and not (results == "-" and sys.stdout.isatty())
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
            )
            supervisor.run()
        for line in summary(supervisor.streams):
            logger.info("%s", line)


def _completed(config: Config, publish: str | None, cache: Path | None) -> Config:
    """`config` with the options of the command line, and with all models on this machine."""
    return with_local_models(_published_at(config, publish) if publish else config, cache)


def _empty(results: Path) -> None:
    try:
        results.open("wb").close()
    except OSError as error:
        raise StartError(f"cannot write results to {results}: {error.strerror}") from error


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


def demo(*, results: str | None = None, publish: str | None = None) -> None:
    """Run the built-in model on the generated street."""
    command = sys.argv[0]
    print("The built-in model runs on a generated street. To see it:")
    print("  http://127.0.0.1:8080                                the page, in a browser")
    print(f"  {command} tail                  results as JSON lines")
    print(f"  {command} snapshot street.png   a picture with boxes")
    print("Ctrl-C stops it.", flush=True)
    run(loads(DEMO, "demo"), results=results, publish=publish)
