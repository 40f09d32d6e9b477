"""From what a configuration says of a model to a file on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from edge_daemon.errors import ModelError
from edge_daemon.log import redact
from edge_daemon.runtime import disk
from edge_daemon.zoo.cache import file_in, folder, sum_of
from edge_daemon.zoo.catalogue import Catalogue, Entry, slug
from edge_daemon.zoo.paths import ZOO, is_download
from edge_daemon.zoo.weights import weights_of

Progress = Callable[[int, int | None], object]
"""Receives how many bytes there are, and of how many if that is known."""


@dataclass(frozen=True)
class Remote:
    """A model that is fetched before it is used: where from, and the file it becomes."""

    address: str
    sha256: str
    file: Path
    size: int | None = None
    labels: tuple[str, ...] | None = None
    input: tuple[int, int] | None = None
    """Width and height of its input."""
    name: str | None = None
    """Name in the catalogue."""

    def is_here(self) -> bool:
        """True if the file exists and has the expected size, where that is known. Does not read the file."""
        try:
            length = self.file.stat().st_size
        except OSError:
            return False
        return self.size in (None, length)


def of_entry(entry: Entry, cache: Path | None = None) -> Remote:
    """A model of the catalogue.

    Raises:
        StartError: there is no folder to keep it in.
    """
    file = file_in(folder(cache), entry.name, entry.sha256)
    labels = tuple(entry.labels) if entry.labels else None
    return Remote(entry.address, entry.sha256, file, entry.size, labels, entry.input, entry.name)


def remote(
    path: str, sha256: str | None, cache: Path | None = None, catalogue: Catalogue | None = None
) -> Remote | None:
    """The model that `zoo:NAME` or `https://...` refers to; None for a file.

    Raises:
        ConfigError: the catalogue has no such model.
        ModelError: there is no sum to hold the file to.
        StartError: there is no folder to keep it in.
    """
    if path.startswith(ZOO):
        return of_entry((catalogue or Catalogue.load()).entry(path), cache)
    if not is_download(path):
        return None
    if sha256 is None:
        raise ModelError(f"{redact(path)}: a download needs its sha256")
    name = slug(PurePosixPath(unquote(urlsplit(path).path)).stem)
    return Remote(path, sha256, file_in(folder(cache), name, sha256))


def resolve(
    path: str,
    sha256: str | None = None,
    cache: Path | None = None,
    *,
    catalogue: Catalogue | None = None,
    progress: Progress | None = None,
) -> Path:
    """The file that `zoo:NAME`, `https://...` or a path means, fetched if it is not here, and held to its sha256.

    Raises:
        ConfigError: the catalogue has no such model.
        ModelError: it cannot be fetched, or is another file than the one that sha256 names.
        StartError: there is no folder to keep it in.
    """
    if found := remote(path, sha256, cache, catalogue):
        from edge_daemon.zoo.download import Download

        Download(found.address, found.sha256, found.file, found.size, progress).fetch()
        return found.file
    if sha256 is not None:
        check_sum(Path(path), sha256)
    return Path(path)


def check_sum(path: Path, sha256: str) -> None:
    """Hold a file that somebody put there, together with the weights beside it, to its sum.

    Raises:
        ModelError: it cannot be read, or is another one.
    """
    try:
        disk.must_answer(path)
        weights = weights_of(path) if path.is_file() else []
        for file in weights:
            disk.must_answer(file)
        found = sum_of(path, *weights)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    if found is None:
        raise ModelError(f"{path}: there is no such file" if not weights else f"{path}: weights beside it are missing")
    if found != sha256:
        named = f" (of it and {', '.join(file.name for file in weights)}, one after the other)" if weights else ""
        raise ModelError(f"{path}: is another file than the one that `sha256` names: its sum{named} is {found}")
