"""`models` and `models pull`: what the catalogue holds, what of it is here, and the rest of it."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge_daemon import log
from edge_daemon.errors import ConfigError, ModelError
from edge_daemon.zoo.catalogue import Catalogue, Entry
from edge_daemon.zoo.paths import ZOO
from edge_daemon.zoo.resolve import Progress, Remote, of_entry, resolve

logger = logging.getLogger(__name__)


def show(cache: Path | None, *, as_json: bool) -> None:
    """Print the catalogue, and mark what is here: a table at a terminal, else a line for each, or JSON."""
    rows = [(entry, of_entry(entry, cache)) for entry in Catalogue.load()]
    if as_json:
        print(json.dumps([_facts(*row) for row in rows], indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _table(rows)
    else:
        for row in rows:
            print("\t".join(_cells(*row)))


def _facts(entry: Entry, remote: Remote) -> dict[str, object]:
    here = str(remote.file) if remote.is_here() else None
    facts: dict[str, object] = msgspec.to_builtins(entry)
    return facts | {"file": here}


def _cells(entry: Entry, remote: Remote) -> tuple[str, ...]:
    width, height = entry.input
    return (
        entry.name,
        "here" if remote.is_here() else "-",
        f"{entry.size / 1e6:.1f} MB",
        f"{width}x{height}",
        entry.classes,
        entry.accuracy or "-",
        entry.decoder,
        entry.licence,
    )


def _table(rows: Sequence[tuple[Entry, Remote]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "here", "size", "input", "finds", "accuracy", "decoder", "licence", box=None)
    for row in rows:
        table.add_row(*_cells(*row))
    table.caption = "edge-daemon models pull NAME downloads one; path: zoo:NAME uses it"
    Console().print(table)


def pull(names: Sequence[str], cache: Path | None, *, everything: bool) -> None:
    """Download models that are not here yet; a failure does not stop the others.

    Raises:
        ConfigError: no model is named, or one that the catalogue does not have.
        ModelError: some could not be fetched; a line for each.
    """
    catalogue = Catalogue.load()
    entries = list(catalogue) if everything else [catalogue.entry(name) for name in dict.fromkeys(names)]
    if not entries:
        raise ConfigError("name the models to download, or use --all; `edge-daemon models` lists them")
    log.set_up("models")
    failures = []
    for entry in entries:
        try:
            with _progress(entry) as progress:
                file = resolve(ZOO + entry.name, None, cache, catalogue=catalogue, progress=progress)
        except ModelError as error:
            failures.append(f"{entry.name}: {error}")
        else:
            logger.info("%s: %s (%s)", entry.name, file, entry.licence)
    if failures:
        raise ModelError("\n".join(failures))


@contextmanager
def _progress(entry: Entry) -> Iterator[Progress | None]:
    """A bar at a terminal. Elsewhere a line when it begins; the one at the end says the rest."""
    if not sys.stderr.isatty():
        logger.info("%s: %.1f MB", entry.name, entry.size / 1e6)
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(entry.name, total=entry.size)
        yield lambda done, total: bar.update(task, completed=done, total=total)
