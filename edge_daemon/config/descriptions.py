"""Descriptions of the configuration's keys for editors, read from the docstrings of the sections on demand.

pydantic could collect them itself, but at each import, which takes 40 ms.
"""

import ast
import inspect
from typing import Any

from edge_daemon.config import deliver, machines, places, rules, schema


def described(json_schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema with a `description` for each key that has a docstring."""
    trees = [ast.parse(inspect.getsource(module)) for module in (deliver, machines, places, rules, schema)]
    nodes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in nodes:
        section = json_schema if name == schema.Config.__name__ else json_schema["$defs"].get(name, {})
        for key, text in _inherited(name, nodes).items():
            if key in section.get("properties", {}):
                section["properties"][key] = {"description": text} | section["properties"][key]
    return json_schema


def _inherited(name: str, nodes: dict[str, ast.ClassDef]) -> dict[str, str]:
    """The docstrings of a class and of those that it extends."""
    if name not in nodes:
        return {}
    bases = [base.id for base in nodes[name].bases if isinstance(base, ast.Name)]
    found = {key: text for base in bases for key, text in _inherited(base, nodes).items()}
    return found | _docstrings(nodes[name])


def _docstrings(node: ast.ClassDef) -> dict[str, str]:
    """The docstring of each attribute, by attribute name."""
    found = {}
    for line, behind in zip(node.body, node.body[1:], strict=False):
        match line, behind:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                found[key.rstrip("_")] = inspect.cleandoc(text)
    return found
