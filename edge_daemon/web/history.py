"""The last hour of the cameras, in steps of ten seconds: rates, delays, losses by reason.

It lies in a file, so that a web that is started again loses no more than the time that this took. Where a step is
missing, there was no status.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from statistics import fmean

import msgspec

from edge_daemon import line_file
from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.published import utc
from edge_daemon.messages.status import CameraStatus, Status, StreamCounts, Streams

logger = logging.getLogger(__name__)
STEP_S, KEPT_S = 10.0, 3600.0
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


class Recorder:
    """Makes steps of the statuses, of which there is one a second."""

    def __init__(self) -> None:
        self._statuses: list[Status] = []
        self._began_s: float | None = None
        self._before: Streams = {}

    def note(self, status: Status, now_s: float) -> Step | None:
        """Take in a status; return the step that ends with it, if one does. One that took too long is none."""
        if self._began_s is None or now_s - self._began_s > 2 * STEP_S:
            self._begin(status, now_s)
            return None
        self._statuses.append(status)
        if now_s - self._began_s < STEP_S:
            return None
        step = Step(
            at=status.at,
            duration_s=round(now_s - self._began_s, 2),
            cameras={name: self._camera(name, camera) for name, camera in status.cameras.items()},
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


class History:
    """Writes the steps to `file`, and reads them."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._recorder = file, Recorder()

    def note(self, status: Status, now_s: float) -> None:
        """Take in a status."""
        step = self._recorder.note(status, now_s)
        if step is None or self._file is None:
            return
        line = msgspec.json.encode(step)
        try:
            line_file.append(self._file, line, int(len(line) * KEPT_S / STEP_S))
        except OSError as error:
            logger.debug("cannot keep the history: %s", error.strerror)

    def read(self, cameras: Collection[str] | None = None) -> list[Step]:
        """The steps of the last hour, the oldest first; of some cameras, or all."""
        since, steps = utc(time.time_ns() - int(KEPT_S * 1e9)), list[Step]()
        for line in line_file.backwards(self._file) if self._file else ():
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
