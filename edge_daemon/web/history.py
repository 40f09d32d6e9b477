"""The last hour in steps of ten seconds, and the last day in steps of five minutes: rates, delays, losses, CPU.

Both lie in files, so that a web that is started again loses no more than the time that this took. Where a step is
missing, there was no status.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean

import msgspec

from edge_daemon import line_file
from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.published import utc
from edge_daemon.messages.status import CameraStatus, Status, StreamCounts, Streams

logger = logging.getLogger(__name__)
HOUR_S, DAY_S = 3600.0, 86_400.0
STEP_S = {HOUR_S: 10.0, DAY_S: 300.0}
"""Length of the steps that are kept for a time."""
FINE = ("up", "ended")


class StreamStep(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of a camera for a model in one step, and the latency of results at its end."""

    captured: int
    delivered: int
    dropped: Dropped
    latency_ms: dict[str, float]


class CameraStep(msgspec.Struct, frozen=True, kw_only=True):
    """A camera in one step: the share of it in which it was `up`, and its mean frames a second; its last state."""

    state: str
    up: float
    fps: float
    models: dict[str, StreamStep]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of `duration_s`, which ended `at` a time."""

    at: str
    duration_s: float
    cameras: dict[str, CameraStep]
    cpu: dict[str, float] = {}
    """Mean number of cores in use, by kind of process."""


class Recorder:
    """Makes steps of the statuses, of which there is one a second."""

    def __init__(self) -> None:
        self._statuses: list[Status] = []
        self._began_s: float | None = None
        self._before: Streams = {}

    def note(self, status: Status, now_s: float) -> Step | None:
        """Take in a status; return the step that ends with it, if one does. One that took too long is none."""
        if self._began_s is None or now_s - self._began_s > 2 * STEP_S[HOUR_S]:
            self._begin(status, now_s)
            return None
        self._statuses.append(status)
        if now_s - self._began_s < STEP_S[HOUR_S]:
            return None
        step = Step(
            at=status.at,
            duration_s=round(now_s - self._began_s, 2),
            cameras={name: self._camera(name, camera) for name, camera in status.cameras.items()},
            cpu=_cpu(self._statuses),
        )
        self._begin(status, now_s)
        return step

    def _begin(self, status: Status, now_s: float) -> None:
        self._began_s, self._statuses = now_s, []
        self._before = {name: camera.models for name, camera in status.cameras.items()}

    def _camera(self, name: str, last: CameraStatus) -> CameraStep:
        seen = [status.cameras[name] for status in self._statuses if name in status.cameras]
        before = self._before.get(name, {})
        return CameraStep(
            state=last.state,
            up=round(fmean(camera.state in FINE for camera in seen), 2),
            fps=round(fmean(camera.fps for camera in seen), 2),
            models={model: _since(before.get(model), counts) for model, counts in last.models.items()},
        )


def _since(before: StreamCounts | None, now: StreamCounts) -> StreamStep:
    """The frames that have come since; all of them if the counts have begun again."""
    if before is None or now.captured < before.captured:
        before = StreamCounts(captured=0, delivered=0, dropped={}, in_flight=0, fps=0.0, latency_ms={}, found={})
    dropped = Counter(now.dropped)
    dropped.subtract(before.dropped)
    return StreamStep(
        captured=now.captured - before.captured,
        delivered=max(0, now.delivered - before.delivered),
        dropped={reason: count for reason, count in dropped.items() if count > 0},
        latency_ms=now.latency_ms,
    )


def _cpu(statuses: list[Status]) -> dict[str, float]:
    used: dict[str, float] = {}
    for process in (process for status in statuses for process in status.processes):
        used[process.role] = used.get(process.role, 0.0) + process.cpu
    return {role: round(cores / len(statuses), 3) for role, cores in used.items()}


def merged(steps: Sequence[Step]) -> Step:
    """One step of several that follow one another: sums of frames, means of rates, the longest delays."""
    last = steps[-1]
    names, roles = last.cameras, dict.fromkeys(role for step in steps for role in step.cpu)
    return Step(
        at=last.at,
        duration_s=round(sum(step.duration_s for step in steps), 2),
        cameras={name: _camera([step.cameras[name] for step in steps if name in step.cameras]) for name in names},
        cpu={role: round(fmean(step.cpu.get(role, 0.0) for step in steps), 3) for role in roles},
    )


def _camera(steps: list[CameraStep]) -> CameraStep:
    models = steps[-1].models
    return CameraStep(
        state=steps[-1].state,
        up=round(fmean(step.up for step in steps), 2),
        fps=round(fmean(step.fps for step in steps), 2),
        models={model: _stream([step.models[model] for step in steps if model in step.models]) for model in models},
    )


def _stream(steps: list[StreamStep]) -> StreamStep:
    dropped, latency_ms = Counter[str](), dict[str, float]()
    for step in steps:
        dropped.update(step.dropped)
        for name, value in step.latency_ms.items():
            latency_ms[name] = max(value, latency_ms.get(name, 0.0))
    return StreamStep(
        captured=sum(step.captured for step in steps),
        delivered=sum(step.delivered for step in steps),
        dropped=dict(dropped),
        latency_ms=latency_ms,
    )


class History:
    """Writes the steps of the hour to `file` and those of the day to a file beside it, and reads them."""

    def __init__(self, file: Path | None) -> None:
        self._files = {HOUR_S: file, DAY_S: file.with_stem(f"{file.stem}-day")} if file else {}
        self._recorder = Recorder()
        last = next(iter(self.read(DAY_S)[-1:]), None)
        self._parts = [step for step in self.read(HOUR_S) if last is None or step.at > last.at]

    def note(self, status: Status, now_s: float) -> None:
        """Take in a status."""
        if (step := self._recorder.note(status, now_s)) is None:
            return
        self._write(step, HOUR_S)
        if self._parts and _seconds_between(self._parts[0], step) >= STEP_S[DAY_S]:
            self._write(merged(self._parts), DAY_S)
            self._parts = []
        self._parts.append(step)

    def _write(self, step: Step, kept_s: float) -> None:
        if (file := self._files.get(kept_s)) is None:
            return
        line = msgspec.json.encode(step)
        try:
            line_file.append(file, line, int(len(line) * kept_s / STEP_S[kept_s]))
        except OSError as error:
            logger.debug("cannot keep the history: %s", error.strerror)

    def read(self, kept_s: float = HOUR_S, cameras: Collection[str] | None = None) -> list[Step]:
        """The steps of the last hour or day, the oldest first; of some cameras, or all."""
        since, steps = utc(time.time_ns() - int(kept_s * 1e9)), list[Step]()
        for line in line_file.backwards(file) if (file := self._files.get(kept_s)) else ():
            try:
                step = msgspec.json.decode(line, type=Step)
            except (msgspec.DecodeError, UnicodeDecodeError):  # cut short
                continue
            if step.at < since:
                break
            if cameras:
                kept = {name: camera for name, camera in step.cameras.items() if name in cameras}
                step = msgspec.structs.replace(step, cameras=kept)
            steps.append(step)
        return steps[::-1]


def _seconds_between(first: Step, last: Step) -> float:
    began, ended = (datetime.fromisoformat(step.at) for step in (first, last))
    return (ended - began).total_seconds()
