"""`run` and `demo`: a supervisor in the foreground, and a person who looks on."""

import logging
import sys
from pathlib import Path

import setproctitle

from edge_daemon import log
from edge_daemon.cli.show import LogLines, Screen, summary
from edge_daemon.config.addresses import endpoint, is_local
from edge_daemon.config.load import loads
from edge_daemon.config.schema import Config
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.supervisor.folder import run_folder
from edge_daemon.supervisor.models import with_local_models
from edge_daemon.supervisor.plan import plan
from edge_daemon.supervisor.signals import Signals
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


def run(config: Config, *, results: str | None = None, publish: str | None = None, cache: Path | None = None) -> None:
    """Run `config` until all its files have been read, or a signal says stop.

    Models that are not here are fetched first, into the folder `cache`.

    Raises:
        EdgeError: it cannot start.
    """
    if publish:
        config = _published_at(config, publish)
    log.set_up("supervisor")
    config = with_local_models(config, cache)
    if results and results != "-":
        results = str(Path(results).absolute())
        _empty(Path(results))
    setproctitle.setproctitle("edge-daemon: supervisor")
    with Signals() as signals, run_folder(Path(config.runtime_dir) if config.runtime_dir else None) as folder:
        specs = plan(config, folder, results=results)
        screen = sys.stderr.isatty() and not log.is_json() and not (results == "-" and sys.stdout.isatty())
        with Screen() if screen else LogLines() as show:
            log.set_up("supervisor")
            if config.web.enabled:
                logger.warning("web: this version has no web interface yet; everything else runs")
            supervisor = Supervisor(specs, signals, observe=show.update)
            supervisor.run()
        for line in summary(supervisor.cameras):
            logger.info("%s", line)


def _empty(results: Path) -> None:
    try:
        results.open("wb").close()
    except OSError as error:
        raise StartError(f"cannot write results to {results}: {error.strerror}") from error


def _published_at(config: Config, address: str) -> Config:
    """`config` with another address to publish at, held to the same rules."""
    try:
        endpoint(address)
    except ValueError as error:
        raise ConfigError(f"--publish {address}: {error}") from error
    if not is_local(address) and not config.publish.insecure:
        raise ConfigError(f"--publish {address}: other machines reach it; publish.insecure: true in a file allows that")
    return config.model_copy(update={"publish": config.publish.model_copy(update={"bind": [address]})})


def demo(*, results: str | None = None, publish: str | None = None) -> None:
    """Run the built-in model on the generated street."""
    command = sys.argv[0]
    print("A generated street, and the built-in model looking at it. In another terminal:")
    print(f"  {command} tail                  the results, as JSON lines")
    print(f"  {command} snapshot street.png   a picture with the boxes drawn in")
    print("Ctrl-C ends it.", flush=True)
    run(loads(DEMO, "demo"), results=results, publish=publish)
