"""Descriptions of the configuration's keys for editors, read from the docstrings in `schema` on demand.

pydantic could collect them itself, but at each import, which takes 40 ms.
"""

import ast
import inspect
from pathlib import Path
from typing import Any

from edge_daemon.config import schema


def described(json_schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema with a `description` for each key that has a docstring."""
    tree = ast.parse(Path(schema.__file__).read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            section = json_schema if node.name == schema.Config.__name__ else json_schema["$defs"].get(node.name, {})
            for key, text in _docstrings(node).items():
                if key in section.get("properties", {}):
                    section["properties"][key] = {"description": text} | section["properties"][key]
    return json_schema


def _docstrings(node: ast.ClassDef) -> dict[str, str]:
    """The docstring of each attribute, by attribute name."""
    found = {}
    for line, behind in zip(node.body, node.body[1:], strict=False):
        match line, behind:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                found[key] = inspect.cleandoc(text)
    return found
