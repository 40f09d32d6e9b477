"""YAML text as PyYAML's nodes, which know their lines; plain words are typed by the rules of YAML 1.2."""

import re

from yaml import Node, YAMLError
from yaml.composer import Composer, ComposerError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner, ScannerError

from edge_daemon.config.syntax import strange_spaces, unreadable
from edge_daemon.errors import ConfigError

MAX_DEPTH = 30
TAG = "tag:yaml.org,2002:"
"""Prefix of the tags of YAML's own types."""


def compose(text: str, name: str) -> Node | None:
    """The root node of the single YAML document called `name`; None if it is empty.

    Raises:
        ConfigError: the text is not YAML, is nested too deeply, or is indented by other characters than spaces.
    """
    if problems := strange_spaces(text, name):
        raise ConfigError("\n".join(map(str, problems)))
    try:
        nodes = _Nodes(text)
        try:
            return nodes.get_single_node()
        except (ValueError, OverflowError):  # PyYAML passes the number in "\UFFFFFFFF" to chr() unchecked
            raise ScannerError(None, None, "expected escape sequence", nodes.get_mark()) from None
    except YAMLError as error:
        raise ConfigError(unreadable(error, text, name)) from None


class _Resolver(BaseResolver):
    """The core schema of YAML 1.2 (section 10.3.2) for untagged plain words, with merge keys."""


for _tag, _pattern, _first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
]:
    _Resolver.add_implicit_resolver(TAG + _tag, re.compile(f"(?:{_pattern})$"), _first)


class _Nodes(Reader, Scanner, Parser, Composer, _Resolver):
    """PyYAML's parser up to nodes, with a limit on nesting."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """The next node with all its children."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, f"nested more than {MAX_DEPTH} deep", mark)
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node
