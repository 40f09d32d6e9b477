"""Answers to requests with names that do not exist: which there are, and which one was probably meant."""

from collections.abc import Collection

from fastapi import HTTPException
from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection

from edge_daemon.config.problems import unknown


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
