"""Tracks, counts and events of all cameras and models that ask for them."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from edge_daemon.analytics.analysis import Analysis, AnalysisState, Clock
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.events import Event
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.hints import kind_of
from edge_daemon.messages.published import Result
from edge_daemon.messages.status import CameraStatus, Totals
from edge_daemon.messages.switches import SwitchState
from edge_daemon.messages.topics import Analytics
from edge_daemon.rules.stream import Switches
from edge_daemon.settings import AnalysisSettings

logger = logging.getLogger(__name__)
OFF = "off"
"""Why a camera that was switched off gives no frames."""
AGE_S = 0.5
"""Oldest state of a live stream that is left to the next sink."""


class Analyses:
    """Keeps an analysis for each camera and model of its settings.

    `checkpoint` are the states that the previous sink left, `kept` those of the previous run of the service. `made` are
    those that made something since their state was given out.
    """

    def __init__(
        self,
        settings: Sequence[AnalysisSettings],
        checkpoint: Mapping[StreamKey, bytes] | None = None,
        kept: Mapping[StreamKey, bytes] | None = None,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._wall_s = wall_s
        self._checkpoint, self._kept = dict(checkpoint or {}), dict(kept or {})
        self._running: dict[StreamKey, Analysis] = {}
        self._looked_ns: dict[StreamKey, int] = {}  # when the last frame was captured
        self._saved_s: dict[StreamKey, float] = {}  # when its state was given out last
        self.made: set[StreamKey] = set()
        self._scenes: dict[str, frozenset[str]] = {}  # states of each camera's picture
        self._cameras: Mapping[str, CameraStatus] = {}
        self._dropped: Mapping[StreamKey, Mapping[str, int]] = {}
        self._switched = SwitchState()
        self._events: dict[StreamKey, Counter[str]] = {}  # that began, by rule
        self._system: frozenset[str] = frozenset()
        self._encode = msgspec.msgpack.Encoder().encode
        self.change(settings)

    def change(self, settings: Sequence[AnalysisSettings]) -> None:
        """Switch to other settings. What is the same in them goes on; the state of what is gone is dropped."""
        before, self._running = self._running, {}
        for each in settings:
            key = each.camera, each.model
            old = before.get(key)
            if old and old.settings == each:
                self._running[key] = old
            else:
                self._running[key] = Analysis(each, old.state if old else self._left(key, each))

    def note(
        self,
        cameras: Mapping[str, CameraStatus],
        system: Iterable[str] = (),
        dropped: Mapping[StreamKey, Mapping[str, int]] | None = None,
    ) -> None:
        """Note the states of the cameras and of the `system`, and the frames `dropped` since the last result of each
        camera and model, by reason.
        """
        self._cameras, self._system, self._dropped = cameras, frozenset(system), dropped or {}

    def switch(self, switched: SwitchState) -> None:
        """Note the mode, and the rules that are off."""
        self._switched = switched

    def totals(self, camera: str, model: str) -> Totals | msgspec.UnsetType:
        """Totals of a camera and model, if there are any."""
        running = self._running.get((camera, model))
        if running is None:
            return msgspec.UNSET
        return msgspec.structs.replace(running.rules.totals, events=dict(self._events.get((camera, model), {})))

    def look(self, result: Result, frame: Frame) -> list[Analytics]:
        """Take in a result, and give its detections the numbers of their tracks."""
        key = result.camera, result.model
        running = self._running.get(key)
        if running is None:
            first = result.camera, result.after or ""
            return self._noted(first, self._running[first].follow(result)) if first in self._running else []
        self._looked_ns[key], self._scenes[result.camera] = frame.captured_ns, frozenset(frame.scene or ())
        return self._noted(key, running.look(result, self._switches(result.camera)))

    def pass_time(self, now_ns: int) -> Iterator[Analytics]:
        """Let time pass in all of them, once a second or so."""
        for key, running in self._running.items():
            dropped = self._dropped.get(key, {})
            yield from self._noted(key, running.pass_time(self._clock(key, now_ns), dropped, self._switches(key[0])))

    def end(self, camera: str, model: str, now_ns: int) -> list[Analytics]:
        """End what is open in one of them: its source has ended."""
        running = self._running.get((camera, model))
        return running.end(self._clock((camera, model), now_ns)) if running else []

    def _noted(self, key: StreamKey, made: list[Analytics]) -> list[Analytics]:
        """What was made, after it was noted that there is something, and the events in it were counted."""
        if made:
            self.made.add(key)
        begun = [message.rule for message in made if isinstance(message, Event) and message.phase == "start"]
        if begun:
            self._events.setdefault(key, Counter()).update(begun)
        return made

    def states(self, keys: Iterable[StreamKey]) -> dict[StreamKey, bytes]:
        """The states of these cameras and models that the next sink needs. In live delivery a state is left out that
        is not old, and in which nothing but positions has changed.
        """
        now_s, states = time.monotonic(), {}
        for key in keys:
            if running := self._running.get(key):
                age_s = now_s - self._saved_s.get(key, -AGE_S)
                if running.settings.lossless or key in self.made or age_s >= AGE_S:
                    states[key], self._saved_s[key] = self._encode(running.state), now_s
                    self.made.discard(key)
        return states

    def kept_states(self) -> dict[StreamKey, bytes]:
        """The states that survive the service: those of sources without an end."""
        return {key: self._encode(one.state) for key, one in self._running.items() if not one.settings.finite}

    def _left(self, key: StreamKey, settings: AnalysisSettings) -> AnalysisState | None:
        """The state that was left for an analysis which begins now."""
        if data := self._checkpoint.pop(key, None):
            return _decoded(data, key)
        data = self._kept.pop(key, None)
        if data is None or settings.finite:
            return None
        state = _decoded(data, key)
        if state:
            state.rules.interval = None  # the monotonic clock may have begun again
        return state

    def _switches(self, camera: str) -> Switches:
        status = None if camera in self._switched.cameras_off else self._cameras.get(camera)
        scene = self._scenes.get(camera, frozenset())
        present = {"camera": _states_of(status), "scene": scene, "system": self._system}
        return Switches(self._switched.mode, self._switched.off, present)

    def _clock(self, key: StreamKey, now_ns: int) -> Clock:
        if self._running[key].settings.finite:  # its time is that of the file
            return Clock(now_ns / 1e9, self._wall_s())
        away_s = max(0, now_ns - self._looked_ns.get(key, now_ns)) / 1e9
        status = self._cameras.get(key[0])
        outage = OFF if key[0] in self._switched.cameras_off else _outage(status) if status else None
        return Clock(now_ns / 1e9, self._wall_s(), away_s, outage)


def _outage(status: CameraStatus) -> str | None:
    """Why a camera gives no frames; None if it does."""
    if status.reason is msgspec.UNSET or status.state == "frozen":
        return None
    return status.reason


def _states_of(status: CameraStatus | None) -> frozenset[str]:
    """The states of a camera that rules are about."""
    if status is None or status.state == OFF:
        return frozenset()
    if status.state == "frozen":
        return frozenset({"frozen"})
    return frozenset({"down"}) if _outage(status) or kind_of(status.state) == "down" else frozenset()


def _decoded(data: bytes, key: StreamKey) -> AnalysisState | None:
    try:
        return msgspec.msgpack.decode(data, type=AnalysisState)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        camera, model = key
        logger.warning(
            "%s / %s: tracks and counts begin again, since their state cannot be read: %s", camera, model, error
        )
        return None
