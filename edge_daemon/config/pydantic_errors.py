"""Plain-language texts for pydantic's errors, built from the JSON Schema of the value's place."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edge_daemon.config.problems import KeyPath, close, either, got, written
from edge_daemon.config.values import SecretError

Node = Mapping[str, Any]
_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a mapping of keys",
}
_OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def explain(kind: str, context: Mapping[str, Any], path: KeyPath, value: object, schema: Node) -> str:
    """The problem with `value` at `path`, for the type and context of pydantic's error."""
    if kind == "extra_forbidden":
        return f"unknown key; {_instead(str(path[-1]), path, schema)}"
    node = node_at(schema, path)
    match kind:
        case "missing":
            example = f"; for example {path[-1]}: {_example(node)}" if "examples" in node else ""
            return f"is missing{example}"
        case "too_short":
            advice = "leave the key out instead" if "default" in node else f"for example {_example(node)}"
            return f"must not be empty; {advice}"
        case "value_error":
            hidden = isinstance(value, list) or isinstance(context["error"], SecretError)
            return f"{context['error']}{'' if hidden else got(value)}"
    words = node.get("enum")
    if words:
        return f"must be {_one_of(words)}{got(value, words)}"
    expected = _expected(node, only_range=kind in _OUT_OF_RANGE)
    return f"must be {expected}{got(value, advice=_advice(node, value))}"


def node_at(schema: Node, path: KeyPath) -> Node:
    """The JSON Schema of the value at `path`, without its null alternative."""
    node = _resolved(schema, schema)
    for step in path:
        if isinstance(step, int):
            inner = node.get("items", {})
        else:
            inner = node.get("properties", {}).get(step, node.get("additionalProperties") or {})
        node = _resolved(schema, inner)
    return node


def _resolved(schema: Node, node: Node) -> Node:
    choices = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        node = {**choices[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        target: Node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _instead(key: str, path: KeyPath, schema: Node) -> str:
    known = list(node_at(schema, path[:-1]).get("properties", {}))
    if guess := close(key, known):
        return f"did you mean {guess}?"
    if home := next((home for home in _homes(schema) if key in node_at(schema, home)["properties"]), None):
        return f"it belongs to {written((*home, key))}"
    return f"known keys here: {', '.join(known)}"


def _homes(schema: Node) -> Iterator[KeyPath]:
    """Paths of all sections, with NAME in place of a user-chosen name."""
    for key in schema["properties"]:
        node = node_at(schema, (key,))
        if "additionalProperties" in node and not node.get("properties"):
            yield key, "NAME"
        elif "properties" in node:
            yield (key,)


def _expected(node: Node, *, only_range: bool) -> str:
    low, high, above = node.get("minimum"), node.get("maximum"), node.get("exclusiveMinimum")
    limits = ""
    if above is not None:
        limits = f"above {above:g}"
    elif low is not None and high is not None:
        limits = f"from {low:g} to {high:g}"
    noun = _NOUNS.get(str(node.get("type")), "something else")
    if node.get("type") == "array":
        noun += f", such as {_example(node)}"
    return limits if only_range and limits else f"{noun} {limits}".rstrip()


def _advice(node: Node, value: object) -> str:
    """A hint for a value of the wrong type."""
    if node.get("type") == "string" and isinstance(value, int | float):
        return "put it in quotes"
    return ""


def _one_of(words: list[str]) -> str:
    return either(words) if len(words) <= 3 else f"one of {either(words)}"


def _example(node: Node) -> str:
    example = node.get("examples", [node.get("default")])[0]
    return _plain(example)


def _plain(value: object) -> str:
    """The value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_plain(inner) for inner in value) + "]"
    return value if isinstance(value, str) else json.dumps(value)
