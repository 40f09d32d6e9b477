"""The role that a route needs: declared at the route, as a dependency, and checked here.

A route takes `dependencies=[VIEWER]`, or a parameter `who: Annotated[Requester, ADMINISTRATOR]` where it has to know
who asks; one that everybody may use takes `PUBLIC`. The application refuses to start with a route that declares none.
Refused attempts at more than a viewer may do are listed in the audit log.
"""

import time
from collections.abc import Iterable
from typing import Any

from fastapi import Depends, HTTPException, WebSocketException
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from edge_daemon.messages.requests import Requester
from edge_daemon.tokens import Role
from edge_daemon.web.access import Access, Identity, RequestHead
from edge_daemon.web.guard import HEAD, headers_of
from edge_daemon.web.names import check_parameters
from edge_daemon.web.supervisor_client import SupervisorClient

SCHEME = "token"
"""Name of the security scheme in the OpenAPI document."""


class Gate:
    """Admits requests to routes; the application has one as `app.state.gate`."""

    def __init__(self, access: Access, supervisor: SupervisorClient) -> None:
        self._access, self._supervisor = access, supervisor

    def admit(self, connection: HTTPConnection, needed: Role | None) -> Requester:
        """Return who sent a request to a route that needs a role.

        Raises:
            HTTPException: a token is missing, wrong or of another role, or another site sent the request
                (WebSocketException: the same, of a WebSocket).
        """
        head: RequestHead = connection.scope[HEAD]
        found = self._access.admit(head, needed, time.monotonic())
        if isinstance(found, Identity):
            return requester(found, head.client)
        if needed not in (None, "viewer"):
            action = connection.scope["route"].name
            self._supervisor.note(requester(found.who, head.client), action, "refused", found.sentence)
        if connection.scope["type"] == "websocket":
            raise WebSocketException(1008, found.sentence)
        raise HTTPException(found.status, found.sentence, headers_of(found))

    def knows(self, connection: HTTPConnection) -> bool:
        """True if the sender of a request to a public route is a viewer, too."""
        head: RequestHead = connection.scope[HEAD]
        if self._access.asks and head.is_anonymous:
            return False
        return isinstance(self._access.admit(head, "viewer", time.monotonic()), Identity)


class Needs:
    """Dependency of a route that needs a role, or (None) is public."""

    def __init__(self, role: Role | None) -> None:
        self.role = role

    async def __call__(self, connection: HTTPConnection) -> Requester:
        """Admit a request, and return who sent it.

        Raises:
            HTTPException: it is refused, or has a parameter that the route does not know.
        """
        who = gate_of(connection).admit(connection, self.role)
        if connection.scope["type"] == "http" and connection.scope["route"].include_in_schema:
            check_parameters(connection)
        return who


class NeedsOrLink(Needs):
    """Dependency of a route that needs a role, or a signed link to it (`app.state.is_linked`)."""

    async def __call__(self, connection: HTTPConnection) -> Requester:
        """Admit a request, and return who sent it.

        Raises:
            HTTPException: it is refused, or has a parameter that the route does not know.
        """
        if "signature" not in connection.query_params:
            return await super().__call__(connection)
        check_parameters(connection)
        if not connection.app.state.is_linked(connection):
            raise HTTPException(403, "the link is wrong, or has ended: ask for another")
        head: RequestHead = connection.scope[HEAD]
        return Requester(name="link", role=self.role, via="web", address=head.client)


PUBLIC, VIEWER, OPERATOR, ADMINISTRATOR = (
    Depends(Needs(role)) for role in (None, "viewer", "operator", "administrator")
)


LINKED_VIEWER = Depends(NeedsOrLink("viewer"))


def gate_of(connection: HTTPConnection) -> Gate:
    """The gate of the application that got a request."""
    gate: Gate = connection.app.state.gate
    return gate


def requester(who: Identity | None, address: str) -> Requester:
    """The sender of a request, for the supervisor and the audit log."""
    return Requester(name=who.name if who else "", role=who.role if who else None, via="web", address=address)


def document(routes: Iterable[BaseRoute]) -> None:
    """Write the role that each route needs into its description (OpenAPI).

    Raises:
        TypeError: a route declares none, or is of a kind that cannot.
    """
    for route in routes:
        if not isinstance(route, APIRoute | APIWebSocketRoute):
            raise TypeError(f"{route} is of a kind that declares no role")
        calls = [dependency.call for dependency in route.dependant.dependencies]
        needs = [call for call in calls if isinstance(call, Needs)]
        if len(needs) != 1:
            raise TypeError(f"route {route.path} has to declare the one role that it needs (web/roles.py)")
        if isinstance(route, APIRoute):
            security = [] if needs[0].role is None else [{SCHEME: [needs[0].role]}]
            route.openapi_extra = {**(route.openapi_extra or {}), "security": security}


def with_scheme(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the scheme that its `security` entries refer to."""
    scheme = {"type": "http", "scheme": "bearer", "description": "A token; roles are written as its scopes."}
    return document | {"components": document.get("components", {}) | {"securitySchemes": {SCHEME: scheme}}}
