"""Sets single values in the text of a configuration and keeps the rest of the text, comments included."""

import re
from collections.abc import Mapping

from yaml import MappingNode, Node, ScalarNode

from edge_daemon.config.nodes import compose
from edge_daemon.config.problems import KeyPath
from edge_daemon.config.yaml import parse
from edge_daemon.errors import ConfigError

Values = Mapping[KeyPath, int | str]
"""Numbers and plain words, by key path."""


def with_values(text: str, name: str, values: Values) -> str:
    """The text of the configuration called `name` with these values set.

    Raises:
        ConfigError: a value cannot be set safely; the message gives the lines to write by hand.
    """
    for path, value in values.items():
        wanted = _with_value(_data(text, name), path, value)
        text = _with(text, name, path, value)
        if wanted is None or _data(text, name) != wanted:
            raise ConfigError(f"{name}: cannot be edited safely; add this by hand: {as_lines(values)}")
    return text


def as_lines(values: Values) -> str:
    """The values as one would write them in the file: `models: {objects: {workers: 2}}`."""
    return "; ".join(_flow(path, value) for path, value in values.items())


def _with(text: str, name: str, path: KeyPath, value: int | str) -> str:
    """`text` with one value set or added; unchanged if there is no safe place for it."""
    node, key = compose(text, name), None
    for depth, step in enumerate(path):
        if isinstance(node, ScalarNode) and key and not node.value:
            return _after(text, key, node, " {" + _flow(path[depth:], value) + "}")
        if not isinstance(node, MappingNode):
            return text
        pairs = {pair[0].value: pair for pair in node.value}
        if step not in pairs:
            return _added(text, node, _flow(path[depth:], value))
        key, node = pairs[step]
    return _after(text, key, node, f" {value}") if key and isinstance(node, ScalarNode) else text


def _after(text: str, key: Node, node: Node, value: str) -> str:
    """`text` with `value` in place of the scalar of a key; unchanged for an alias, whose value is written elsewhere."""
    begin, end = node.start_mark.index, node.end_mark.index
    if not re.fullmatch(r"\s*:[ \t]*", text[key.end_mark.index : begin]):
        return text
    return text[: key.end_mark.index] + ":" + value + text[end:]


def _added(text: str, mapping: MappingNode, entry: str) -> str:
    """`text` with an entry added to a mapping: inside its braces, or on a line after an existing entry."""
    if mapping.flow_style:
        last = mapping.value[-1][1].end_mark.index if mapping.value else mapping.start_mark.index + 1
        return text[:last] + (", " if mapping.value else "") + entry + text[last:]
    lines = text.splitlines(keepends=True)
    fitting = [key for key, value in mapping.value if value.end_mark.line == key.start_mark.line]
    key = fitting[-1] if fitting else mapping.value[0][0]
    number, column = key.start_mark.line, key.start_mark.column
    if lines[number][:column].strip():
        return text
    newline = "\r\n" if lines[number].endswith("\r\n") else "\n"
    if fitting and not lines[number].endswith("\n"):
        lines[number] += newline
    lines.insert(number + bool(fitting), " " * column + entry + newline)
    return "".join(lines)


def _flow(path: KeyPath, value: int | str) -> str:
    *outer, last = path
    return "".join(f"{step}: {{" for step in outer) + f"{last}: {value}" + "}" * len(outer)


def _with_value(data: object, path: KeyPath, value: int | str) -> dict[str | int, object] | None:
    """The data that the edited text must parse to; None if there is no mapping to put the value into."""
    if data is not None and not isinstance(data, dict):
        return None
    step, *inner = path
    old = dict(data or {})
    new = _with_value(old.get(step), tuple(inner), value) if inner else value
    return None if new is None else {**old, step: new}


def _data(text: str, name: str) -> object:
    try:
        document = parse(text, name)
    except ConfigError:
        return None
    return None if document.problems else document.data
