"""Names of a model's classes: from the configuration, the file's metadata, COCO, or numbers."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.models import coco

_FACES = ("retinaface", "scrfd", "yunet")


def stated(labels: Sequence[str] | str | None, metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """Names given by the configuration (a list, a text file's path, coco, coco91 or voc), or else by the metadata.

    Raises:
        ModelError: the file cannot be read, or the metadata's `names` are malformed.
    """
    if isinstance(labels, str):
        return coco.SETS[labels] if labels in coco.SETS else _from_file(Path(labels))
    if labels is not None:
        return tuple(labels)
    return _from_metadata(metadata["names"]) if metadata.get("names") else None


def complete(names: Sequence[str] | None, classes: int | None, decoder: str) -> tuple[str, ...]:
    """One name for each class. Unnamed sets of 80, 90 or 91 classes get COCO's names, face detectors `face`.

    If the number of `classes` is not known (None), the given names, or none.

    Raises:
        ModelError: the number of names differs from the number of classes.
    """
    if names is not None:
        if classes is not None and len(names) != classes:
            raise ModelError(
                f"it has {classes} classes, but {len(names)} names are given ({_some(names)}): "
                "set `labels` to one name for each class, in the order of training"
            )
        return tuple(names)
    if decoder == "segmentation":
        return _numbered(classes, {len(coco.VOC): coco.VOC})
    if decoder in _FACES:
        return ("face",)
    return _numbered(classes, {len(names): names for key, names in coco.SETS.items() if key != "voc"})


def _numbered(classes: int | None, known: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    return known.get(classes or 0) or tuple(f"class {i}" for i in range(classes or 0))


def _from_file(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelError(f"cannot read its labels from {path}: {reason}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _from_metadata(text: str) -> tuple[str, ...]:
    """Names as Ultralytics writes them: a dict from number to name, or a list, in Python's syntax or JSON."""
    try:
        value = ast.literal_eval(text)
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        names = {int(number): name for number, name in pairs}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ModelError(f"cannot read the `names` in its metadata, {text[:60]!r}: give `labels`") from error
    if sorted(names) != list(range(len(names))) or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"the `names` in its metadata are not numbered from 0, {text[:60]!r}: give `labels`")
    return tuple(names[number] for number in range(len(names)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
