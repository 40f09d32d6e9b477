"""Routes for events, counts, zones and rules, and to switch rules and the mode."""

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response

from edge_daemon.config.problems import unknown
from edge_daemon.messages.requests import Requester, SetMode, SwitchCamera, SwitchRule
from edge_daemon.messages.topics import EVENT
from edge_daemon.web.bodies import read_body
from edge_daemon.web.changing import MOST_BYTES, as_response
from edge_daemon.web.live import Entry
from edge_daemon.web.names import check
from edge_daemon.web.recent import KEPT
from edge_daemon.web.roles import OPERATOR, VIEWER
from edge_daemon.web.service import Service, as_json, number
from edge_daemon.web.watching import stream_of

PAGE = 48
"""Events in an answer, unless it asks for another number."""
S = TypeVar("S", bound=msgspec.Struct)
Cameras = Annotated[list[str] | None, Query(alias="camera", description="Only of these cameras")]
Rules = Annotated[list[str] | None, Query(alias="rule", description="Only of these rules")]


class RuleSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that switches a rule; `until` is when it is on again, with a time zone."""

    enabled: bool
    until: str | None = None


class CameraSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that switches a camera."""

    enabled: bool


class ModeSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that sets the mode."""

    mode: str


def _described(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A route's body for the OpenAPI document."""
    (schema,), components = msgspec.json.schema_components([kind])
    schema = components[schema["$ref"].rpartition("/")[2]]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""
    _add_events(app, service)
    _add_places(app, service)
    _add_switches(app, service)


def _add_events(app: FastAPI, service: Service) -> None:
    recent = service.live.recent

    def check_names(cameras: list[str] | None, rules: list[str] | None) -> None:
        check("camera", cameras, service.live.cameras)
        check("rule", rules, list(service.settings.rules))

    @app.get("/api/events", summary="The last events, newest first", tags=["events"], dependencies=[VIEWER])
    async def events(
        cameras: Cameras = None,
        rules: Rules = None,
        after: Annotated[str | None, Query(description="Cursor: `after` of the answer before")] = None,
        most: Annotated[int, Query(ge=1, le=KEPT, description="Maximum number of events")] = PAGE,
    ) -> Response:
        """Each event is its last message, with `began_at`, and `open` while it has not ended. `after` is the cursor of
        older ones, null if there are none.
        """
        check_names(cameras, rules)
        if after is not None and recent.event(after) is None:
            raise HTTPException(404, f"the event {after} is not kept any more")
        found = list(zip(recent.events(cameras, rules, after), range(most + 1), strict=False))
        shown = [one.shown() for one, _ in found[:most]]
        return as_json({"events": shown, "after": shown[-1]["id"] if len(found) > most else None})

    @app.get("/api/events/stream", summary="Events as server-sent events", tags=["events"], dependencies=[VIEWER])
    async def stream(
        cameras: Cameras = None, rules: Rules = None, last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        check_names(cameras, rules)

        def wanted(entry: Entry) -> bool:
            is_event = entry.topic == EVENT.name
            return is_event and (not cameras or entry.camera in cameras) and (not rules or entry.rule in rules)

        return stream_of(service.live, wanted, number(last_event_id))

    @app.get("/api/events/{event}", summary="One event", tags=["events"], dependencies=[VIEWER])
    async def one_event(event: str) -> Response:
        if (found := recent.event(event)) is None:
            raise HTTPException(404, f"the event {event} does not exist, or is not kept any more")
        return as_json(found.shown())

    @app.get("/api/counts", summary="The last counts of lines and zones", tags=["events"], dependencies=[VIEWER])
    async def counts(cameras: Cameras = None) -> Response:
        check("camera", cameras, service.live.cameras)
        return as_json(recent.counts(cameras))


def _add_places(app: FastAPI, service: Service) -> None:
    @app.get(
        "/api/cameras/{camera}/zones",
        summary="Zones, lines, ignored and hidden areas of a camera",
        tags=["cameras"],
        dependencies=[VIEWER],
    )
    async def zones(camera: str) -> Response:
        service.camera(camera)
        return as_json(service.settings.places.get(camera, {}))


def _add_switches(app: FastAPI, service: Service) -> None:
    @app.get("/api/rules", summary="The rules, and if they are on", tags=["events"], dependencies=[VIEWER])
    async def rules() -> Response:
        switches = service.live.status.switches if service.live.status else None
        off = switches.off if switches else {}
        return as_json(
            {
                "mode": switches.mode if switches else None,
                "modes": service.settings.modes,
                "rules": [
                    {"name": name, **msgspec.to_builtins(rule), "enabled": name not in off, "until": off.get(name)}
                    for name, rule in service.settings.rules.items()
                ],
            }
        )

    @app.post(
        "/api/rules/{rule}", summary="Switch a rule on or off", tags=["events"], openapi_extra=_described(RuleSwitch)
    )
    async def switch_rule(rule: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"enabled": false, "until": "2026-11-28T18:00:00Z"}`; without `until` it stays so."""
        if rule not in service.settings.rules:
            raise HTTPException(404, unknown("rule", rule, service.settings.rules))
        body = await _body(request, RuleSwitch)
        switch = SwitchRule(by=who, rule=rule, enabled=body.enabled, until=body.until)
        return as_response(await service.supervisor.ask(switch))

    @app.post(
        "/api/cameras/{camera}",
        summary="Switch a camera on or off",
        tags=["cameras"],
        openapi_extra=_described(CameraSwitch),
    )
    async def switch_camera(camera: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"enabled": false}`."""
        service.camera(camera)
        body = await _body(request, CameraSwitch)
        return as_response(await service.supervisor.ask(SwitchCamera(by=who, camera=camera, enabled=body.enabled)))

    @app.post("/api/mode", summary="Set the mode", tags=["events"], openapi_extra=_described(ModeSwitch))
    async def set_mode(request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"mode": "away"}`."""
        body = await _body(request, ModeSwitch)
        return as_response(await service.supervisor.ask(SetMode(by=who, mode=body.mode)))


async def _body(request: Request, kind: type[S]) -> S:
    """The body of a request, which is JSON.

    Raises:
        HTTPException: it is something else.
    """
    try:
        return msgspec.json.decode(await read_body(request, MOST_BYTES), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(422, f"the body is not what is expected: {error}") from error
