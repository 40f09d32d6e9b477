"""What the keys mean, for editors: read from the docstrings in `schema` when it is asked for.

pydantic could do so for itself, but each time a process imports them, and takes 40 ms for it.
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
    """By attribute, the string that stands behind it."""
    found = {}
    for line, behind in zip(node.body, node.body[1:], strict=False):
        match line, behind:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                found[key] = inspect.cleandoc(text)
    return found
