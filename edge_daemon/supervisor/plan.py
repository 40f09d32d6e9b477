"""From a configuration to the processes that it calls for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_daemon.config.schema import Config
from edge_daemon.runtime.control import encoded_start
from edge_daemon.settings import SaveSettings
from edge_daemon.supervisor.kinds import KINDS
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run


def plan(
    config: Config,
    folder: Path,
    *,
    results: str | None = None,
    state: Path | None = None,
    append: bool | None = None,
    save: SaveSettings | None = None,
    events: str | None = None,
    kinds: Sequence[Kind[Any]] = KINDS,
) -> list[ProcessSpec]:
    """Every process that a configuration calls for, in the order of their start.

    Sockets lie in `folder`, and what survives this run in the folder `state`; results are also written to the file
    `results` (see `Run` on `append`), tracks, counts and events to the file `events`, and annotated frames are saved as
    `save` says. All of these are optional.

    Raises:
        StartError: a key cannot be read, or a path is not UTF-8.
    """
    run = Run(config, folder, results, state, append, save, events)
    specs = [replace(spec, rank=rank) for rank, kind in enumerate(kinds) for spec in kind.plan(run)]
    for spec in specs:
        encoded_start(spec.settings)
    return specs
