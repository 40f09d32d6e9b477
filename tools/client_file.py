"""Writes the client that weighs little: `python -m tools.client_file`.

`clients/python/edge_daemon_client.py` has what `edge_daemon/client.py` needs of this package, in one file that imports
pyzmq and msgspec only; `clients/node/messages.d.ts` has the types of all messages for TypeScript.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from edge_daemon import __version__
from edge_daemon.messages.schema import messages_schema

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "clients" / "python" / "edge_daemon_client.py"
TYPES = ROOT / "clients" / "node" / "messages.d.ts"
MODULE = "edge_daemon.client"
HEAD = '''\
"""Subscriber to edge-daemon for Python programs: one file that needs pyzmq and msgspec only.

Generated from edge-daemon by `python -m tools.client_file`.
"""
'''
PACKAGE = "edge_daemon."


@dataclass
class Module:
    """The source of a module: its definitions by name, and what it imports, by the name in use there."""

    text: str
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    inside: dict[str, tuple[str, str]] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)
    for_types: set[str] = field(default_factory=set)


@cache
def read(name: str) -> Module:
    """The module of this name."""
    text = (ROOT / f"{name.replace('.', '/')}.py").read_text()
    module = Module(text)
    last: list[ast.stmt] | None = None
    for statement in ast.parse(text).body:
        match statement:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                for imported in statement.body:
                    module.for_types |= _note_import(module, imported)
            case ast.Import() | ast.ImportFrom():
                _note_import(module, statement)
            case ast.ClassDef(name=defined) | ast.FunctionDef(name=defined):
                module.definitions[defined] = [statement]
            case ast.Assign(targets=[assigned]) | ast.AnnAssign(target=assigned):
                last = [statement]
                targets = assigned.elts if isinstance(assigned, ast.Tuple) else [assigned]
                module.definitions |= {ast.unparse(target): last for target in targets}
            case ast.Expr(value=ast.Constant(value=str())) if last:  # its description
                last.append(statement)
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            last = None
    return module


def _note_import(module: Module, statement: ast.stmt) -> set[str]:
    """Note what a statement imports, and return the names."""
    names = set()
    for alias in getattr(statement, "names", ()):
        name = alias.asname or alias.name
        names.add(name)
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(PACKAGE):
            module.inside[name] = str(statement.module), alias.name
        else:
            of = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
            module.outside[name] = f"{of}import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    return names


def used(statement: ast.AST) -> Iterator[str]:
    """Names that a statement uses, those in its annotations too."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            try:
                text = ast.parse(node.value, mode="eval")
            except SyntaxError:
                continue
            yield from used(text) if text.body and not isinstance(text.body, ast.Constant) else ()


def needed() -> tuple[dict[str, set[int]], set[str], set[str]]:
    """Lines of the definitions that the client needs, by module in the order of their dependence; imports from
    elsewhere, and those of them for types alone.
    """
    found: dict[str, set[int]] = {}
    imports: set[str] = set()
    types: set[str] = set()
    owners: dict[str, str] = {}

    def add(module: str, name: str) -> None:
        source = read(module)
        if name in source.inside:
            add(*source.inside[name])
        elif name in source.outside:
            (types if name in source.for_types else imports).add(source.outside[name])
        elif name in source.definitions:
            if owners.setdefault(name, module) != module:
                raise ValueError(f"{name} is in {module} and in {owners[name]}")
            statements = source.definitions[name]
            if statements[0].lineno in found.get(module, ()):
                return
            found.setdefault(module, set()).add(statements[0].lineno)
            for one in used(ast.Module(statements[:1], [])):
                add(module, one)
            found[module] = found.pop(module)  # after what it needs

    for name in read(MODULE).definitions:
        add(MODULE, name)
    return found, imports, types - imports


def client_file() -> str:
    """The one file."""
    found, imports, types = needed()
    imports.add("from typing import TYPE_CHECKING")
    parts = [HEAD + "\n" + _imports(imports)]
    if types:
        parts[0] += "\nif TYPE_CHECKING:\n" + "".join(f"    {one}\n" for one in sorted(types))
    parts[0] += f'\n__version__ = "{__version__}"\n'
    before: ast.stmt | None = None
    for name in _in_order(found):
        module = read(name)
        unique = {id(one): one for one in module.definitions.values()}.values()
        for statements in sorted(unique, key=lambda one: one[0].lineno):
            if statements[0].lineno in found[name]:
                text = "\n".join(_text(module, one) for one in statements) + "\n"
                values = ast.Assign | ast.AnnAssign
                together = isinstance(statements[0], values) and (before is None or isinstance(before, values))
                parts.append(text if together else f"\n\n{text}")
                before = statements[0]
    return "".join(parts)


def _in_order(found: dict[str, set[int]]) -> list[str]:
    """Modules, each after those that it imports from."""
    order: list[str] = []

    def visit(name: str) -> None:
        for other, _ in read(name).inside.values():
            if other in found and other not in order and other != name:
                visit(other)
        if name not in order:
            order.append(name)

    visit(MODULE)
    return order


def _text(module: Module, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(one.lineno for one in decorators)])
    return "\n".join(module.text.splitlines()[first - 1 : statement.end_lineno])


def _imports(imports: set[str]) -> str:
    """Import statements: of the standard library, and of the two others."""
    merged: dict[str, set[str]] = {}
    for one in imports:
        start, _, name = one.rpartition("import ")
        merged.setdefault(start, set()).add(name)
    lines = [f"import {name}" for name in merged.pop("", set())]
    lines += [f"{start}import {', '.join(sorted(names, key=_rank))}" for start, names in merged.items()]
    others = [line for line in lines if line.split()[1] in ("zmq", "msgspec")]
    rest = [line for line in lines if line not in others]
    sections = [sorted(section, key=lambda line: (line.startswith("from"), line)) for section in (rest, others)]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _rank(name: str) -> tuple[bool, str]:
    """Constants come first."""
    return not name.isupper(), name


def types_file() -> str:
    """The types of all messages for TypeScript."""
    definitions = messages_schema()["$defs"]
    parts = ["// Messages of edge-daemon. Generated by `python -m tools.client_file`.\n"]
    for name, schema in definitions.items():
        text = " ".join(schema["description"].split())
        required = schema.get("required", [])
        parts.append(f"\n/** {text} */\nexport interface {name} {{\n")
        parts += [
            f"  {key}{'' if key in required else '?'}: {_type(value)};\n" for key, value in schema["properties"].items()
        ]
        parts.append("}\n")
    return "".join(parts)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in schema["enum"])
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return f"[{', '.join(map(_type, schema['prefixItems']))}]"
        case "array":
            item = _type(schema.get("items") or {})
            return f"({item})[]" if " | " in item else f"{item}[]"
        case "object":
            return f"Record<string, {_type(schema.get('additionalProperties') or {})}>"
        case "integer" | "number":
            return "number"
        case "string" | "boolean" | "null" as name:
            return str(name)
    return "unknown"


if __name__ == "__main__":
    CLIENT.write_text(client_file())
    TYPES.write_text(types_file())
