"""Routes for events, counts, zones and rules, and to switch rules and the mode."""

from typing import Annotated

import msgspec
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from edge_daemon.config.problems import unknown
from edge_daemon.messages.requests import Requester, SetMode, SwitchCamera, SwitchRule
from edge_daemon.messages.topics import EVENT
from edge_daemon.web.bodies import read_json
from edge_daemon.web.changing import as_response
from edge_daemon.web.live import Entry
from edge_daemon.web.names import check
from edge_daemon.web.recent import KEPT
from edge_daemon.web.roles import OPERATOR, VIEWER
from edge_daemon.web.service import Service, as_json, described, number
from edge_daemon.web.stored import NOT_STORED, seconds_of, stored_of
from edge_daemon.web.watching import as_stream, stream_of

PAGE = 48
"""Events in an answer, unless it asks for another number."""
Cameras = Annotated[list[str] | None, Query(alias="camera", description="Only of these cameras")]
Classes = Annotated[list[str] | None, Query(alias="class", description="Only with one of these classes")]
Zones = Annotated[list[str] | None, Query(alias="zone", description="Only in one of these zones")]
Since = Annotated[str | None, Query(alias="from", description="Not before this time, such as 2026-11-28T18:00:00Z")]
Until = Annotated[str | None, Query(alias="to", description="Before this time")]
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
        classes: Classes = None,
        zones: Zones = None,
        since: Since = None,
        until: Until = None,
        text: Annotated[
            str | None, Query(max_length=200, description="Words, each in a name of class, zone, rule or camera")
        ] = None,
        after: Annotated[str | None, Query(description="Cursor: `after` of the answer before")] = None,
        most: Annotated[int, Query(ge=1, le=KEPT, description="Maximum number of events")] = PAGE,
    ) -> Response:
        """Each event is its last message, with `began_at`, and `open` while it has not ended. `after` is the cursor of
        older ones, null if there are none. Classes, zones, times and words can be asked for where events are stored.
        """
        check_names(cameras, rules)
        times_s = seconds_of("from", since), seconds_of("to", until)
        if stored := stored_of(service):
            words = {"camera": cameras, "rule": rules, "class": classes, "zone": zones}
            return as_json(await run_in_threadpool(stored.page, words, times_s, after, most, text))
        if classes or zones or since or until or text:
            raise HTTPException(422, NOT_STORED)
        if after is not None and recent.event(after) is None:
            raise HTTPException(404, f"the event {after} is not kept any more")
        found = list(zip(recent.events(cameras, rules, after), range(most + 1), strict=False))
        shown = [one.shown() for one, _ in found[:most]]
        return as_json({"events": shown, "after": shown[-1]["id"] if len(found) > most else None})

    @app.get("/api/events/timeline", summary="How many events began when", tags=["events"], dependencies=[VIEWER])
    async def timeline(
        cameras: Cameras = None,
        since: Since = None,
        until: Until = None,
        step: Annotated[str, Query(description="Length of a bucket, such as 10min, 1h or 1d")] = "1h",
    ) -> Response:
        """For each step from `from` (a day ago) to `to` (now) in which any began: alerts, and other events."""
        check("camera", cameras, service.live.cameras)
        stored = stored_of(service)
        if stored is None:
            raise HTTPException(422, NOT_STORED)
        times_s = seconds_of("from", since), seconds_of("to", until)
        return as_json(await run_in_threadpool(stored.timeline, cameras, *times_s, step))

    @app.get("/api/events/stream", summary="Events as server-sent events", tags=["events"], dependencies=[VIEWER])
    async def stream(
        cameras: Cameras = None, rules: Rules = None, last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        check_names(cameras, rules)

        def wanted(entry: Entry) -> bool:
            is_event = entry.topic == EVENT.name
            return is_event and (not cameras or entry.camera in cameras) and (not rules or entry.rule in rules)

        if stored := stored_of(service):
            return as_stream(stored.stream(service.live, wanted, last_event_id))
        return stream_of(service.live, wanted, number(last_event_id))

    @app.get("/api/events/{event}", summary="One event", tags=["events"], dependencies=[VIEWER])
    async def one_event(event: str) -> Response:
        if stored := stored_of(service):
            return as_json(await run_in_threadpool(stored.event, event))
        if (found := recent.event(event)) is None:
            raise HTTPException(404, f"the event {event} does not exist, or is not kept any more")
        return as_json(found.shown())

    @app.get("/api/counts", summary="Counts of lines and zones", tags=["events"], dependencies=[VIEWER])
    async def counts(
        cameras: Cameras = None,
        zones: Zones = None,
        lines: Annotated[list[str] | None, Query(alias="line", description="Only of these lines")] = None,
        since: Since = None,
        until: Until = None,
        step: Annotated[str, Query(description="Length of a bucket, such as 15min, 1h or 1d")] = "1h",
    ) -> Response:
        """The last counts of each camera; with `from`, what was counted in each `step` from then on to `to` (now)."""
        check("camera", cameras, service.live.cameras)
        since_s, until_s = seconds_of("from", since), seconds_of("to", until)
        if since_s is not None:
            stored = stored_of(service)
            if stored is None:
                raise HTTPException(422, NOT_STORED)
            return as_json(await run_in_threadpool(stored.counts, cameras, zones, lines, since_s, until_s, step))
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
        "/api/rules/{rule}", summary="Switch a rule on or off", tags=["events"], openapi_extra=described(RuleSwitch)
    )
    async def switch_rule(rule: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"enabled": false, "until": "2026-11-28T18:00:00Z"}`; without `until` it stays so."""
        if rule not in service.settings.rules:
            raise HTTPException(404, unknown("rule", rule, service.settings.rules))
        body = await read_json(request, RuleSwitch)
        switch = SwitchRule(by=who, rule=rule, enabled=body.enabled, until=body.until)
        return as_response(await service.supervisor.ask(switch))

    @app.post(
        "/api/cameras/{camera}",
        summary="Switch a camera on or off",
        tags=["cameras"],
        openapi_extra=described(CameraSwitch),
    )
    async def switch_camera(camera: str, request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"enabled": false}`."""
        service.camera(camera)
        body = await read_json(request, CameraSwitch)
        return as_response(await service.supervisor.ask(SwitchCamera(by=who, camera=camera, enabled=body.enabled)))

    @app.post("/api/mode", summary="Set the mode", tags=["events"], openapi_extra=described(ModeSwitch))
    async def set_mode(request: Request, who: Annotated[Requester, OPERATOR]) -> Response:
        """The body is `{"mode": "away"}`."""
        body = await read_json(request, ModeSwitch)
        return as_response(await service.supervisor.ask(SetMode(by=who, mode=body.mode)))
