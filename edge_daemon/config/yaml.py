"""YAML text as plain values, with the line of each.

Anchors, aliases and merge keys work. Plain words are typed by YAML 1.2: only `true` and `false` are booleans
(`on` and `no` are text), `10:30` and `2026-01-01` are text. Duplicate keys are problems, and so are numbers that
YAML readers disagree about.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from edge_daemon.config.nodes import TAG, compose
from edge_daemon.config.problems import UNPRINTABLE, KeyPath, Lines, Problem, written
from edge_daemon.errors import ConfigError

MAX_VALUES = 20_000
"""Far above any real configuration. A few nested aliases can stand for millions of values."""
_MAX_LENGTH = 20
_MERGE = TAG + "merge"
_TRUTH = {"true": True, "false": False}
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")


@dataclass
class Document:
    """A parsed configuration. `void` holds the paths whose value could not be read; it is None in `data`."""

    data: object
    lines: Lines
    problems: list[Problem] = field(default_factory=list)
    void: set[KeyPath] = field(default_factory=set)

    def blame(self, path: KeyPath, text: str, *, void: bool = False) -> None:
        """Add a problem with the value at `path`."""
        problem = self.lines.problem(path, text)
        if problem not in self.problems:
            self.problems.append(problem)
        if void:
            self.void.add(path)


def parse(text: str, name: str) -> Document:
    """Parse the YAML document called `name`. Problems with single values are in the result.

    Raises:
        ConfigError: the text is not YAML, or is too large.
    """
    node = compose(text, name)
    return _Values(name).document(node)


class _Values:
    """Turns nodes into plain values; records the position of each and the problems found."""

    def __init__(self, name: str) -> None:
        self._document = Document(None, Lines(name))
        self._open: set[int] = set()
        self._count = 0

    def document(self, node: Node | None) -> Document:
        """The whole document; `data` is None for an empty file."""
        if node is not None:
            self._document.data = self._item(node, ())
        return self._document

    def _value(self, node: Node, path: KeyPath) -> object:
        self._counted()
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        with self._entered(node, path) as entered:
            if not entered:
                return None
            if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
                return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
            if isinstance(node, MappingNode) and node.tag == TAG + "map":
                return self._mapping(node, path)
        return self._unknown_tag(path)

    def _counted(self) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            name = self._document.lines.file
            raise ConfigError(f"{name}: holds more than {MAX_VALUES} values once aliases are filled in")

    def _item(self, node: Node, path: KeyPath) -> object:
        self._mark(path, node)
        return self._value(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, (key_node, value) in self._pairs(node, path).items():
            self._mark((*path, key), key_node)
            values[key] = self._value(value, (*path, key))
        return values

    def _pairs(self, node: MappingNode, path: KeyPath) -> dict[str, tuple[Node, Node]]:
        """The pairs of a mapping, with those that it merges in; its own keys take precedence."""
        pairs: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key_node, value in node.value:
            key = key_node.value
            if not isinstance(key_node, ScalarNode):
                self._blame_at(key_node, path, "has a list or a mapping as a key; keys are plain words")
            elif key_node.tag == _MERGE:
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif UNPRINTABLE.search(key):
                self._blame_at(key_node, path, "has a key with an unprintable character")
            elif key in pairs:
                first = pairs[key][0].start_mark.line + 1
                self._blame_at(key_node, (*path, key), f"is defined twice, first in line {first}")
            else:
                pairs[key] = key_node, value
        for source in merged:
            self._counted()
            with self._entered(source, path) as entered:
                if entered and isinstance(source, MappingNode):
                    for key, pair in self._pairs(source, path).items():
                        pairs.setdefault(key, pair)
                elif entered:
                    self._blame_at(source, path, "<< merges mappings only, such as <<: *other")
        return pairs

    @contextmanager
    def _entered(self, node: Node, path: KeyPath) -> Iterator[bool]:
        """Mark `node` as being read, and yield True; yield False if an alias has led back into it."""
        if id(node) in self._open:
            self._document.blame(path, "contains itself, through an alias", void=True)
            yield False
            return
        self._open.add(id(node))
        try:
            yield True
        finally:
            self._open.remove(id(node))

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        text: str = node.value
        match node.tag.removeprefix(TAG):
            case "str" | "merge" if UNPRINTABLE.search(text):
                return self._bad(path, "contains a line break or an unprintable character")
            case "str" | "merge":
                return text
            case "null":
                return None
            case "bool" if text.lower() in _TRUTH:
                return _TRUTH[text.lower()]
            case "int" | "float" as kind:
                return self._number(kind, text, path)
        return self._unknown_tag(path)

    def _number(self, kind: str, text: str, path: KeyPath) -> object:
        if _LEADING_ZERO.fullmatch(text):
            return self._bad(path, "begins with 0, which some YAML readers read as octal; remove the 0 or quote it")
        if len(text) > _MAX_LENGTH:
            return self._bad(path, "has too many digits for a number; quote it if it is text")
        try:
            return _float(text) if kind == "float" else int(text, 0)
        except ValueError:
            return self._bad(path, "is tagged as a number but is not one")

    def _unknown_tag(self, path: KeyPath) -> object:
        return self._bad(path, "has a tag that is not supported; write the plain value")

    def _bad(self, path: KeyPath, text: str) -> object:
        """Add a problem and return None, the value of a path that cannot be read."""
        self._document.blame(path, text, void=True)
        return None

    def _blame_at(self, node: Node, path: KeyPath, text: str) -> None:
        """Add a problem at the node's own position, which can differ from that of `path`."""
        mark = node.start_mark
        file = self._document.lines.file
        problem = Problem(text, written(path), file, mark.line + 1, mark.column + 1)
        if problem not in self._document.problems:
            self._document.problems.append(problem)

    def _mark(self, path: KeyPath, node: Node) -> None:
        self._document.lines.marks[path] = node.start_mark.line + 1, node.start_mark.column + 1


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
