"""The models that `zoo:NAME` names: where each comes from, its size and its licence."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

import msgspec

from edge_daemon.errors import ConfigError
from edge_daemon.settings import DecoderName
from edge_daemon.zoo.paths import ZOO, checked_address

FILE = Path(__file__).with_name("catalogue.toml")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=64)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. `size` is in bytes, `input` is width and height, `accuracy` is as its makers published it.

    `labels` are its classes' names where neither the file nor COCO gives them; `decoder` reads its outputs.
    """

    name: Name
    title: str
    licence: str
    address: str
    sha256: Sha256
    size: Annotated[int, msgspec.Meta(gt=0)]
    input: tuple[int, int]
    task: str
    classes: str
    decoder: DecoderName
    notes: str
    labels: list[str] | None = None
    accuracy: str | None = None


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    model: list[Entry]


class Catalogue:
    """Entries by name, in the order of the file."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The catalogue in a TOML file; the one that ships if none is named.

        Raises:
            ConfigError: the file cannot be read, or is not a valid catalogue.
        """
        path = path or FILE
        try:
            entries = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Content).model
            for entry in entries:
                checked_address(entry.address)
        except (OSError, ValueError) as error:  # that of TOML and that of msgspec are ValueErrors too
            raise ConfigError(f"{path}: is not a valid catalogue: {error}") from error
        if len({entry.name for entry in entries}) < len(entries):
            raise ConfigError(f"{path}: is not a valid catalogue: a name occurs twice")
        return cls(entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    @property
    def names(self) -> list[str]:
        """Every name."""
        return list(self._entries)

    def entry(self, name: str) -> Entry:
        """The model of that name, with or without `zoo:` before it.

        Raises:
            ConfigError: there is none; says which one may be meant.
        """
        name = name.removeprefix(ZOO)
        if found := self._entries.get(name):
            return found
        close = get_close_matches(name.casefold(), self._entries, n=1)
        hint = f"did you mean {close[0]}?" if close else "`edge-daemon models` lists them"
        raise ConfigError(f"the catalogue has no model {name!r}; {hint}")


def slug(text: str) -> str:
    """The part of `text` that is allowed in a file name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:64] or "model"
