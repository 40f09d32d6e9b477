"""Lists of class names as text or as loaded JSON and YAML, in the forms that exporters and people write."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_daemon.errors import ModelError

_NUMBERED = re.compile(r"^\s*(\d+)\s*[:,;\s]\s*(\S.*?)\s*$")
_PLACEHOLDER = re.compile(r"^(n/?a|\?+|-|_*background_*|bg|__ignore__|unlabeled)$", re.IGNORECASE)


def is_placeholder(name: str) -> bool:
    """True if a name stands for no class: background, N/A."""
    return bool(_PLACEHOLDER.match(name))


def names_in(content: str, file: str) -> tuple[str, ...]:
    """Names of classes in a text file: one a line, `0 person` or `0: person`, JSON, or CSV.

    Raises:
        ModelError: the numbers of the classes are not 0, 1, 2, ..., or there are no names.
    """
    import csv  # most models have no such file
    import json

    stripped = content.strip()
    if stripped[:1] in ("{", "["):
        try:
            return numbered(json.loads(stripped))
        except ValueError as error:
            raise ModelError(f"cannot read its labels from {file}: it is not JSON") from error
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        raise ModelError(f"cannot read its labels from {file}: it is empty")
    if file.endswith(".csv"):
        table = list(csv.reader(lines))
        lines = [" ".join(row[:2]) if row[0].strip().isdigit() else row[0].strip() for row in table]
        lines = lines if lines[0][:1].isdigit() or not any(line[:1].isdigit() for line in lines) else lines[1:]
    pairs = [_NUMBERED.match(line) for line in lines]
    if (len(lines) > 1 and all(pairs)) or (len(lines) == 1 and pairs[0] and pairs[0][1] in "01"):
        return numbered({match[1]: match[2] for match in pairs if match})
    return tuple(lines)


def numbered(value: Any) -> tuple[str, ...]:
    """Names in the order of their numbers, from a list or a mapping (number to name, or name to number).

    Numbers that are left out get the name N/A.

    Raises:
        ModelError: it is neither, or the numbers are unusual.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        names: dict[int, Any] = {}
        for place, item in enumerate(value):
            if isinstance(item, Mapping):
                number = item.get("id", item.get("index", place))
                names[int(number)] = item.get("name", item.get("label", item.get("display_name")))
            else:
                names[place] = item
    elif isinstance(value, Mapping):
        by_name = all(isinstance(number, int) for number in value.values()) and value
        names = {int(n): key for key, n in value.items()} if by_name else {int(n): name for n, name in value.items()}
    else:
        raise ModelError("names must be a list, or numbers with names")
    if not names or min(names) < 0 or max(names) > 2 * len(names) + 20 or not all(map(_is_name, names.values())):
        raise ModelError("names must be numbered from 0 or 1")
    return tuple(str(names.get(number, "N/A")).strip() for number in range(max(names) + 1))


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())
