"""Names of a model's classes: from the configuration, the file's metadata, files beside it, COCO, or numbers."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.models import coco
from edge_daemon.models.evidence import Fact, Sign, fact
from edge_daemon.models.files_beside import Beside
from edge_daemon.models.name_lists import is_placeholder, names_in, numbered

Names = tuple[str, ...]
_KEYS = ("names", "classes", "class_names", "labels", "id2label", "label_list", "label_map", "categories", "character")
"""Keys of metadata with names; `character` has PaddleX's, and the alphabet of its models that read text."""
_BACKGROUND = "background"


def stated(labels: Sequence[str] | str | None, metadata: Mapping[str, str]) -> Sign[Names] | None:
    """Names given by the configuration (a list, a text file's path, coco, coco91 or voc), or else by the metadata.

    Raises:
        ModelError: the file cannot be read.
    """
    if isinstance(labels, str):
        names = coco.SETS[labels] if labels in coco.SETS else _from_file(Path(labels))
        return Sign(names, f"`labels: {labels}`", "known")
    if labels is not None:
        return Sign(tuple(labels), "`labels` lists them", "known")
    return next(_in_metadata(metadata), None)


def unreadable(metadata: Mapping[str, str]) -> Iterator[str]:
    """A sentence for names in the metadata that cannot be read."""
    if metadata.get("names") and not any(_in_metadata({"names": metadata["names"]})):
        yield f"the `names` in its metadata cannot be read ({metadata['names'][:60]!r}): set `labels`"


def complete(
    names: Sign[Names] | None,
    beside: Sequence[Beside],
    classes: int | None,
    decoder: str,
    usual: Names = (),
) -> tuple[Names, list[Fact]]:
    """One name for each class, and what the names rest on. `beside` are files that may list them.

    Unnamed sets of 80, 90 or 91 classes get COCO's names, and layouts the `usual` ones (`face`): both only likely. If
    the number of `classes` is not known (None), the given names, or none.

    Raises:
        ModelError: the number of names differs from the number of classes.
    """
    if classes == 0:
        return (), []
    if names is None:
        fitting = (_of(one, classes) for one in beside if one.names)
        names = next((sign for sign in fitting if sign), None)
    if names is not None:
        return _fitted(names, classes, decoder)
    if decoder == "segmentation":
        return _numbered(classes, {len(coco.VOC): "voc"})
    if usual:
        sign = Sign(usual, f"usual for {decoder}")
        return usual, [fact("names", sign, ", ".join(usual), f"labels: [{', '.join(usual)}]")]
    return _numbered(classes, {len(names): key for key, names in coco.SETS.items() if key != "voc"})


def _of(beside: Beside, classes: int | None) -> Sign[Names] | None:
    """The names in a file beside the model, if they are as many as its classes."""
    names = beside.names or ()
    spare = len(names) - 1 == classes and is_placeholder(names[0])
    if classes not in (None, len(names)) and not spare:
        return None
    return Sign(names, f"{beside.file} beside it", beside.sure)


def _fitted(names: Sign[Names], classes: int | None, decoder: str) -> tuple[Names, list[Fact]]:
    given = names.value
    if classes == 2 and len(given) == 1 and decoder == "segmentation":
        given = (_BACKGROUND, *given)
    elif classes == len(given) - 1 and is_placeholder(given[0]):
        given = given[1:]
    elif classes is not None and len(given) != classes:
        raise ModelError(
            f"it has {classes} classes, but {len(given)} names are given ({_some(given)}): "
            "set `labels` to one name for each class, in the order of training"
        )
    return given, [fact("names", names, _some(given), f"labels: [{_some(given)}]")]


def _numbered(classes: int | None, known: Mapping[int, str]) -> tuple[Names, list[Fact]]:
    if key := known.get(classes or 0):
        sign = Sign(coco.SETS[key], f"it has {classes} classes, as {key.upper()[:4]} has")
        return sign.value, [fact("names", sign, _some(sign.value), f"labels: {key}")]
    return tuple(f"class {i}" for i in range(classes or 0)), []


def _from_file(path: Path) -> Names:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        from edge_daemon.config.near import near  # only for this sentence
        from edge_daemon.config.problems import close

        guess = close(path.name, coco.SETS)
        hint = f"; did you mean {guess}?" if guess else near(path)
        raise ModelError(f"cannot read its labels from {path}: {error.strerror}{hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelError(f"cannot read its labels from {path}: {reason}") from error
    return names_in(text, str(path))


def _in_metadata(metadata: Mapping[str, str]) -> Iterator[Sign[Names]]:
    for key in _KEYS:
        if text := metadata.get(key):
            try:
                yield Sign(_parsed(text), f"`{key}` in its metadata", "known")
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, ModelError):
                continue


def _parsed(text: str) -> Names:
    """Names as exporters write them: a dict from number to name or a list, in Python's syntax or JSON; or divided by
    lines, commas or semicolons.
    """
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        return numbered(ast.literal_eval(stripped))
    if "\n" in stripped:
        return names_in(stripped, "the metadata")
    for mark in (";", ","):
        if mark in stripped:
            names = tuple(name.strip() for name in stripped.split(mark))
            if all(names):
                return names
    raise ModelError("no names")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
