"""Answers to requests with names that do not exist: which there are, and which one was probably meant."""

from collections.abc import Collection

from fastapi import HTTPException
from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection

from edge_daemon.config.problems import close

SHOWN, MOST = 100, 100
"""Characters of a wrong name that an error shows, and names that it lists."""


def unknown(kind: str, name: str, names: Collection[str]) -> str:
    """A sentence on the `name` of a camera, model or the like that does not exist."""
    guess = close(name[:SHOWN], names) or next((known for known in names if name and known.startswith(name)), None)
    some = ", ".join(list(names)[:MOST]) + (", …" if len(names) > MOST else "")
    there_are = f"there are {some}" if names else "there is none"
    return f"there is no {kind} {name[:SHOWN]}; " + (f"did you mean {guess}? " if guess else "") + there_are


def check(kind: str, asked: Collection[str] | None, names: Collection[str]) -> None:
    """Check the names in a query.

    Raises:
        HTTPException: one of them does not exist.
    """
    for name in asked or ():
        if name not in names:
            raise HTTPException(422, unknown(kind, name, names))


def check_parameters(request: HTTPConnection) -> None:
    """Check that the route of a request knows all parameters of its query.

    Raises:
        HTTPException: it does not.
    """
    dependant: Dependant = request.scope["route"].dependant
    known = [field.alias for field in dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise HTTPException(422, unknown("parameter", name, known))
