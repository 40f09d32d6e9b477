"""Switches rules and cameras on and off, and sets the mode, as people ask for it."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_daemon.config.problems import unknown
from edge_daemon.errors import ConfigError, EdgeError
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import Reply, SetMode, SwitchCamera, SwitchRule
from edge_daemon.messages.switches import SwitchState
from edge_daemon.runtime import switches
from edge_daemon.settings import CaptureSettings, SinkSettings
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.request_router import Respond


class Switchboard:
    """Keeps what was switched in the folder `state`, if there is one; `settings` are those of the sink at present."""

    def __init__(
        self,
        state: Path | None,
        settings: Callable[[], SinkSettings | None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._state, self._settings, self._now_ns = state, settings, now_ns
        self._kept = switches.read(state)

    @property
    def present(self) -> SwitchState:
        """What is switched now."""
        return self._kept.at(utc(self._now_ns()), self._modes)

    def switch_rule(self, request: SwitchRule, respond: Respond) -> None:
        """Switch a rule.

        Raises:
            EdgeError: there is no such rule, the time is none to come, or it cannot be kept.
        """
        _check("rule", request.rule, self._rules)
        until = None if request.until is None else self._later(request.until)
        off = {rule: end for rule, end in self.present.off.items() if rule != request.rule}
        if not request.enabled:
            off[request.rule] = until
        self._keep(msgspec.structs.replace(self._kept, off=off))
        state = "on" if request.enabled else f"off until {until}" if until else "off"
        respond(Reply(text=f"rule {request.rule} is {state}"))

    def set_mode(self, request: SetMode, respond: Respond) -> None:
        """Set the mode.

        Raises:
            EdgeError: there is no such mode, or it cannot be kept.
        """
        _check("mode", request.mode, self._modes)
        self._keep(msgspec.structs.replace(self._kept, mode=request.mode))
        respond(Reply(text=f"the mode is {request.mode}"))

    def switch_camera(self, request: SwitchCamera) -> str:
        """Switch a camera; return what was done, once the processes `applied` it.

        Raises:
            EdgeError: there is no such camera, it is one that is read once, or it cannot be kept.
        """
        settings = self._settings()
        cameras = settings.cameras if settings else {}
        _check("camera", request.camera, cameras)
        if cameras[request.camera].delivery == "lossless":
            raise ConfigError(f"camera {request.camera} is read once from its beginning to its end: it cannot be off")
        off = [camera for camera in self._kept.cameras_off if camera != request.camera]
        if not request.enabled:
            off.append(request.camera)
        self._keep(msgspec.structs.replace(self._kept, cameras_off=off))
        return f"camera {request.camera} is {'on' if request.enabled else 'off'}"

    def applied(self, specs: Iterable[ProcessSpec]) -> list[ProcessSpec]:
        """The same processes, of which captures of cameras that are off do not read them."""
        return [self._applied(spec) for spec in specs]

    def _applied(self, spec: ProcessSpec) -> ProcessSpec:
        if not isinstance(spec.settings, CaptureSettings):
            return spec
        enabled = spec.name not in self._kept.cameras_off or spec.settings.delivery == "lossless"
        return replace(spec, settings=msgspec.structs.replace(spec.settings, enabled=enabled))

    @property
    def _modes(self) -> Sequence[str]:
        settings = self._settings()
        return settings.modes if settings else ()

    @property
    def _rules(self) -> Collection[str]:
        settings = self._settings()
        return list(dict.fromkeys(rule for one in (settings.analyses if settings else ()) for rule in one.rules.rules))

    def _later(self, text: str) -> str:
        """A time to come, in UTC."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(f"until: {text!r} is no time such as 2026-11-28T18:00:00Z") from error
        if moment.tzinfo is None:
            raise ConfigError(f"until: {text!r} needs a time zone, such as 2026-11-28T18:00:00Z")
        until = utc(round(moment.astimezone(UTC).timestamp() * 1e9))
        if until <= utc(self._now_ns()):
            raise ConfigError(f"until: {text} is over")
        return until

    def _keep(self, state: SwitchState) -> None:
        if self._state:
            try:
                switches.write(self._state, state)
            except OSError as error:
                raise EdgeError(f"cannot keep it in {self._state}: {error.strerror}") from error
        self._kept = state


def _check(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigError(unknown(kind, name, known))
