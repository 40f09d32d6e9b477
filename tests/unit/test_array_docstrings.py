"""Docstrings of public functions give the shape of arrays, and their dtype or colour order."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import edge_daemon

PACKAGE = Path(edge_daemon.__file__).parent
SHAPE = re.compile(
    r"height x|width x|height, width|any shape|see `"  # words, or a reference to another function
    r"|(?<![^\s(])(\.\.\.|[A-Zh\d]+) ?x ?[\w]"  # Nx4, N x K x 3, ...x2, h x w, 256 x 3
    r"|\((\.\.\.|[a-zN]\w*)[,)]",  # (..., 2), (n, 14, 2), (N)
    re.IGNORECASE,
)
CONTENT = re.compile(r"\b(u?int\d+|float\d*|bool|BGR|RGB|BGRA|grey|dtype|types?)\b|see `", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def array_types(module: Path) -> frozenset[str]:
    """Names in a module that stand for arrays: NDArray, and aliases, its own or imported, that are not documented."""
    found = {"NDArray", "ArrayLike"}
    body = ast.parse(module.read_text()).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edge_daemon."):
            source = PACKAGE.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
            names = {alias.name for alias in node.names}
            found |= names & array_types(source) if source.exists() else set()
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
            if isinstance(node.value, ast.Subscript | ast.BinOp) and named & found and not is_description(following):
                found.add(node.targets[0].id)
    return frozenset(found)


def is_description(node: ast.stmt | None) -> bool:
    """True for a docstring with shape and content."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and is_good(value.value)


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Functions of a module and methods of its public classes that callers from outside use."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")]
    for body in bodies:
        for node in body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                yield node


def uses(function: Function, types: frozenset[str]) -> bool:
    arguments = function.args
    annotations = [one.annotation for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names = {
        node.id
        for annotation in (*annotations, function.returns)
        if annotation is not None
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name)
    }
    return bool(names & types)


def is_good(text: str) -> bool:
    return bool(SHAPE.search(text) and CONTENT.search(text))


def is_documented(function: Function) -> bool:
    return is_good(ast.get_docstring(function) or "")


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrays_have_shape_and_content(module: Path) -> None:
    types = array_types(module)
    bare = [
        f"{function.name} (line {function.lineno})"
        for function in public_functions(ast.parse(module.read_text()))
        if uses(function, types) and not is_documented(function)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("A picture (BGR, uint8, height x width x 3).", True),
        ("Boxes (float32 Nx4).", True),
        ("The whole picture; see `decode_bgr`.", True),
        ("Brightness first.", False),
        ("The whole BGR picture.", False),
        ("Boxes as Nx4.", False),
        ("Half of a box next to another.", False),
    ],
)
def test_the_rule_itself(text: str, good: bool) -> None:
    (function,) = public_functions(ast.parse(f'def f(a: NDArray) -> None:\n    """{text}"""\n'))
    assert uses(function, frozenset({"NDArray"}))
    assert is_documented(function) == good
